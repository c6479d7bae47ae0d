"""Maps on the input's own grid: gradients of the input, and what happens when a part is covered."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from typing import TYPE_CHECKING, Any

from napari_medai.core.errors import ArgumentError
from napari_medai.core.progress import Progress, silent, track
from napari_medai.explain.layers import frozen
from napari_medai.explain.thrift import thrifty

if TYPE_CHECKING:
    import torch

    from napari_medai.explain.targets import Target


def input_gradient(network: torch.nn.Module, sample: torch.Tensor, target: Target) -> torch.Tensor:
    """Gradient of the explained value by the input, shape (1, C, *S)."""
    import torch

    with frozen(network), thrifty(), torch.enable_grad():
        leaf = sample.detach().clone().requires_grad_(True)
        (gradient,) = torch.autograd.grad(target(network(leaf)).sum(), leaf)
    return gradient


def integrated_gradients(
    network: torch.nn.Module,
    sample: torch.Tensor,
    target: Target,
    baseline: float = 0.0,
    steps: int = 32,
    progress: Progress = silent,
) -> torch.Tensor:
    """Gradients gathered on the way from a blank input, times the way. Sundararajan et al., ICML 2017.

    Parameters
    ----------
    baseline : float
        The value of the blank input.
    steps : int
        Points on the way (midpoint rule).

    Returns
    -------
    torch.Tensor
        Shape (*S), channels summed; over all voxels they sum to the change of the score.
    """
    import torch

    total = torch.zeros_like(sample)
    way = sample - baseline
    for step in track(range(steps), progress, "Integrating gradients"):
        total += input_gradient(network, baseline + way * ((step + 0.5) / steps), target)
    return (way * total / steps)[0].sum(0)


def smooth_grad(
    network: torch.nn.Module,
    sample: torch.Tensor,
    target: Target,
    noise: float = 0.15,
    repeats: int = 16,
    seed: int = 0,
    progress: Progress = silent,
) -> torch.Tensor:
    """Mean gradient over noisy copies of the input, its size. Smilkov et al., 2017 (arXiv 1706.03825).

    Parameters
    ----------
    noise : float
        Standard deviation as a share of the input's range.
    repeats : int
        How many copies.
    seed : int
        Of the noise.
    """
    import torch

    generator = torch.Generator().manual_seed(seed)
    width = noise * float(sample.max() - sample.min())
    total = torch.zeros_like(sample)
    for _ in track(range(repeats), progress, "Averaging gradients"):
        draw = torch.randn(sample.shape, generator=generator).to(sample)
        total += input_gradient(network, sample + width * draw, target)
    return (total / repeats)[0].abs().sum(0)


def guided_backpropagation(
    network: torch.nn.Module, sample: torch.Tensor, target: Target, progress: Progress = silent
) -> torch.Tensor:
    """Gradients that pass a rectifier only where they are positive. Springenberg et al., ICLR Workshops 2015.

    Known to show the image's edges whatever the network has learnt (Adebayo et al., NeurIPS 2018): kept
    as the control that a check must fail.
    """
    with _guided(network):
        (gradient,) = (
            input_gradient(network, sample, target) for _ in track(range(1), progress, "Guided gradients")
        )
    return gradient[0].abs().sum(0)


def occlusion(
    network: torch.nn.Module,
    sample: torch.Tensor,
    target: Target,
    box: int = 8,
    fill: float | None = None,
    batch: int = 8,
    progress: Progress = silent,
) -> torch.Tensor:
    """How much the score falls when a box is covered. Zeiler and Fergus, ECCV 2014.

    Parameters
    ----------
    box : int
        Edge of the box in voxels; boxes lie side by side at half this distance.
    fill : float, optional
        What covers it; the input's mean by default.
    batch : int
        How many covered inputs run at once.

    Returns
    -------
    torch.Tensor
        Shape (*S): each voxel's mean over the boxes that cover it.
    """
    import torch

    size = sample.shape[2:]
    cover = float(sample.mean()) if fill is None else fill
    corners = list(product(*(_starts(n, box) for n in size)))
    total, count = torch.zeros(tuple(size)), torch.zeros(tuple(size))
    with frozen(network), torch.no_grad():
        full = float(target(network(sample)))
        for start in track(range(0, len(corners), batch), progress, "Covering parts"):
            boxes: list[Any] = [
                tuple(slice(c, c + box) for c in corner) for corner in corners[start : start + batch]
            ]
            covered = sample.repeat(len(boxes), *[1] * (sample.ndim - 1))
            for row, where in enumerate(boxes):
                covered[(row, slice(None), *where)] = cover
            for where, score in zip(boxes, target(network(covered)).tolist(), strict=True):
                total[where] += full - score
                count[where] += 1
    return total / count


def _starts(length: int, box: int) -> list[int]:
    last = max(length - box, 0)
    return sorted({*range(0, last + 1, max(1, box // 2)), last})


def _is_rectifier(module: torch.nn.Module) -> bool:
    """Tell rectifiers and their smooth kin by their names: MONAI brings some of its own."""
    kinds = ("ReLU", "LeakyReLU", "PReLU", "ELU", "GELU", "SiLU", "Swish", "MemoryEfficientSwish")
    return type(module).__name__ in kinds


@contextmanager
def _guided(network: torch.nn.Module) -> Iterator[None]:
    rectifiers: list[Any] = [m for m in network.modules() if _is_rectifier(m)]
    if not rectifiers:
        raise ArgumentError("Guided backpropagation needs rectifier layers; this network has none.")
    in_place = [m for m in rectifiers if getattr(m, "inplace", False)]
    for module in in_place:
        module.inplace = False

    def positive(_module: Any, inputs: Any, _outputs: Any) -> Any:
        return tuple(None if g is None else g.clamp(min=0) for g in inputs)

    handles = [m.register_full_backward_hook(positive) for m in rectifiers]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
        for module in in_place:
            module.inplace = True
