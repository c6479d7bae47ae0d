"""Every image of a folder looked at once, whatever is wrong with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from hashlib import blake2b
from pathlib import Path

import numpy as np

from napari_medai.core.errors import ReadError
from napari_medai.core.image import MedicalImage
from napari_medai.core.progress import Progress, Step, silent, track
from napari_medai.explore.faults import Fault, Finding
from napari_medai.explore.table import Values, finite
from napari_medai.io.files import Skipped, Source

_SAMPLE = 200_000

Load = Callable[[], list[MedicalImage]]


def inspect_folder(folder: Path, progress: Progress = silent) -> tuple[list[Finding], list[Fault]]:
    """Look at every image of a folder.

    Parameters
    ----------
    folder : Path
        Searched deep; a single file is fine too.
    progress : Progress
        Hears one report an image.

    Returns
    -------
    findings : list of Finding
        Of what could be read.
    faults : list of Fault
        Of what could not.

    Raises
    ------
    ReadError
        If there is nothing to look at.
    """
    from napari_medai.io.find import open_sources

    progress(Step(0, 1, "Looking for images"))
    with open_sources(folder) as (sources, skipped):
        jobs, faults = _jobs(folder, sources, skipped)
        findings, unread = _look(jobs, progress)
    return findings, faults + unread


def _look(jobs: Sequence[tuple[str, Load]], progress: Progress) -> tuple[list[Finding], list[Fault]]:
    findings: list[Finding] = []
    faults: list[Fault] = []
    for name, load in track(jobs, progress, "Checking"):
        try:
            images = load()
        except ReadError as error:
            faults.append(_unreadable(name, error))
            continue
        for k, image in enumerate(images):
            findings.append(finding_of(name if len(images) == 1 else f"{name} [{k}]", image))
    return findings, faults


def _jobs(
    folder: Path, sources: Sequence[Source], skipped: Sequence[Skipped]
) -> tuple[list[tuple[str, Load]], list[Fault]]:
    """Return what to read under which name, and the files that are no images though named so."""
    from napari_medai.io.read import reader_of
    from napari_medai.io.sniff import format_by_name

    if not sources and not skipped:
        raise ReadError(f"Found no file in {folder.name}: it is empty.", hint="Choose the images' folder.")
    named = [s for s in skipped if format_by_name(Path(s.shown)) is not None]
    faults = [Fault(s.shown, "unreadable", "it does not hold what its name says") for s in named]
    jobs: list[tuple[str, Load]] = [
        (s.shown, lambda s=s: reader_of(s.format)(s))  # type: ignore[misc]
        for s in sources
        if s.format != "dicom"
    ]
    dicom = [s for s in sources if s.format == "dicom"]
    series, left_out = _series(dicom) if dicom else ([], [])
    return jobs + series, faults + left_out


def _series(sources: Sequence[Source]) -> tuple[list[tuple[str, Load]], list[Fault]]:
    from napari_medai.io.dicom.assemble import image_of
    from napari_medai.io.dicom.scan import scan_sources

    found = scan_sources(sources, silent, "error")
    faults = [_unreadable(s.shown, ReadError(s.reason)) for s in found.skipped]
    jobs: list[tuple[str, Load]] = []
    for series in found.series:
        if series.problem is not None:
            faults.append(_unreadable(series.name, series.problem))
        for k, stack in enumerate(series.stacks):
            name = series.name if len(series.stacks) == 1 else f"{series.name} [{k}]"
            jobs.append((name, lambda stack=stack: [image_of(stack, gaps="error")]))  # type: ignore[misc]
    return jobs, faults


def _unreadable(name: str, error: ReadError) -> Fault:
    from napari_medai.io.dicom.geometry import UnevenError

    if isinstance(error, UnevenError):
        return Fault(name, "missing slice", error.message)
    kind = "truncated" if "cut short" in error.message else "unreadable"
    return Fault(name, kind, error.message)


def finding_of(name: str, image: MedicalImage) -> Finding:
    """Collect the facts about one image."""
    values = np.asarray(image.array)
    good = finite(values)
    low, highest = (float(good.min()), float(good.max())) if good.size else (0.0, 0.0)
    body = good[good > low]
    sample = body[:: max(1, body.size // _SAMPLE)]
    median, high = np.percentile(sample, (50, 99)) if sample.size else (low, low)
    top, beneath = _pile(good, highest) if good.size else (0.0, 0.0)
    return Finding(
        image=name,
        modality=f"{image.meta.get('modality', '')} {image.kind} {image.axes}",
        size=" x ".join(str(n) for n in values.shape),
        spacing=" x ".join(f"{s:.3g}" for s in image.geometry.spacing) + f" {image.geometry.unit}",
        digest=_digest(values),
        invalid=int(values.size - good.size),
        low=low,
        median=float(median),
        high=float(high),
        highest=highest,
        top_share=top,
        beneath_share=beneath,
        levels=int(np.unique(sample).size),
        blank_slices=tuple(_blank_slices(image)),
    )


def _pile(good: Values, highest: float) -> tuple[float, float]:
    """Return the share at the largest value, and the mean share of as wide a step below it."""
    top = np.count_nonzero(good == highest) / good.size
    span = highest - float(good.min())
    counts, _ = np.histogram(good[good < highest], bins=64, range=(highest - span / 4, highest))
    return float(top), float(counts.mean() / good.size)


def _digest(values: Values) -> str:
    hasher = blake2b(f"{values.shape}".encode(), digest_size=16)
    hasher.update(
        np.ascontiguousarray(values, dtype=np.float64 if values.dtype.kind == "f" else np.int64).data
    )
    return hasher.hexdigest()


def _blank_slices(image: MedicalImage) -> Iterator[int]:
    """Yield the slices that hold one value only although slices on both sides do not."""
    if "z" not in image.axes or image.is_rgb:
        return
    values = np.moveaxis(np.asarray(image.array), image.axes.index("z"), 0)
    flat = values.reshape(len(values), -1)
    varied = np.flatnonzero(flat.min(axis=1) != flat.max(axis=1))
    if varied.size:
        yield from (k for k in range(varied[0], varied[-1]) if k not in set(varied.tolist()))
