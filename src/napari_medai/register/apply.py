"""A transform put to use: on images, on labels, on points, and undone."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np

from napari_medai.core.geometry import FloatArray
from napari_medai.core.image import MedicalImage
from napari_medai.core.landmarks import Landmarks
from napari_medai.core.operation import Advanced, IntensityImage, LabelsImage, operation
from napari_medai.core.progress import Progress, Step, silent
from napari_medai.core.transform import SpatialTransform


@operation(group="register", title="Apply a transform", new_grid=True)
def apply_transform(
    image: MedicalImage,
    like: MedicalImage,
    transform: SpatialTransform,
    *,
    interpolation: Literal["nearest", "linear", "cubic", "sinc"] = "linear",
    outside: float | None = None,
    progress: Progress = silent,
) -> MedicalImage:
    """Bring an image onto another one's grid by a transform found before.

    Parameters
    ----------
    image : MedicalImage
        The moving image, or any other in the same place; time points and channels are moved alike.
    like : MedicalImage
        The fixed image, whose grid the result has.
    transform : SpatialTransform
        From the fixed to the moving world.
    interpolation : {"nearest", "linear", "cubic", "sinc"}
        How values between voxels are found; labels keep their numbers whatever is chosen.
    outside : float, optional
        The value where the image says nothing: its smallest one, or 0 for labels, when not given.
    progress : Progress
        Hears how far it is.

    Returns
    -------
    MedicalImage
        The image on the grid of ``like``.

    Raises
    ------
    GeometryError
        If the dimensions or the units differ.
    """
    if outside is None:
        outside = 0.0 if image.kind == "labels" else float(np.nanmin(np.asarray(image.array)))
    return transform.apply_to_image(image, like, interpolation, outside, progress)


@operation(group="register", title="Transfer labels", new_grid=True)
def transfer_labels(
    labels: LabelsImage,
    like: MedicalImage,
    transform: SpatialTransform,
    *,
    smooth: bool = True,
    progress: Progress = silent,
) -> MedicalImage:
    """Carry labels (an atlas's, or another time point's) onto an image by a transform found before.

    Parameters
    ----------
    labels : MedicalImage
        The moving labels.
    like : MedicalImage
        The fixed image, whose grid the result has.
    transform : SpatialTransform
        From the fixed to the moving world.
    smooth : bool
        Take the label with the largest share of the neighbouring voxels, which leaves smoother borders
        than the nearest voxel does. Labels are never mixed.
    progress : Progress
        Hears how far it is.

    Returns
    -------
    MedicalImage
        Labels on the grid of ``like``, with the names of ``labels``.

    Raises
    ------
    GeometryError
        If the dimensions or the units differ.
    """
    return transform.apply_to_image(labels, like, "smooth_labels" if smooth else "nearest", 0.0, progress)


@operation(group="register", title="Move points")
def move_points(
    points: Landmarks,
    transform: SpatialTransform,
    *,
    direction: Literal["moving_to_fixed", "fixed_to_moving"] = "moving_to_fixed",
    progress: Progress = silent,
) -> Landmarks:
    """Carry points along with a registration.

    Parameters
    ----------
    points : Landmarks
        Points of the moving image, or of the fixed one.
    transform : SpatialTransform
        From the fixed to the moving world.
    direction : {"moving_to_fixed", "fixed_to_moving"}
        Points go with their image by default: from the moving image onto the fixed one, for which the
        transform is undone.
    progress : Progress
        Hears how far it is.

    Returns
    -------
    Landmarks
        The points where they come to lie, uncertainty carried along.
    """
    progress(Step(0, 1, "Moving points"))
    used = transform.inverse(progress) if direction == "moving_to_fixed" else transform
    moved: Landmarks = used.apply_to_points(points)
    return moved


@operation(group="register", title="Map of volume change")
def map_jacobian(
    fixed: IntensityImage,
    transform: SpatialTransform,
    *,
    logarithm: Annotated[bool, Advanced()] = False,
    progress: Progress = silent,
) -> MedicalImage:
    """Show how much each place grows or shrinks from the fixed to the moving image.

    Parameters
    ----------
    fixed : MedicalImage
        The image onto whose grid the map is drawn.
    transform : SpatialTransform
        From the fixed to the moving world.
    logarithm : bool
        Give the natural logarithm, in which halving and doubling weigh the same; folds are NaN.
    progress : Progress
        Hears how far it is.

    Returns
    -------
    MedicalImage
        The determinant of the transform's derivative: 1 where volume is kept, below where it shrinks,
        0 or less where space is folded. float32.
    """
    progress(Step(0, 2, "Following the grid"))
    determinant = jacobian_on(fixed, transform)
    progress(Step(1, 2, "Measuring volumes"))
    if logarithm:
        determinant = np.log(np.where(determinant > 0, determinant, np.nan))
    values = determinant.astype(np.float32)
    return MedicalImage(values, fixed.axes[-fixed.spatial_ndim :], fixed.geometry, name="volume change")


@operation(group="register", title="Map of displacements")
def map_displacements(
    fixed: IntensityImage, transform: SpatialTransform, *, progress: Progress = silent
) -> MedicalImage:
    """Show how far each place moves from the fixed to the moving image.

    Parameters
    ----------
    fixed : MedicalImage
        The image onto whose grid the map is drawn.
    transform : SpatialTransform
        From the fixed to the moving world.
    progress : Progress
        Hears how far it is.

    Returns
    -------
    MedicalImage
        Channels x, y, z (x, y in 2-D): the displacement along each world axis in mm, LPS. float32.
    """
    progress(Step(0, 1, "Following the grid"))
    vectors = np.moveaxis(transform.displacement(fixed.geometry), -1, 0)
    axes = "c" + "zyx"[-fixed.spatial_ndim :]
    return MedicalImage(vectors, axes, fixed.geometry, name="displacement")


def jacobian_on(fixed: MedicalImage, transform: SpatialTransform) -> FloatArray:
    """Return the determinant of a transform's derivative at each voxel of an image's grid."""
    vectors = transform.displacement(fixed.geometry).astype(np.float64)
    by_index = np.stack([np.gradient(vectors, axis=k) for k in range(fixed.spatial_ndim)], axis=-1)
    derivative = by_index @ np.linalg.inv(fixed.geometry.matrix) + np.eye(fixed.spatial_ndim)
    return np.asarray(np.linalg.det(derivative))
