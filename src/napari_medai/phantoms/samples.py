"""The samples that the viewer and the command line offer, each with what is known of it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import TypeAlias

import numpy as np

from napari_medai.core.errors import ArgumentError
from napari_medai.core.image import MedicalImage
from napari_medai.core.landmarks import Landmarks
from napari_medai.phantoms.ceph import CephPhantom, cephalogram
from napari_medai.phantoms.dicom import write_dicom_series
from napari_medai.phantoms.head import HeadPhantom, mr_head
from napari_medai.phantoms.torso import TORSO_SHAPE, TORSO_SPACING, ct_torso

Item: TypeAlias = MedicalImage | Landmarks

TORSO_SEED, HEAD_SEED, CEPH_SEED = 9, 4, 3
"""The persons shown; nothing may be trained on them. Seeds below 1000 are kept for samples and tests."""
CEPH_WHITE = 1000
"""The number in the file of what is white in the cephalogram."""
OBLIQUE_SHAPE, OBLIQUE_SPACING = (44, 96, 96), (6.0, 4.0, 4.0)


@dataclass(frozen=True)
class Sample:
    """Something to try the program on.

    Parameters
    ----------
    key : str
        Its name in a command.
    title : str
        Its name in a menu.
    summary : str
        What it is, in a sentence.
    load : callable
        Makes the images and landmarks.
    write : callable
        Writes them into a folder and gives what it wrote: files, and folders of DICOM files.
    """

    key: str
    title: str
    summary: str
    load: Callable[[], list[Item]]
    write: Callable[[Path], list[Path]]


def load_sample(key: str) -> list[Item]:
    """Make a sample: its images first, then labels, then landmarks.

    Parameters
    ----------
    key : str
        One of ``SAMPLES``.

    Returns
    -------
    list of MedicalImage or Landmarks
        All in one world.

    Raises
    ------
    ArgumentError
        If there is no such sample.

    Examples
    --------
    >>> [item.name for item in load_sample("mr-head")]
    ['mr head', 'mr head tissues', 'mr head landmarks']
    """
    return _find(key).load()


def write_sample(key: str, folder: str | Path) -> list[Path]:
    """Write a sample's files into a folder.

    Parameters
    ----------
    key : str
        One of ``SAMPLES``.
    folder : path
        Where to write; made if missing.

    Returns
    -------
    list of Path
        What was written: files, and for a DICOM series its folder.

    Raises
    ------
    ArgumentError
        If there is no such sample.
    """
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    return _find(key).write(target)


def _find(key: str) -> Sample:
    if key not in SAMPLES:
        raise ArgumentError(f"There is no sample {key!r}.", hint=f"There are {', '.join(SAMPLES)}.")
    return SAMPLES[key]


@cache
def _torso(oblique: bool) -> tuple[MedicalImage, MedicalImage]:
    if oblique:
        return ct_torso(TORSO_SEED, OBLIQUE_SHAPE, OBLIQUE_SPACING, oblique=True)
    return ct_torso(TORSO_SEED, TORSO_SHAPE, TORSO_SPACING)


def _load_torso(oblique: bool) -> list[Item]:
    """Write the series and read it back: what is shown went through the reader of DICOM files."""
    from napari_medai.io.read import read

    image, labels = _torso(oblique)
    with tempfile.TemporaryDirectory() as folder:
        write_dicom_series(image, folder, seed=TORSO_SEED)
        (seen,) = read(folder)
        seen = seen.with_array(np.array(seen.array))
    seen.require_same_grid(labels, "label map")
    return [seen, labels.replace(geometry=seen.geometry)]


def _write_torso(folder: Path, oblique: bool) -> list[Path]:
    from napari_medai.io.write import write

    image, labels = _torso(oblique)
    name = "ct_torso_oblique" if oblique else "ct_torso"
    series = folder / name
    write_dicom_series(image, series, seed=TORSO_SEED)
    written = [series, write(labels, folder / f"{name}_labels.nii.gz")]
    if not oblique:
        written.append(write(_whole_numbers(image), folder / f"{name}.nii.gz"))
    return written


@cache
def _head() -> HeadPhantom:
    return mr_head(HEAD_SEED)


def _load_head() -> list[Item]:
    head = _head()
    return [head.image, head.labels, head.landmarks]


def _write_head(folder: Path) -> list[Path]:
    from napari_medai.io.points import write_points
    from napari_medai.io.write import write

    head = _head()
    return [
        write(_whole_numbers(head.image), folder / "mr_head.nii.gz"),
        write(head.labels, folder / "mr_head_labels.nii.gz"),
        write_points(head.landmarks, folder / "mr_head_landmarks.csv"),
    ]


@cache
def _ceph() -> CephPhantom:
    return cephalogram(CEPH_SEED)


def _load_ceph() -> list[Item]:
    ceph = _ceph()
    return [ceph.image, ceph.landmarks]


def _write_ceph(folder: Path) -> list[Path]:
    from napari_medai.io.points import write_points
    from napari_medai.io.write import write

    ceph = _ceph()
    stored = np.round(np.asarray(ceph.image.array) * CEPH_WHITE).astype(np.int16)
    return [
        write(ceph.image.with_array(stored), folder / "cephalogram.nrrd"),
        write_points(ceph.landmarks, folder / "cephalogram_landmarks.csv"),
    ]


def _whole_numbers(image: MedicalImage) -> MedicalImage:
    """Store whole intensities in 16 bits, as scanners do."""
    return image.with_array(np.asarray(image.array).astype(np.int16))


SAMPLES: dict[str, Sample] = {
    sample.key: sample
    for sample in (
        Sample(
            "ct-torso",
            "CT torso phantom (DICOM series, labels)",
            "A chest and belly in 60 axial slices, read from DICOM, with the exact outline of seven organs.",
            partial(_load_torso, oblique=False),
            partial(_write_torso, oblique=False),
        ),
        Sample(
            "ct-torso-oblique",
            "CT torso phantom, oblique scan (DICOM series, labels)",
            "The same person in the same patient frame, scanned with turned axes and larger voxels.",
            partial(_load_torso, oblique=True),
            partial(_write_torso, oblique=True),
        ),
        Sample(
            "mr-head",
            "MR head phantom (tissues, landmarks)",
            "A T1-like head with receiver bias and Rician noise, exact tissues and named landmarks.",
            _load_head,
            _write_head,
        ),
        Sample(
            "cephalogram",
            "Cephalogram phantom (landmarks)",
            "A lateral radiograph of a head with its usual named landmarks.",
            _load_ceph,
            _write_ceph,
        ),
    )
}
"""Every sample by its key, in the order shown."""
