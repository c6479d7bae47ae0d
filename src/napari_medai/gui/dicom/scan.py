"""What the DICOM browser does in a worker thread: look through files, draw thumbnails, read images."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_medai.core.errors import ReadError
from napari_medai.core.image import MedicalImage
from napari_medai.core.progress import Progress, Step, part
from napari_medai.core.settings import settings
from napari_medai.io.dicom.scan import Scan, Study
from napari_medai.io.dicom.stack import Stack

THUMBNAIL = 56


@dataclass(frozen=True)
class Patient:
    """The studies of one patient; ``identity`` is shown only to who asks for it."""

    number: int
    studies: tuple[Study, ...]
    identity: str
    shown: bool = False

    @property
    def title(self) -> str:
        """A number, or who it is where that may be shown."""
        return self.identity if self.shown and self.identity else f"Patient {self.number}"


@dataclass(frozen=True)
class Found:
    """A scan, its studies sorted by patient."""

    scan: Scan
    patients: tuple[Patient, ...]
    root: Path

    def with_identity(self, shown: bool) -> Found:
        """Return the same with patients named or numbered."""
        named = [Patient(p.number, p.studies, p.identity, shown) for p in self.patients]
        return Found(self.scan, tuple(named), self.root)


def look_through(path: str, progress: Progress) -> Found:
    """Scan a path; see :func:`napari_medai.io.dicom.scan.scan`.

    Raises
    ------
    ReadError
        If no DICOM image lies there.
    """
    from napari_medai.io.dicom.scan import scan
    from napari_medai.io.dicom.tag_table import patient_of

    found = scan(path, progress)
    if not found.studies:
        raise ReadError("Found no DICOM image there.", hint="Choose the folder that holds the images.")
    patients: dict[str, tuple[str, list[Study]]] = {}
    for study in found.studies:
        key, identity = patient_of(study.series[0].headers[0])
        patients.setdefault(key, (identity, []))[1].append(study)
    rows = [Patient(n, tuple(own), who) for n, (who, own) in enumerate(patients.values(), 1)]
    return Found(found, tuple(rows), Path(path))


def draw_thumbnails(
    stacks: Sequence[Stack], drawn: Callable[[int, NDArray[np.uint8]], None], progress: Progress
) -> None:
    """Draw the middle slice of every image, one after the other.

    Parameters
    ----------
    stacks : sequence of Stack
        The images.
    drawn : callable
        Gets the number of an image and its picture, (rows, columns, 3) of 8 bits.
    progress : Progress
        Hears one report an image; may cancel.
    """
    for index, stack in enumerate(stacks):
        progress(Step(index, len(stacks), "Drawing thumbnails"))
        try:
            drawn(index, thumbnail(stack))
        except ReadError:
            continue


def thumbnail(stack: Stack) -> NDArray[np.uint8]:
    """Return the middle slice of the middle volume as a small picture, in the window the file states.

    Raises
    ------
    ReadError
        If its pixels cannot be read.
    """
    from napari_medai.io.dicom.header import reading
    from napari_medai.io.dicom.lazy import frame_values, value_type

    volume = stack.volumes[len(stack.volumes) // 2]
    frame = volume[len(volume) // 2]
    with reading(frame.header.shown):
        values = frame_values(frame, value_type(stack) if not stack.special else np.dtype(np.float32))
    step = max(1, -(-max(values.shape[:2]) // (2 * THUMBNAIL)))
    small = np.asarray(values[::step, ::step], dtype=np.float32)
    if small.ndim == 3:
        top = 255.0 if small.max(initial=0) < 256 else 65535.0
        return np.asarray(small[..., :3] / top * 255, dtype=np.uint8)
    grey = _windowed(small, frame.facts.get("window"))
    if stack.header.text("PhotometricInterpretation") == "MONOCHROME1":
        grey = 1 - grey
    return np.repeat(np.asarray(grey * 255, dtype=np.uint8)[..., None], 3, axis=-1)


def _windowed(values: NDArray[np.float32], window: Any) -> NDArray[np.float32]:
    finite = values[np.isfinite(values)]
    low, high = np.percentile(finite, (1, 99)) if finite.size else (0.0, 1.0)
    if window and window[1] > 0 and window[0] - window[1] / 2 < high and window[0] + window[1] / 2 > low:
        low, high = window[0] - window[1] / 2, window[0] + window[1] / 2
    grey = (np.nan_to_num(values, nan=low) - low) / max(float(high - low), 1e-6)
    return np.asarray(np.clip(grey, 0, 1), dtype=np.float32)


def read_chosen(
    found: Found, stacks: Sequence[Stack], progress: Progress
) -> tuple[list[MedicalImage], list[ReadError]]:
    """Read the chosen images, and the structure sets of the scan that speak of them.

    Parameters
    ----------
    found : Found
        Kept, so that an unpacked archive stays there.
    stacks : sequence of Stack
        Images of it.
    progress : Progress
        Hears one report a slice; may cancel.
    """
    from napari_medai.io.dicom.load import load_stacks, load_structures

    stays = all(found.root in (f.header.path, *f.header.path.parents) for s in stacks for f in s.frames)
    # What was unpacked from an archive is gone once the browser looks elsewhere.
    limit = settings().read_at_once_gb * 1e9 if stays else float("inf")
    images, errors = load_stacks(stacks, "resample", limit, part(progress, 0, 0.95))
    labels, _ = load_structures(found.scan.others, images)
    return images + labels, errors
