"""Operations that lay an image along other planes: straight ones, or those of another view."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from annotated_types import Ge

from napari_medai.core.geometry import FloatArray, Geometry
from napari_medai.core.image import MedicalImage
from napari_medai.core.operation import operation
from napari_medai.core.progress import Progress, Step, silent
from napari_medai.preprocess.check import require_volume
from napari_medai.preprocess.grid import Resampling, resample_image
from napari_medai.preprocess.orient import reorientation_to

PLANES = {"axial": "SPL", "coronal": "PIL", "sagittal": "LIP"}
"""Where the array axes lead in each view: the slices first, then down and right on the screen."""


@operation(group="preprocess", title="Straighten an oblique image", new_grid=True)
def straighten(
    image: MedicalImage,
    *,
    spacing_mm: Annotated[float, Ge(0)] = 0.0,
    interpolation: Resampling = "auto",
    outside: float = 0.0,
    progress: Progress = silent,
) -> MedicalImage:
    """Resample an oblique or sheared image onto a grid along the patient's axes that holds all of it.

    Parameters
    ----------
    image : MedicalImage
        Any axes and kind. One that is straight already is only reoriented.
    spacing_mm : float
        Voxel size of the new grid; 0 keeps that of the nearest old axes.
    interpolation : {"auto", "nearest", "linear", "cubic", "sinc", "label"}
        As in ``resample_to_spacing``.
    outside : float
        The value of the corners that the image does not reach.
    progress : Progress
        Hears one report a slab.

    Returns
    -------
    MedicalImage
        Axes (z, y, x) lead to superior, posterior and left.

    Raises
    ------
    ArgumentError
        If the interpolation does not suit the kind of image.
    """
    turned = image.reoriented(image.geometry.nearest_axes())
    geometry = turned.geometry
    if geometry.obliquity_deg < 1e-4 and geometry.shear_deg < 1e-4 and not spacing_mm:
        progress(Step(0, 1, "Straightening"))
        return turned
    steps = np.full(geometry.ndim, spacing_mm) if spacing_mm else geometry.spacing
    target = straight_grid(geometry, np.asarray(steps))
    return resample_image(turned, target, interpolation, outside=outside, progress=progress)


def straight_grid(geometry: Geometry, spacing: FloatArray) -> Geometry:
    """Return the grid along the world's axes whose voxels hold every voxel centre of another."""
    corners = geometry.corners()
    low, high = corners.min(axis=0), corners.max(axis=0)
    shape = np.ceil((high - low)[::-1] / spacing - 1e-6).astype(int) + 1
    # Centred on the old grid, the surplus spread over both sides.
    origin = (low + high) / 2 - ((shape - 1) * spacing)[::-1] / 2
    return Geometry.from_spacing(shape.tolist(), spacing.tolist(), origin.tolist(), geometry.unit)


@operation(group="preprocess", title="Re-slice", new_grid=True)
def reslice(
    image: MedicalImage,
    *,
    plane: Literal["axial", "coronal", "sagittal"] = "coronal",
    thickness_mm: Annotated[float, Ge(0)] = 0.0,
    progress: Progress = silent,
) -> MedicalImage:
    """Show a volume as slices along another plane.

    Parameters
    ----------
    image : MedicalImage
        A volume; an oblique one is cut along its own axes nearest to the plane.
    plane : {"axial", "coronal", "sagittal"}
        The plane of the new slices, in radiological convention.
    thickness_mm : float
        Distance of the new slices; 0 keeps the voxels as they are.
    progress : Progress
        Hears one report a slab.

    Returns
    -------
    MedicalImage
        Slices along the first spatial axis.

    Raises
    ------
    ArgumentError
        If the image is 2-D.
    """
    progress(Step(0, 1, "Re-slicing"))
    require_volume(image, "reslice")
    turned = image.reoriented(reorientation_to(image.geometry.orientation, PLANES[plane]))
    if not thickness_mm:
        return turned
    spacing = [thickness_mm, *turned.geometry.spacing[1:]]
    return resample_image(turned, turned.geometry.with_spacing(spacing), "auto", progress=progress)
