"""Cases found on disk: by patterns, in a table, in a BIDS-like tree, in nnU-Net's raw layout."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from napari_medai.core.errors import ArgumentError, ReadError
from napari_medai.io.files import stem
from napari_medai.train.cases import Case, Cases
from napari_medai.train.painted import UNKNOWN, Unpainted

BIDS_LABELS = re.compile(r"_(dseg|mask|label-[A-Za-z0-9]+_mask|roi)\.nii(\.gz)?$")


def find_cases(
    place: str | Path,
    *,
    image: str | Sequence[str] = "",
    labels: str | Sequence[str] = "",
    subject: str = "",
    ignore: int | None = None,
    repair: bool = False,
    soft: bool = False,
    unpainted: Unpainted = "background",
) -> Cases:
    """Find labelled images.

    Parameters
    ----------
    place : path
        A CSV with columns ``image`` (or one for each channel), ``labels`` (or ``labels:NAME`` for each map
        of shares) and optionally ``case``, ``subject``, ``role``; a folder in nnU-Net's raw layout
        (``dataset.json``, ``imagesTr``, ``labelsTr``); a BIDS-like tree (``sub-*``); or any folder, with
        patterns.
    image : str or sequence of str
        Pattern of image files below the folder, ``*`` standing for the part that names the case; several
        patterns are the channels. In a BIDS-like tree the ending, such as ``T1w``.
    labels : str or sequence of str
        Pattern of label files; its ``*`` must stand for the same part. Several patterns are maps of
        shares, one for each label above the background.
    subject : str
        A regular expression whose first group, found in a case's name, is the subject.
    ignore : int, optional
        The label value of voxels that nobody marked.
    repair : bool
        Bring labels of another grid onto the image's.
    soft : bool
        A single labels file holds shares from 0 to 1 as well, of label 1 or of each label along its
        channels: a probability map, or how much of each voxel is covered.
    unpainted : {"background", "unknown outside painted slices", "unknown"}
        What 0 means in the labels, for images of which a few slices or strokes are painted; see
        :func:`napari_medai.train.painted.painted_truth`.

    Returns
    -------
    Cases
        Sorted by name.

    Raises
    ------
    ReadError
        If the place does not exist or nothing is found.
    ArgumentError
        If images and labels do not match.
    """
    root = Path(place)
    patterns, marked = ((p,) if isinstance(p, str) else tuple(p) for p in (image, labels))
    if not root.exists():
        raise ReadError(f"There is no {root}.", hint="Check the spelling of the path.")
    if root.is_file():
        found = _from_table(root)
    elif (root / "dataset.json").is_file():
        found = _from_nnunet(root)
    elif any(root.glob("sub-*")):
        found = _from_bids(root, patterns[0])
    else:
        found = _from_patterns(root, patterns, marked)
    items = tuple(_with_subject(c, subject) for c in sorted(found.items, key=lambda c: c.name))
    if not items:
        raise ReadError(f"Found no labelled image in {root.name}.", hint="Check the patterns.")
    unmarked = found.ignore if ignore is None else ignore
    if unpainted != "background":
        items = tuple(replace(case, unpainted=unpainted) for case in items)
        unmarked = UNKNOWN if unmarked is None else unmarked
    if unpainted == "unknown":  # label 1 is painted background, and the others move down
        found = replace(found, labels=(*found.labels[:1], *found.labels[2:]))
    return replace(found, items=items, ignore=unmarked, repair=repair, soft=soft)


def _with_subject(case: Case, pattern: str) -> Case:
    if not pattern:
        return case
    match = re.search(pattern, case.name)
    if match is None:
        raise ArgumentError(f"The subject {pattern!r} is not found in the case name {case.name!r}.")
    return replace(case, subject=match.group(match.lastindex or 0))


def _from_patterns(root: Path, patterns: Sequence[str], labels: Sequence[str]) -> Cases:
    if not all(labels) or not all(patterns) or not labels:
        raise ArgumentError(
            f"{root.name} is neither nnU-Net's raw layout nor a BIDS-like tree.",
            hint="Give patterns: image='images/*.png', labels='labels/*.png'.",
        )
    channels = [_matched(root, pattern) for pattern in patterns]
    marked = [_matched(root, pattern) for pattern in labels]
    both = [name for name in channels[0] if name in marked[0]]
    if channels[0] and not both:
        raise ArgumentError(
            f"No labels match the images: found {min(channels[0])!r} among images, "
            f"{min(marked[0], default='nothing')!r} among labels.",
            hint="In both patterns * must stand for the same part of the name.",
        )
    for kind, found in (("channel", channels), ("map of labels", marked)):
        lacking = next((n for n in both for files in found if n not in files), None)
        if lacking is not None:
            raise ArgumentError(f"Case {lacking} lacks a {kind}.", hint="Check the patterns.")
    return Cases(tuple(_case(n, [f[n] for f in channels], [f[n] for f in marked]) for n in both))


def _case(
    name: str, images: Sequence[Path], labels: Sequence[Path], subject: str = "", role: str = ""
) -> Case:
    """Make a case of its files; several files of labels are shares."""
    return Case(name, tuple(images), labels[0] if len(labels) == 1 else tuple(labels), subject, role)


def _matched(root: Path, pattern: str) -> dict[str, Path]:
    """Return files by the text that the pattern's stars stand for."""
    shape = re.compile("".join("([^/]*)" if c == "*" else re.escape(c) for c in pattern))
    files: dict[str, Path] = {}
    for path in sorted(root.glob(pattern)):
        match = shape.fullmatch(path.relative_to(root).as_posix())
        if match is not None:
            files["_".join(dict.fromkeys(match.groups())) or stem(path)] = path
    return files


