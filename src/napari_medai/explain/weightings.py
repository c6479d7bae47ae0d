"""How activations and gradients of a layer become a map: a few lines a method, in any dimension."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    import torch

    Weighting: TypeAlias = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]

_TINY = 1e-12


def grad_cam(activations: torch.Tensor, gradients: torch.Tensor) -> torch.Tensor:
    """Channel weights are mean gradients. Selvaraju et al., ICCV 2017.

    Parameters
    ----------
    activations, gradients : torch.Tensor
        Of one layer, shape (N, K, *cells).

    Returns
    -------
    torch.Tensor
        Shape (N, *cells), before the negative part is cut.
    """
    return (_cell_mean(gradients) * activations).sum(dim=1)


def grad_cam_plus_plus(activations: torch.Tensor, gradients: torch.Tensor) -> torch.Tensor:
    """Channel weights are positive gradients, weighted by their curvature. Chattopadhay et al., WACV 2018."""
    import torch

    total = activations.flatten(2).sum(dim=2).reshape(*activations.shape[:2], *[1] * (activations.ndim - 2))
    bottom = 2 * gradients**2 + total * gradients**3
    share = torch.where(
        bottom.abs() > _TINY, gradients**2 / _away_from_zero(bottom), torch.zeros_like(bottom)
    )
    weights = _cell_sum(share * gradients.clamp(min=0))
    return (weights * activations).sum(dim=1)


def hires_cam(activations: torch.Tensor, gradients: torch.Tensor) -> torch.Tensor:
    """Gradient times activation, cell by cell. Draelos and Carin, 2020 (arXiv 2011.08891)."""
    return (gradients * activations).sum(dim=1)


def layer_cam(activations: torch.Tensor, gradients: torch.Tensor) -> torch.Tensor:
    """Positive gradient times activation, cell by cell. Jiang et al., IEEE TIP 2021."""
    return (gradients.clamp(min=0) * activations).sum(dim=1)


def xgrad_cam(activations: torch.Tensor, gradients: torch.Tensor) -> torch.Tensor:
    """Gradients averaged with the activations as weights. Fu et al., BMVC 2020."""
    weights = _cell_sum(gradients * activations) / _away_from_zero(_cell_sum(activations))
    return (weights * activations).sum(dim=1)


def eigen_cam(activations: torch.Tensor, gradients: torch.Tensor) -> torch.Tensor:
    """The first principal component of the activations; no class is asked. Muhammad and Yeasin, IJCNN 2020.

    The sign of a component is free: it is chosen so that the map grows with the mean activation.
    """
    import torch

    del gradients
    maps = []
    for one in activations:
        table = one.flatten(1).T
        centred = table - table.mean(dim=0)
        _, _, components = torch.linalg.svd(centred, full_matrices=False)
        projection = centred @ components[0]
        mean = table.mean(dim=1)
        sign = torch.where(((mean - mean.mean()) * projection).sum() < 0, -1.0, 1.0)
        maps.append((sign * projection).reshape(one.shape[1:]))
    return torch.stack(maps)


WEIGHTINGS: dict[str, Weighting] = {
    "grad_cam": grad_cam,
    "grad_cam_plus_plus": grad_cam_plus_plus,
    "hires_cam": hires_cam,
    "layer_cam": layer_cam,
    "xgrad_cam": xgrad_cam,
    "eigen_cam": eigen_cam,
}


def _cell_mean(values: torch.Tensor) -> torch.Tensor:
    return values.mean(dim=tuple(range(2, values.ndim)), keepdim=True)


def _cell_sum(values: torch.Tensor) -> torch.Tensor:
    return values.sum(dim=tuple(range(2, values.ndim)), keepdim=True)


def _away_from_zero(values: torch.Tensor) -> torch.Tensor:
    import torch

    return torch.where(values.abs() > _TINY, values, torch.full_like(values, _TINY))
