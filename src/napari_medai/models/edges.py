"""Resampling between grids that span the same edges, as nnU-Net does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_medai.core.errors import ModelError
from napari_medai.core.geometry import Geometry
from napari_medai.core.image import MedicalImage
from napari_medai.core.progress import Progress, track
from napari_medai.models.entries import Resampling
from napari_medai.models.lookup import edge_lookups, interpolate

Numbers = Sequence[float] | NDArray[np.float64]

ANISOTROPIC = 3.0
"""Spacing along one axis over the smallest, above which slices are resized one by one."""


def resized_by_edges(
    image: MedicalImage, spacing: Sequence[float], way: Resampling, progress: Progress
) -> MedicalImage:
    """Bring an image (channels, \\*spatial) to about a spacing without moving its outer edges.

    Parameters
    ----------
    image : MedicalImage
        The image.
    spacing : sequence of float
        Wanted, mm; the number of voxels is rounded, so the real one is a little off.
    way : Resampling
        Orders of the splines.
    progress : Progress
        Hears each channel.

    References
    ----------
    Isensee et al. 2021, nnU-Net, doi 10.1038/s41592-020-01008-z.
    """
    own = image.geometry
    exact = own.spacing / np.array(spacing) * np.array(own.shape)
    shape = tuple(int(n) for n in np.round(np.round(exact, 4)))  # a grid's spacing is off by rounding
    shape = tuple(max(1, n) for n in shape)
    across = across_axis(own.spacing, spacing, way)
    array = np.asarray(image.array)
    channels = [
        _resized(np.asarray(channel, np.float32), shape, way, across)
        for channel in track(list(array), progress, "Resampling")
    ]
    return image.with_array(np.stack(channels), geometry=same_edges(own, shape))


def same_edges(geometry: Geometry, shape: Sequence[int]) -> Geometry:
    """Return the grid of another number of voxels that spans the same edges."""
    scale = np.array(geometry.shape) / np.array(shape)
    step = np.eye(len(scale) + 1)
    step[:-1, :-1] = np.diag(scale)
    step[:-1, -1] = 0.5 * scale - 0.5
    return Geometry(tuple(shape), geometry.affine @ step, geometry.unit)


def across_axis(first: Numbers, second: Numbers, way: Resampling) -> int | None:
    """Return the axis to be treated apart: the thick one of the first spacing, or else of the second."""
    if way.separate == "never":
        return None
    for spacing in (np.asarray(first), np.asarray(second)):
        thick = way.separate == "always" or spacing.max() / spacing.min() > ANISOTROPIC
        if thick:
            (worst,) = np.nonzero(spacing == spacing.max())
            return int(worst[0]) if len(worst) == 1 else None
    return None


def score_orders(source: Geometry, target: Geometry, way: Resampling) -> list[int]:
    """Return the spline order of each axis for scores that go back to the image's grid.

    Raises
    ------
    ModelError
        If the model asks for more than linear interpolation of scores.
    """
    orders = [way.scores_order] * source.ndim
    across = across_axis(source.spacing, target.spacing, way)
    if across is not None:
        orders[across] = way.scores_order_across
    if max(orders) > 1:
        raise ModelError(
            f"The model interpolates scores with order {max(orders)}; needed 0 or 1.",
            hint="Set preparation.resampling.scores_order to 1: labels differ at their borders alone.",
        )
    return orders


def resized_labels(labels: NDArray[Any], shape: Sequence[int], across: int | None) -> NDArray[Any]:
    """Bring labels to another number of voxels: each where it covers most of a voxel, the nearest of equals.

    Parameters
    ----------
    labels : numpy.ndarray
        Shape \\*spatial.
    shape : sequence of int
        Wanted.
    across : int or None
        An axis that is treated apart: slices are resized, and the nearest one is taken.
    """
    shape = tuple(shape)
    if labels.shape == shape:
        return labels
    if across is None:
        return _resized_flat(labels, shape)
    inner = tuple(n for k, n in enumerate(shape) if k != across)
    thin = np.stack([_resized_flat(one, inner) for one in np.moveaxis(labels, across, 0)])
    position = (np.arange(shape[across]) + 0.5) * (len(thin) / shape[across]) - 0.5
    nearest = np.clip(np.floor(position + 0.5).astype(np.intp), 0, len(thin) - 1)
    return np.moveaxis(thin[nearest], 0, across)


def _resized_flat(labels: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    """Resize the mask of each label linearly, with 64 bits: exactly half a voxel is common."""
    from scipy import ndimage

    if labels.shape == shape:
        return labels
    factors = [m / n for n, m in zip(labels.shape, shape, strict=True)]
    way = {"mode": "nearest", "grid_mode": True}
    nearest = ndimage.zoom(labels, factors, order=0, **way)
    found, best = np.zeros(shape, labels.dtype), np.full(shape, -1.0)
    share_of_nearest = np.zeros(shape)
    for value in np.unique(labels):
        share = ndimage.zoom((labels == value).astype(np.float64), factors, order=1, **way)
        np.copyto(share_of_nearest, share, where=nearest == value)
        more = share > best
        np.copyto(found, value, where=more)
        np.copyto(best, share, where=more)
    np.copyto(found, nearest, where=share_of_nearest == best)
    return found


def _resized(
    volume: NDArray[np.float32], shape: tuple[int, ...], way: Resampling, across: int | None
) -> NDArray[np.float32]:
    if volume.shape == shape:
        return volume
    if across is None:
        return _spline(volume, shape, way.image_order)
    flat = tuple(n if k == across else m for k, (n, m) in enumerate(zip(volume.shape, shape, strict=True)))
    slices = np.moveaxis(volume, across, 0)
    inner = tuple(n for k, n in enumerate(flat) if k != across)
    thin = np.stack([_spline(one, inner, way.image_order) for one in slices])
    volume = np.moveaxis(thin, 0, across)
    if volume.shape == shape:
        return np.ascontiguousarray(volume)
    if way.image_order_across > 1:
        raise ModelError(
            f"The model interpolates across slices with order {way.image_order_across}; needed 0 or 1."
        )
    return interpolate(volume, edge_lookups(flat, shape, [way.image_order_across] * len(shape)))


def _spline(volume: NDArray[np.float32], shape: tuple[int, ...], order: int) -> NDArray[np.float32]:
    """Resize by a spline, inside the range of what was there."""
    from scipy import ndimage

    if volume.shape == shape:
        return volume
    factors = [m / n for n, m in zip(volume.shape, shape, strict=True)]
    fine = ndimage.zoom(
        volume.astype(np.float64), factors, order=order, mode="nearest", grid_mode=True, prefilter=True
    )
    inside: NDArray[np.float32] = np.clip(fine, volume.min(), volume.max()).astype(np.float32)
    return inside
