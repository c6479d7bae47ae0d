"""A map of a volume larger than the network's window: every window seen, the map made of all of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_medai.core.errors import ArgumentError
from napari_medai.core.progress import Progress, part, silent, track
from napari_medai.explain.cam import activations_and_gradients, cell_map, require_average_pooling, upsample
from napari_medai.explain.layers import Layer, frozen
from napari_medai.explain.methods import window_map
from napari_medai.explain.question import Question
from napari_medai.explain.weightings import WEIGHTINGS
from napari_medai.models.infer import extend_to_tile, gaussian_weight, window_corners, window_slices
from napari_medai.models.runtime import ready

if TYPE_CHECKING:
    import torch

Floats = NDArray[np.float32]
MAX_BYTES = 2 * 2**30


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
        ``"cam"``, a key of ``WEIGHTINGS``, ``"score_cam"`` or ``"ablation_cam"``. The first two
        weigh channels by all windows together, as if the volume were one; the others by each window.
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
    _require_memory(layer, len(corners))
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
    volume: Floats, region: NDArray[np.bool_] | None, tile: Sequence[int], overlap: float
) -> tuple[Floats, Floats | None, list[tuple[int, ...]], tuple[slice, ...]]:
    """Return volume and region extended to a window, the windows that hold some region, the inner part."""
    padded, inner = extend_to_tile(volume, tile)
    if region is None:
        return padded, None, window_corners(padded.shape[1:], tile, overlap), inner
    where, _ = extend_to_tile(region[None].astype(np.float32), tile)
    corners = [
        c for c in window_corners(padded.shape[1:], tile, overlap) if where[0][window_slices(c, tile)].any()
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
    """Lay all windows' cells side by side and weigh them as one."""
    import torch

    first, *others = layer.cells
    rows = torch.zeros(2, 1, layer.channels, count * first, *others)  # one piece of memory
    for k, (sample, mask) in enumerate(track(pairs, progress, "Looking at windows", count)):
        found = activations_and_gradients(network, sample, question.goal(mask), layer)
        for row, cells in zip(rows, found, strict=True):
            row[:, :, k * first : (k + 1) * first] = cells
        del found, cells
    row_a, row_g = rows[0], rows[1]
    if method == "cam":
        require_average_pooling(row_g)
        total = row_g.flatten(2).sum(2).reshape(*row_g.shape[:2], *[1] * (row_g.ndim - 2))
        return (total * row_a).sum(1)[0].reshape(count, *layer.cells)
    return WEIGHTINGS[method](row_a, row_g)[0].reshape(count, *layer.cells)


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
    volume: Floats, region: Floats | None, corner: tuple[int, ...], tile: Sequence[int], place: torch.device
) -> tuple[torch.Tensor, torch.Tensor | None]:
    import torch

    box = window_slices(corner, tile)
    sample = torch.from_numpy(np.array(volume[(slice(None), *box)])[None]).to(place)
    return sample, None if region is None else torch.from_numpy(np.array(region[0][box])).to(place)


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


def _require_memory(layer: Layer, windows: int) -> None:
    needed = 8 * layer.channels * int(np.prod(layer.cells)) * windows
    if needed > MAX_BYTES:
        raise ArgumentError(
            f"The layer {layer.name!r} would take {needed / 2**30:.1f} GiB over {windows} windows; "
            f"at most {MAX_BYTES / 2**30:.0f} GiB are used.",
            hint="Choose a coarser layer.",
        )
