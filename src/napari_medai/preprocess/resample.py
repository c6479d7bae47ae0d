"""Operations that resample an image: to a voxel size, or onto another image's grid."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from annotated_types import Gt, Len
from pydantic import BeforeValidator

from napari_medai.core.errors import ArgumentError
from napari_medai.core.image import MedicalImage
from napari_medai.core.operation import Advanced, operation
from napari_medai.core.progress import Progress, silent
from napari_medai.preprocess.grid import Resampling, resample_image


def _as_tuple(value: Any) -> Any:
    return (value,) if isinstance(value, int | float) else value


Spacing = Annotated[tuple[Annotated[float, Gt(0)], ...], Len(1, 3), BeforeValidator(_as_tuple)]


@operation(group="preprocess", title="Resample to spacing", new_grid=True)
def resample_to_spacing(
    image: MedicalImage,
    *,
    spacing_mm: Spacing = (1.0,),
    interpolation: Resampling = "auto",
    antialias: Annotated[bool, Advanced()] = True,
    progress: Progress = silent,
) -> MedicalImage:
    """Give an image another voxel size over the same field of view.

    Parameters
    ----------
    image : MedicalImage
        Any axes; every time point, channel and colour is resampled.
    spacing_mm : float or sequence of float
        New voxel size: one number for all axes, or one an array axis (z, y, x). In pixels where the
        image has no spacing.
    interpolation : {"auto", "nearest", "linear", "cubic", "sinc", "label"}
        "auto" is linear for intensities and nearest for labels. "cubic" is a B-spline through the
        voxels; "sinc" a Lanczos-windowed sinc; "label" moves each label's border smoothly.
    antialias : bool
        Smooth intensities before voxels are made larger, so that fine detail does not turn into false
        structure (Gaussian, sigma = 0.5 sqrt(zoom^2 - 1) voxels along each axis).
    progress : Progress
        Hears one report a slab.

    Returns
    -------
    MedicalImage
        Intensities as float32 (unchanged type for "nearest"), labels as labels, centred where the
        image was.

    Raises
    ------
    ArgumentError
        If the number of spacings or the interpolation does not suit the image.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_medai import Geometry
    >>> image = MedicalImage(np.ones((4, 8, 8)), "zyx", Geometry.from_spacing((4, 8, 8), (3, 1, 1)))
    >>> resample_to_spacing(image, spacing_mm=1.0).array.shape
    (12, 8, 8)
    """
    spacing = _full(spacing_mm, image.spatial_ndim)
    target = image.geometry.with_spacing(spacing)
    return resample_image(image, target, interpolation, antialias=antialias, progress=progress)


@operation(group="preprocess", title="Resample to another image", new_grid=True)
def resample_to(
    image: MedicalImage,
    like: MedicalImage,
    *,
    interpolation: Resampling = "auto",
    outside: float = 0.0,
    antialias: Annotated[bool, Advanced()] = True,
    progress: Progress = silent,
) -> MedicalImage:
    """Bring an image onto the grid of another one, voxel upon voxel.

    Parameters
    ----------
    image : MedicalImage
        Any axes; every time point, channel and colour is resampled.
    like : MedicalImage
        The image whose grid is wanted; any orientation, oblique or not.
    interpolation : {"auto", "nearest", "linear", "cubic", "sinc", "label"}
        As in ``resample_to_spacing``.
    outside : float
        The value where the image does not reach.
    antialias : bool
        Smooth intensities before voxels are made larger.
    progress : Progress
        Hears one report a slab.

    Returns
    -------
    MedicalImage
        On the grid of ``like``.

    Raises
    ------
    GeometryError
        If one is 2-D and the other 3-D, or only one has a known spacing.
    ArgumentError
        If the interpolation does not suit the kind of image.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_medai import Geometry
    >>> image = MedicalImage(np.ones((4, 8, 8)), "zyx", Geometry.from_spacing((4, 8, 8), (3, 1, 1)))
    >>> fine = MedicalImage(np.ones((6, 8, 8)), "zyx", Geometry.from_spacing((6, 8, 8), (2, 1, 1)))
    >>> resample_to(image, fine).geometry == fine.geometry
    True
    """
    return resample_image(
        image, like.geometry, interpolation, antialias=antialias, outside=outside, progress=progress
    )


def _full(spacing: Sequence[float], ndim: int) -> tuple[float, ...]:
    if len(spacing) == 1:
        return tuple(spacing) * ndim
    if len(spacing) != ndim:
        raise ArgumentError(
            f"Found {len(spacing)} spacings for a {ndim}-D image; needed 1 or {ndim}.",
            hint="Give one number for all axes, or one an array axis: (z, y, x).",
        )
    return tuple(spacing)
