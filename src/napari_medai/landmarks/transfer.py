"""Landmarks carried from one image to another by registration."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from napari_medai.core.errors import ArgumentError
from napari_medai.core.geometry import FloatArray
from napari_medai.core.image import MedicalImage
from napari_medai.core.landmarks import Landmarks
from napari_medai.core.operation import IntensityImage, operation
from napari_medai.core.progress import Progress, silent
from napari_medai.register.images import register_images

_STEP = 0.5


@operation(group="landmarks", title="Transfer landmarks by registration")
def transfer_landmarks(
    fixed: IntensityImage,
    moving: IntensityImage,
    landmarks: Landmarks,
    *,
    transform: Literal["rigid", "affine", "deformable"] = "deformable",
    device: str = "auto",
    progress: Progress = silent,
) -> Landmarks:
    """Bring the points of an image that has them (an atlas) to one that has none.

    Parameters
    ----------
    fixed : MedicalImage
        The image whose points are wanted.
    moving : MedicalImage
        The image that has points.
    landmarks : Landmarks
        The points of ``moving``.
    transform : {"rigid", "affine", "deformable"}
        What the registration may do.
    device : str
        Where the registration runs.
    progress : Progress
        Hears how far it is.

    Returns
    -------
    Landmarks
        In the world of ``fixed``. Covariances are turned and stretched along; how far the registration
        itself is wrong is not in them. Points that land outside the image are flagged as absent.

    Raises
    ------
    ArgumentError
        If points and image differ in their unit or dimensions.
    """
    _check(moving, landmarks)
    result = register_images(
        fixed,
        moving,
        preset="slices" if fixed.spatial_ndim == 2 else "other_patient_brain",
        transform=transform,
        device=device,
        progress=progress,
    )
    back = result.transform.inverse()
    at = back.apply_to_points(landmarks.positions)
    covariance = landmarks.covariance
    if covariance is not None:
        slopes = np.stack(
            [
                (back.apply_to_points(landmarks.positions + _STEP * axis) - at) / _STEP
                for axis in np.eye(at.shape[1])
            ],
            axis=2,
        )
        covariance = np.einsum("nij,njk,nlk->nil", slopes, covariance, slopes)
    return landmarks.replace(
        positions=at, covariance=covariance, absent=_outside(fixed, at), name="transferred landmarks"
    )


def _outside(image: MedicalImage, at: FloatArray) -> NDArray[np.bool_]:
    index = image.geometry.world_to_index(at)
    return np.asarray(np.any((index < -0.5) | (index > np.array(image.spatial_shape) - 0.5), axis=1))


def _check(image: MedicalImage, landmarks: Landmarks) -> None:
    ndim = landmarks.positions.shape[1]
    if ndim != image.spatial_ndim or landmarks.unit != image.geometry.unit:
        raise ArgumentError(
            f"Found {ndim}-D points in {landmarks.unit} for a {image.spatial_ndim}-D image in "
            f"{image.geometry.unit}; needed points of that image.",
            hint="Give the points that were placed on the moving image.",
        )
