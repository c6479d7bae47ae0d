"""Corrected points saved with their image, as ``train-landmarks`` reads them."""

from __future__ import annotations

import re
from pathlib import Path

from napari_medai.core.errors import ArgumentError
from napari_medai.core.image import MedicalImage
from napari_medai.core.landmarks import Landmarks
from napari_medai.io.point_rows import IMAGES, plain_stem
from napari_medai.io.points import write_points
from napari_medai.io.write import write


def add_case(folder: Path, image: MedicalImage, points: Landmarks) -> int:
    """Save an image and its points into a folder of cases.

    Parameters
    ----------
    folder : pathlib.Path
        Where to; made if missing.
    image : MedicalImage
        2-D or 3-D, without time.
    points : Landmarks
        On it. Absent points stay absent.

    Returns
    -------
    int
        How many images the folder holds now.

    Raises
    ------
    ArgumentError
        If points and image do not fit.
    """
    if points.positions.shape[1] != image.spatial_ndim or points.unit != image.geometry.unit:
        raise ArgumentError(
            f"Found {points.positions.shape[1]}-D points in {points.unit} for a "
            f"{image.spatial_ndim}-D image in {image.geometry.unit}.",
            hint="Show the image on which the points lie.",
        )
    folder.mkdir(parents=True, exist_ok=True)
    name = _free_name(folder, image.name)
    write(image, folder / f"{name}{'.nrrd' if image.spatial_ndim == 2 else '.nii.gz'}")
    write_points(points, folder / f"{name}.csv")
    return len([p for p in folder.iterdir() if p.name.lower().endswith(IMAGES)])


def _free_name(folder: Path, wished: str) -> str:
    base = re.sub(r"[^\w.-]+", "_", wished).strip("_.") or "case"
    taken = {plain_stem(p) for p in folder.iterdir()}
    name, number = base, 2
    while name in taken:
        name, number = f"{base}_{number}", number + 1
    return name
