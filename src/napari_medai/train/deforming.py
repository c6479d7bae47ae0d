"""A deformation guessed by a trained network, at once and without looking for it."""

from __future__ import annotations

import numpy as np

from napari_medai.core.operation import IntensityImage, operation
from napari_medai.core.progress import Progress, Step, part, silent
from napari_medai.core.transform import SpatialTransform
from napari_medai.models.displacing import displacement_between
from napari_medai.models.store import ModelArgument, as_model
from napari_medai.models.task import require_task
from napari_medai.register.channels import as_pair
from napari_medai.register.pipeline import Hints, find_pose
from napari_medai.register.prepare import check_pair


@operation(group="train", title="Predict a deformation")
def predict_deformation(
    fixed: IntensityImage,
    moving: IntensityImage,
    start: SpatialTransform | None = None,
    *,
    model: ModelArgument = "deform-2d",
    device: str = "auto",
    progress: Progress = silent,
) -> SpatialTransform:
    """Let a trained network say how a moving image is bent onto a fixed one.

    The linear part is found first, as ``register_images`` does. What comes out is a good ``start`` for
    ``register_images``, which refines it.

    Parameters
    ----------
    fixed : MedicalImage
        The image that stays.
    moving : MedicalImage
        The image that is brought onto it.
    start : SpatialTransform, optional
        The linear part, if it is known; else it is looked for.
    model : str, path or Model
        A registration model, as ``train_registration`` makes them.
    device : str
        Where the network runs.
    progress : Progress
        Hears every step.

    Returns
    -------
    SpatialTransform
        From the fixed to the moving world: the deformation, then the linear part.

    Raises
    ------
    ArgumentError
        If an image has time, channels or no contrast.
    GeometryError
        If dimensions or units differ.
    ModelError
        If the model does something else, or is for another number of dimensions.

    References
    ----------
    Balakrishnan et al., VoxelMorph: A Learning Framework for Deformable Medical Image Registration, IEEE
    TMI 2019.
    """
    progress(Step(0, 1, "Aligning"))
    loaded = as_model(model)
    require_task(loaded.spec, "registration")
    check_pair(fixed, moving)
    if start is None:
        pose = find_pose(fixed, moving, "affine", Hints(), device=device, progress=part(progress, 0, 0.7))
        start = SpatialTransform.from_matrix(pose.matrix)
    pair = as_pair(fixed, moving, start)
    field, grid = displacement_between(loaded, pair, device=device, progress=part(progress, 0.7, 1))
    vectors = field @ grid.matrix.T.astype(np.float32)
    return SpatialTransform.from_displacement(vectors, grid, f"by {loaded.spec.name}").then(start)
