"""A map of a volume larger than the network's window: every window seen, the map made of all of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_medai.core.errors import ArgumentError
from napari_medai.core.progress import Progress, part, silent, track
from napari_medai.explain.cam import activations_and_gradients, cell_map, upsample
from napari_medai.explain.gathering import gathering
from napari_medai.explain.layers import Layer, frozen
from napari_medai.explain.methods import window_map
from napari_medai.explain.question import Question
from napari_medai.models.infer import extend_to_tile, gaussian_weight, window_corners, window_slices
from napari_medai.models.runtime import ready

if TYPE_CHECKING:
    import torch

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]


def region_map(
    network: torch.nn.Module,
    volume: Floats,
    question: Question,
    tile: Sequence[int],
    layer: Layer,
    *,
    method: str = "grad_cam",
    overlap: float = 0.5,
    device: str = "cpu",
    progress: Progress = silent,
) -> Floats:
    """Explain a score of the whole volume: summed over a region, or over all windows where there is none.

    Parameters
    ----------
    network : torch.nn.Module
        Gives a map of the window's size, or one number a class.
    volume : numpy.ndarray
        Shape (C, *S), prepared.
    question : Question
        Which score, and the region (*S) over which it is summed.
    tile : sequence of int
        The window.
    layer : Layer
        Where to look.
    method : str
        A key of ``WEIGHTINGS``, ``"score_cam"`` or ``"ablation_cam"``. The first weigh channels by all
        windows together, as if the volume were one; the others by each window.
    overlap : float
        The share of a window that the next one covers again.
    device : str
        Where the network runs.
    progress : Progress
        Hears each window.

    Returns
    -------
    numpy.ndarray
        Shape (*S), float32; 0 where no window holds a part of the region. Negative parts are cut.
    """
    import torch

    padded, where, corners, inner = _telling_windows(volume, question.region, tile, overlap)
    with ready(network, device) as (lent, place), torch.inference_mode(False), torch.no_grad():
        pairs = (_window(padded, where, corner, tile, place) for corner in corners)
        if method in ("score_cam", "ablation_cam"):
            maps = _maps_one_by_one(lent, pairs, len(corners), layer, question, method, progress)
        else:
            maps = _maps_together(lent, pairs, len(corners), layer, question, method, progress)
        big = (upsample(one[None, None].clamp(min=0), tuple(tile))[0, 0].cpu().numpy() for one in maps)
        whole = _blend(big, corners, padded.shape[1:], tile)
    return np.ascontiguousarray(whole[inner])


def input_region_map(
    network: torch.nn.Module,
    volume: Floats,
    question: Question,
    tile: Sequence[int],
    *,
    method: str,
    overlap: float = 0.5,
    device: str = "cpu",
    progress: Progress = silent,
) -> Floats:
    """Explain as :func:`region_map` does, by a method that looks at the input; window by window.

    Integrated gradients begin at an input that holds the volume's smallest value everywhere.
    """
    import torch

    padded, where, corners, inner = _telling_windows(volume, question.region, tile, overlap)
    blank = float(volume.min())
    with ready(network, device) as (lent, place), torch.inference_mode(False), torch.no_grad():

        def one(k: int) -> Floats:
            sample, mask = _window(padded, where, corners[k], tile, place)
            share = part(progress, k / len(corners), (k + 1) / len(corners))
            return window_map(lent, sample, question.goal(mask), method, (), blank, share)

        whole = _blend(map(one, range(len(corners))), corners, padded.shape[1:], tile)
    return np.ascontiguousarray(whole[inner])


def _telling_windows(
    volume: Floats, region: Mask | None, tile: Sequence[int], overlap: float
) -> tuple[Floats, Mask | None, list[tuple[int, ...]], tuple[slice, ...]]:
    """Return volume and region extended to a window, the windows that hold some region, the inner part."""
    padded, inner = extend_to_tile(volume, tile)
    if region is None:
        return padded, None, window_corners(padded.shape[1:], tile, overlap), inner
    where = extend_to_tile(region[None], tile)[0][0]
    corners = [
        c for c in window_corners(padded.shape[1:], tile, overlap) if where[window_slices(c, tile)].any()
    ]
    if not corners:
        raise ArgumentError(
            "The region to explain is empty.", hint="Choose a class that is there, or paint one."
        )
    return padded, where, corners, inner


def _maps_together(
    network: torch.nn.Module,
    pairs: Any,
    count: int,
    layer: Layer,
    question: Question,
    method: str,
    progress: Progress,
) -> torch.Tensor:
    """Weigh all windows' channels as if they were one."""
    gathered = gathering(method, layer, count)
    for k, (sample, mask) in enumerate(track(pairs, progress, "Looking at windows", count)):
        gathered.add(k, *activations_and_gradients(network, sample, question.goal(mask), layer))
    return gathered.maps()


def _maps_one_by_one(
    network: torch.nn.Module,
    pairs: Any,
    count: int,
    layer: Layer,
    question: Question,
    method: str,
    progress: Progress,
) -> torch.Tensor:
    import torch

    maps = []
    for index, (sample, mask) in enumerate(pairs):
        inner = part(progress, index / count, (index + 1) / count)
        with frozen(network):
            maps.append(cell_map(network, sample, question.goal(mask), layer, method, inner))
    return torch.stack(maps)


def _window(
    volume: Floats, region: Mask | None, corner: tuple[int, ...], tile: Sequence[int], place: torch.device
) -> tuple[torch.Tensor, torch.Tensor | None]:
    import torch

    box = window_slices(corner, tile)
    sample = torch.from_numpy(np.array(volume[(slice(None), *box)])[None]).to(place)
    return sample, None if region is None else torch.from_numpy(np.array(region[box])).to(place)


def _blend(
    maps: Iterable[Floats],
    corners: Sequence[tuple[int, ...]],
    shape: tuple[int, ...],
    tile: Sequence[int],
) -> Floats:
    """Average overlapping windows as they come, weighted by a Gaussian around each one's centre."""
    weight = gaussian_weight(tile)
    total, weights = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    for corner, one in zip(corners, maps, strict=True):
        box = window_slices(corner, tile)
        total[box] += one * weight
        weights[box] += weight
    return np.divide(total, weights, out=total, where=weights > 0)