def _from_table(path: Path) -> Cases:
    with path.open(newline="", encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    columns = list(rows[0]) if rows else []
    marked = [c for c in columns if c == "labels" or c.startswith("labels:")]
    channels = [c for c in columns if c not in ("case", "subject", "role", *marked)]
    if not channels or not marked:
        raise ReadError(
            f"{path.name} has no columns image and labels.",
            hint="One row a case; paths relative to the file.",
        )
    items = []
    for row in rows:
        images, labels = ([path.parent / row[c] for c in part] for part in (channels, marked))
        name = row.get("case") or stem(images[0])
        items.append(_case(name, images, labels, row.get("subject") or "", row.get("role") or ""))
    named = ("background", *(c.removeprefix("labels:") for c in marked)) if ":" in marked[0] else ()
    return Cases(tuple(items), labels=named, channels=tuple(channels) if len(channels) > 1 else ())


def _from_nnunet(root: Path) -> Cases:
    try:
        described = json.loads((root / "dataset.json").read_text(encoding="utf-8"))
        channels, values, ending = (described[k] for k in ("channel_names", "labels", "file_ending"))
        whole = {name: int(value) for name, value in values.items()}
    except (ValueError, KeyError, TypeError) as error:
        raise ReadError(
            f"{root.name}/dataset.json lacks {error}, or says what is not supported.",
            hint="Needed as in nnU-Net v2: channel_names, labels (one number each), file_ending.",
        ) from error
    ignore = whole.pop("ignore", None)
    items = [
        Case(
            path.name.removesuffix(ending),
            tuple(
                root / "imagesTr" / f"{path.name.removesuffix(ending)}_{int(k):04d}{ending}"
                for k in sorted(channels, key=int)
            ),
            path,
        )
        for path in sorted((root / "labelsTr").glob(f"*{ending}"))
    ]
    names = tuple(sorted(whole, key=lambda name: whole[name]))
    return Cases(tuple(items), names, tuple(channels[k] for k in sorted(channels, key=int)), ignore)


def _from_bids(root: Path, ending: str) -> Cases:
    items = []
    for path in sorted(root.rglob("*.nii*")):
        match = BIDS_LABELS.search(path.name)
        place = re.search(r"(sub-[A-Za-z0-9]+)(?:_(ses-[A-Za-z0-9]+))?", path.name)
        if match is None or place is None:
            continue
        subject, session = place.groups()
        below = root / subject / (session or "")
        images = sorted(p for p in below.glob(f"**/*_{ending or '*'}.nii*") if not BIDS_LABELS.search(p.name))
        if len(images) != 1:
            raise ArgumentError(
                f"Found {len(images)} images for the labels {path.name}; needed one.",
                hint="Name the ending of the images, such as T1w.",
            )
        items.append(Case("_".join(p for p in (subject, session) if p), (images[0],), path, subject))
    return Cases(tuple(items))
