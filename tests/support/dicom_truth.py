"""Check images read from DICOM against each file's own tags, at random pixels, without any other reader.

The formulas are those of the standard (PS3.3 C.7.6.2.1.1): the centre of the pixel in column i and row j lies
at ``position + row_direction * column_spacing * i + column_direction * row_spacing * j``, and its value is
``stored * slope + intercept``.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pydicom

from napari_medai import MedicalImage

WORLD_TOLERANCE_MM = 0.05


@dataclass(frozen=True)
class Plane:
    """One frame as its file describes it."""

    file: str
    position: np.ndarray
    row: np.ndarray
    column: np.ndarray
    values: np.ndarray

    def place(self, j: int, i: int) -> np.ndarray:
        """World position of the pixel in row ``j`` and column ``i``."""
        return self.position + self.row * i + self.column * j


def planes_of(folder: Path) -> list[Plane]:
    """Every frame with a place below a folder, read with pydicom alone."""
    planes: list[Plane] = []
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                dataset = pydicom.dcmread(path)
            except pydicom.errors.InvalidDicomError:
                continue
            if "PixelData" in dataset:
                planes += _planes(dataset, path.name)
    return planes


def _planes(dataset: pydicom.Dataset, name: str) -> list[Plane]:
    pixels = dataset.pixel_array
    if "PerFrameFunctionalGroupsSequence" not in dataset:
        slope, intercept = dataset.get("RescaleSlope", 1), dataset.get("RescaleIntercept", 0)
        return [_plane(dataset, dataset, dataset, pixels * float(slope) + float(intercept), name)]
    shared = (dataset.get("SharedFunctionalGroupsSequence") or [pydicom.Dataset()])[0]
    planes = []
    for frame, own in enumerate(dataset.PerFrameFunctionalGroupsSequence):

        def group(keyword: str, own: pydicom.Dataset = own) -> pydicom.Dataset:
            return (own.get(keyword) or shared.get(keyword) or [pydicom.Dataset()])[0]

        scale = group("PixelValueTransformationSequence")
        values = pixels[frame] * float(scale.get("RescaleSlope", 1)) + float(scale.get("RescaleIntercept", 0))
        place = (
            group("PlanePositionSequence"),
            group("PlaneOrientationSequence"),
            group("PixelMeasuresSequence"),
        )
        planes.append(_plane(*place, values, f"{name} frame {frame}"))
    return planes


def _plane(
    position: pydicom.Dataset,
    orientation: pydicom.Dataset,
    measures: pydicom.Dataset,
    values: np.ndarray,
    name: str,
) -> Plane:
    directions = np.array(orientation.ImageOrientationPatient, dtype=float).reshape(2, 3)
    between_rows, between_columns = (float(v) for v in measures.PixelSpacing)
    place = np.array(position.ImagePositionPatient, dtype=float)
    return Plane(name, place, directions[0] * between_columns, directions[1] * between_rows, values)


def check(folder: Path, images: Sequence[MedicalImage], pixels: int = 20, seed: int = 0) -> int:
    """Assert that every frame's pixels stand in exactly one image, where and as its file says.

    Parameters
    ----------
    folder : Path
        DICOM files: single-frame or enhanced ones, no mosaics.
    images : sequence of MedicalImage
        What was read from them.
    pixels : int
        Random pixels checked a frame.
    seed : int
        Of the random choice.

    Returns
    -------
    int
        How many frames were checked.
    """
    rng = np.random.default_rng(seed)
    planes = planes_of(folder)
    for plane in planes:
        rows, columns = plane.values.shape[:2]
        chosen = [(int(rng.integers(rows)), int(rng.integers(columns))) for _ in range(pixels)]
        holders = [image for image in images if _holds(image, plane, chosen)]
        assert holders, f"no image holds {plane.file} where and as it says"
    slices = sum(len(p) for p in (_slices(image) for image in images))
    assert slices >= len({(p.file) for p in planes}), "fewer slices were read than there are frames"
    return len(planes)


def _slices(image: MedicalImage) -> list[int]:
    count = image.array.shape[0] if image.axes.startswith("t") else 1
    return list(range(count * image.geometry.shape[0]))


def _holds(image: MedicalImage, plane: Plane, chosen: list[tuple[int, int]]) -> bool:
    """Tell whether one volume of an image has all the chosen pixels of a plane at their places."""
    places = np.array([plane.place(j, i) for j, i in chosen])
    found = image.geometry.world_to_index(places)
    nearest = np.rint(found).astype(int)
    if np.any(nearest < 0) or np.any(nearest >= image.geometry.shape):
        return False
    if np.abs(image.geometry.index_to_world(nearest) - places).max() > WORLD_TOLERANCE_MM:
        return False
    wanted = np.array([plane.values[j, i] for j, i in chosen])
    array = np.asarray(image.array)
    volumes = array if image.axes.startswith("t") else array[None]
    return any(np.allclose(volume[tuple(nearest.T)], wanted, rtol=1e-6, atol=1e-6) for volume in volumes)
