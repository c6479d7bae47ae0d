"""A registration network put to use: a smooth displacement from two images seen together."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_medai.core.errors import ModelError
from napari_medai.core.geometry import Geometry
from napari_medai.core.image import MedicalImage
from napari_medai.core.progress import Progress, Step, part, silent
from napari_medai.models.model import Model
from napari_medai.models.runtime import ready
from napari_medai.models.task import require_task
from napari_medai.models.whole import prepare_whole

if TYPE_CHECKING:
    import torch

HALVINGS = 6
"""A velocity is followed in ``2 ** HALVINGS`` equal steps, each too short to fold."""


def displacement_between(
    model: Model, pair: MedicalImage, *, device: str = "cpu", progress: Progress = silent
) -> tuple[NDArray[np.float32], Geometry]:
    """Let a network say where each place of the fixed image lies in the moving one.

    Parameters
    ----------
    model : Model
        Of the task registration.
    pair : MedicalImage
        The fixed and the moving image as two channels on one grid, values from 0 to 1.
    device : str
        Where the network runs.
    progress : Progress
        Hears the preparation and the prediction.

    Returns
    -------
    displacement : numpy.ndarray
        Shape (\\*S, D), in voxels along the axes of ``grid``.
    grid : Geometry
        Of the network's view.

    Raises
    ------
    ModelError
        If the model's task is another, or the pair does not fit it.
    """
    import torch

    require_task(model.spec, "registration")
    axes = len(model.spec.outputs.displacement)
    if axes != model.spec.ndim:
        raise ModelError(
            f"Model {model.spec.name} is {model.spec.ndim}-D and gives {axes} displacements; needed as many."
        )
    seen = prepare_whole(model.spec, pair, part(progress, 0, 0.5))
    progress(Step(1, 2, "Predicting"))
    with ready(model.network, device) as (network, place):
        velocity = network(torch.from_numpy(seen.volume[None].copy()).to(place)).float()
        found = follow(velocity)[0].cpu().numpy()
    return np.moveaxis(found, 0, -1), seen.grid


def follow(velocity: torch.Tensor) -> torch.Tensor:
    """Follow a velocity for one unit of time, by scaling and squaring.

    Parameters
    ----------
    velocity : torch.Tensor
        Shape (B, D, *S), voxels along the array axes.

    Returns
    -------
    torch.Tensor
        The displacement, same shape.

    References
    ----------
    Arsigny et al., A Log-Euclidean framework for statistics on diffeomorphisms, MICCAI 2006.
    """
    moved: torch.Tensor = velocity / 2**HALVINGS
    for _ in range(HALVINGS):
        moved = moved + warp(moved, moved)
    return moved


def warp(values: torch.Tensor, displacement: torch.Tensor) -> torch.Tensor:
    """Look values (B, C, *S) up where a displacement (B, D, *S) in voxels leads; the edge is extended."""
    import torch

    sizes = values.shape[2:]
    lines = [torch.linspace(-1, 1, n, dtype=values.dtype, device=values.device) for n in sizes]
    still = torch.stack(torch.meshgrid(*lines, indexing="ij"), dim=-1)
    scale = torch.tensor([2 / max(n - 1, 1) for n in sizes], dtype=values.dtype, device=values.device)
    places = still + displacement.movedim(1, -1) * scale
    looked_up: torch.Tensor = torch.nn.functional.grid_sample(
        values, places.flip(-1), mode="bilinear", padding_mode="border", align_corners=True
    )
    return looked_up
