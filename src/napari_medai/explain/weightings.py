"""How activations and gradients of a layer become a map: a few lines a method, in any dimension."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from napari_medai.core.errors import ArgumentError

if TYPE_CHECKING:
    import torch

    Weighting: TypeAlias = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]

_TINY = 1e-12


@dataclass(frozen=True)
class ByChannel:
    """A method that weighs whole channels by sums over their cells.

    Sums can be gathered window by window, so that no gradient need be kept.

    Parameters
    ----------
    sums : callable
        From activations and gradients, (N, K, *cells), to sums over the cells, (N, K, number of sums).
    weights : callable
        From the sums and the number of cells to a weight a channel, (N, K).
    """

    sums: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
    weights: Callable[[torch.Tensor, int], torch.Tensor]

    def __call__(self, activations: torch.Tensor, gradients: torch.Tensor) -> torch.Tensor:
        """Make the map (N, *cells), before the negative part is cut."""
        cells = activations[0, 0].numel()
        return combined(self.weights(self.sums(activations, gradients), cells), activations)


def combined(weights: torch.Tensor, activations: torch.Tensor) -> torch.Tensor:
    """Sum activations (N, K, *cells) over their channels, weighted by (N, K)."""
    import torch

    return torch.einsum("nk,nk...->n...", weights, activations)


def _sum_of_gradients(_activations: torch.Tensor, gradients: torch.Tensor) -> torch.Tensor:
    return gradients.flatten(2).sum(2, keepdim=True)


def _sum_of_even_gradients(_activations: torch.Tensor, gradients: torch.Tensor) -> torch.Tensor:
    _require_average_pooling(gradients)
    return _sum_of_gradients(_activations, gradients)


def _sums_with_activations(activations: torch.Tensor, gradients: torch.Tensor) -> torch.Tensor:
    import torch

    both = (gradients * activations).flatten(2).sum(2), activations.flatten(2).sum(2)
    return torch.stack(both, dim=2)


cam = ByChannel(_sum_of_even_gradients, lambda sums, _cells: sums[..., 0])
"""Channel weights are those of the last linear layer. Zhou et al., CVPR 2016."""
grad_cam = ByChannel(_sum_of_gradients, lambda sums, cells: sums[..., 0] / cells)
"""Channel weights are mean gradients. Selvaraju et al., ICCV 2017."""
xgrad_cam = ByChannel(
    _sums_with_activations, lambda sums, _cells: sums[..., 0] / _away_from_zero(sums[..., 1])
)
"""Gradients averaged with the activations as weights. Fu et al., BMVC 2020."""


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
    "cam": cam,
    "grad_cam": grad_cam,
    "grad_cam_plus_plus": grad_cam_plus_plus,
    "hires_cam": hires_cam,
    "layer_cam": layer_cam,
    "xgrad_cam": xgrad_cam,
    "eigen_cam": eigen_cam,
}
CELL_BY_CELL = ("hires_cam", "layer_cam")
"""Methods in which a cell's value comes of that cell alone."""


def _require_average_pooling(gradients: torch.Tensor) -> None:
    """Refuse CAM where the gradient is not the same in every cell of a channel."""
    spread = gradients - gradients.mean(dim=tuple(range(2, gradients.ndim)), keepdim=True)
    if float(spread.abs().max()) > 1e-4 * float(gradients.abs().max()) + 1e-12:
        raise ArgumentError(
            "CAM needs a layer that feeds a global average pool and one linear layer; here the gradient "
            "differs from cell to cell.",
            hint="Use grad_cam, which is the same where CAM applies.",
        )


def _cell_sum(values: torch.Tensor) -> torch.Tensor:
    return values.sum(dim=tuple(range(2, values.ndim)), keepdim=True)


def _away_from_zero(values: torch.Tensor) -> torch.Tensor:
    import torch

    return torch.where(values.abs() > _TINY, values, torch.full_like(values, _TINY))
