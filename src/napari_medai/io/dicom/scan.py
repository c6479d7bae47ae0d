"""Files looked through: which studies, series and images they hold, without reading pixels."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from napari_medai.core.errors import ReadError
from napari_medai.core.progress import Progress, silent, track
from napari_medai.io.dicom.frames import Frame
from napari_medai.io.dicom.geometry import Gaps
from napari_medai.io.dicom.header import Header, read_header, reading
from napari_medai.io.dicom.segments import is_segmentation
from napari_medai.io.dicom.series import stacks_of
from napari_medai.io.dicom.slides import is_slide
from napari_medai.io.dicom.split import frames_of
from napari_medai.io.dicom.stack import Stack, series_name
from napari_medai.io.files import Skipped, Source


@dataclass(frozen=True)
class Series:
    """One series of a study.

    Parameters
    ----------
    name : str
        Its description, else modality and number.
    modality : str
        ``"CT"``, ``"MR"``, ...
    number : int
        Series number, 0 where none is stated.
    stacks : tuple of Stack
        Its images.
    headers : tuple of Header
        Its files.
    problem : str
        Why its images cannot be put together, or nothing.
    """

    name: str
    modality: str
    number: int
    stacks: tuple[Stack, ...]
    headers: tuple[Header, ...]
    problem: ReadError | None = None


@dataclass(frozen=True)
class Study:
    """One study: a visit of a patient, who is not named."""

    description: str
    date: str
    series: tuple[Series, ...]


@dataclass(frozen=True)
class Scan:
    """What lies at a path.

    Parameters
    ----------
    studies : tuple of Study
        With their series and images.
    skipped : tuple of Skipped
        Files left out, with the reason.
    others : tuple of Header
        DICOM files without pixels of their own: structure sets, reports.
    """

    studies: tuple[Study, ...]
    skipped: tuple[Skipped, ...] = ()
    others: tuple[Header, ...] = field(default=())

    @property
    def series(self) -> list[Series]:
        """Every series of every study."""
        return [series for study in self.studies for series in study.series]


def scan(
    path: str | Path | Sequence[str | Path], progress: Progress = silent, gaps: Gaps = "resample"
) -> Scan:
    """Look through DICOM files.

    Parameters
    ----------
    path : path or sequence of paths
        A file, a folder (searched deep), or several.
    progress : Progress
        Hears one report a file; may cancel.
    gaps : {"resample", "error"}
        Whether uneven slices may stand in one image.

    Returns
    -------
    Scan
        Studies with their series and images, and what was skipped. Archives stay unpacked while it lives.
    """
    from napari_medai.io.find import find_sources

    archives = ExitStack()
    sources, skipped = find_sources(path, archives, progress)
    found = scan_sources([s for s in sources if s.format == "dicom"], progress, gaps, skipped)
    weakref.finalize(found, archives.close)
    return found


def scan_sources(
    sources: Sequence[Source],
    progress: Progress = silent,
    gaps: Gaps = "resample",
    skipped: Sequence[Skipped] = (),
) -> Scan:
    """Look through files already known to be DICOM; see :func:`scan`."""
    left_out = list(skipped)
    headers = []
    for source in track(list(sources), progress, "Looking through files"):
        try:
            headers.append(read_header(source.path, source.shown))
        except ReadError as error:
            left_out.append(Skipped(source.shown, error.message))
    others = [h for h in headers if not h.has_pixels]
    groups: dict[tuple[Any, ...], list[Header]] = {}
    for header in headers:
        if header.has_pixels:
            groups.setdefault(_series_key(header), []).append(header)
    studies: dict[str, list[Series]] = {}
    for (study, *_), members in groups.items():
        studies.setdefault(study, []).append(_series(_distinct(members), gaps))
    return Scan(tuple(_study(series) for series in studies.values()), tuple(left_out), tuple(others))


def _series_key(header: Header) -> tuple[Any, ...]:
    """Return what tells series apart: their UID, and what a careless anonymiser leaves where it is lost."""
    uid = header.text("SeriesInstanceUID")
    words = () if uid else (header.text("Modality"), header.text("SeriesDescription"))
    return header.text("StudyInstanceUID"), uid, header.integer("SeriesNumber", -1), *words


def _study(series: list[Series]) -> Study:
    header = series[0].headers[0]
    ordered = sorted(series, key=lambda s: (s.number, s.name))
    return Study(header.text("StudyDescription"), header.text("StudyDate"), tuple(ordered))


def _series(headers: list[Header], gaps: Gaps) -> Series:
    first = headers[0]
    notices: list[str] = []
    stacks: list[Stack] = []
    problem = None
    try:
        with reading(first.shown if len(headers) == 1 else series_name(first)):
            stacks = _stacks(headers, notices, gaps)
    except ReadError as error:
        problem = error
    return Series(
        series_name(first),
        first.text("Modality"),
        first.integer("SeriesNumber"),
        tuple(_noted(stack, notices) for stack in stacks),
        tuple(headers),
        problem,
    )


def _stacks(headers: list[Header], notices: list[str], gaps: Gaps) -> list[Stack]:
    first = headers[0]
    if is_segmentation(first):
        return [_whole(header, notices, "segmentation") for header in headers]
    if is_slide(first):
        return [_whole(header, notices, "slide") for header in headers]
    frames: list[Frame] = []
    for header in headers:
        with reading(header.shown):
            frames += frames_of(header, notices)
    return stacks_of(frames, gaps)


def _whole(header: Header, notices: list[str], special: str) -> Stack:
    """Put all frames of a file into one stack that has a reader of its own."""
    return Stack((tuple(frames_of(header, notices)),), series_name(header), special=special)


def _noted(stack: Stack, notices: list[str]) -> Stack:
    from dataclasses import replace

    return replace(stack, notices=(*stack.notices, *dict.fromkeys(notices))) if notices else stack


def _distinct(headers: list[Header]) -> list[Header]:
    """Leave out files that are the same instance with the same bytes of pixels."""
    seen: dict[tuple[str, int], Header] = {}
    for header in headers:
        uid = header.text("SOPInstanceUID") or header.shown
        seen.setdefault((uid, header.elements.pixel_length), header)
    return list(seen.values()) if len(seen) < len(headers) and _are_copies(headers, seen) else headers


def _are_copies(headers: list[Header], seen: dict[tuple[str, int], Header]) -> bool:
    """Tell whether files of equal instance UID hold equal bytes."""
    for header in headers:
        twin = seen[(header.text("SOPInstanceUID") or header.shown, header.elements.pixel_length)]
        if twin is not header and twin.path.read_bytes() != header.path.read_bytes():
            return False
    return True
