"""Noise removed by thresholding the cosine transform of every overlapping block.

Each block of 4 voxels along every axis is transformed; small coefficients are noise. The filtered blocks
are averaged, those explained by few coefficients counting more (hard thresholding). Then the result
serves as the model for an empirical Wiener filter over the same blocks.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from napari_medai.core.progress import Progress, Step, part
from napari_medai.preprocess.arrays import FloatVolume, as_float

_BLOCK = 4
_THRESHOLD = np.float32(2.7)
_SLAB_VOXELS = 400_000
_NEAR = np.float32(np.cos(np.pi / 8) / np.sqrt(2))
_FAR = np.float32(np.sin(np.pi / 8) / np.sqrt(2))
_HALF = np.float32(0.5)

Step2 = Callable[[list[FloatVolume], float], tuple[FloatVolume, FloatVolume]]


def denoise_blocks(volume: FloatVolume, sigma: float, progress: Progress) -> FloatVolume:
    """Remove white noise.

    Parameters
    ----------
    volume : ndarray of float32
        Shape (z, y, x) or (y, x).
    sigma : float
        Standard deviation of the noise.
    progress : Progress
        Hears one report a slab.

    Returns
    -------
    ndarray of float32
        The same shape.

    References
    ----------
    Guleryuz 2007, Weighted averaging for denoising with overcomplete dictionaries,
    doi 10.1109/TIP.2007.908078.
    Manjon et al. 2012, New methods for MRI denoising based on sparseness and self-similarity,
    doi 10.1016/j.media.2011.04.003.
    """
    first = _filter([volume], sigma, _threshold, part(progress, 0, 0.45, "Removing noise: first pass"))
    return _filter([volume, first], sigma, _wiener, part(progress, 0.45, 1, "Removing noise: second pass"))


def _filter(volumes: list[FloatVolume], sigma: float, step: Step2, progress: Progress) -> FloatVolume:
    """Filter slabs of blocks and average them where they overlap."""
    edge = _BLOCK - 1
    padded = [np.pad(v, edge, mode="symmetric") for v in volumes]
    total = np.zeros(padded[0].shape, dtype=np.float32)
    weight = np.zeros(padded[0].shape, dtype=np.float32)
    rows = padded[0].shape[0] - edge
    count = max(1, _SLAB_VOXELS // int(np.prod(padded[0].shape[1:])))
    for start in range(0, rows, count):
        progress(Step(start, rows))
        stop = min(start + count, rows)
        blocks, certainty = step([v[start : stop + edge] for v in padded], sigma)
        total[start : stop + edge] += blocks
        weight[start : stop + edge] += _spread(certainty)
    progress(Step(rows, rows))
    inner = (slice(edge, -edge),) * total.ndim
    return total[inner] / weight[inner]


def _threshold(slabs: list[FloatVolume], sigma: float) -> tuple[FloatVolume, FloatVolume]:
    bands = _transform(slabs[0])
    limit = _THRESHOLD * np.float32(sigma)
    used = np.ones_like(bands[0])
    for band in bands[1:]:
        kept = np.abs(band) > limit
        used += kept
        band *= kept
    certainty = np.float32(1) / used
    for band in bands:
        band *= certainty
    return _synthesise(bands, slabs[0].ndim), as_float(certainty)


def _wiener(slabs: list[FloatVolume], sigma: float) -> tuple[FloatVolume, FloatVolume]:
    bands, model = _transform(slabs[0]), _transform(slabs[1])
    variance = np.float32(sigma**2)
    used = np.ones_like(bands[0])
    for band, power in zip(bands[1:], model[1:], strict=True):
        power *= power
        power /= power + variance
        band *= power
        power *= power
        used += power
    certainty = np.float32(1) / used
    for band in bands:
        band *= certainty
    return _synthesise(bands, slabs[0].ndim), as_float(certainty)


def _transform(slab: FloatVolume) -> list[FloatVolume]:
    """Cosine transform of every block: 4 ** D bands, the mean first."""
    bands = [slab]
    for axis in range(slab.ndim):
        bands = [band for previous in bands for band in _analyse(previous, axis)]
    return bands


def _synthesise(bands: list[FloatVolume], ndim: int) -> FloatVolume:
    """Add up all blocks where they lie; the adjoint of :func:`_transform`."""
    for axis in reversed(range(ndim)):
        bands = [_merge(bands[k : k + _BLOCK], axis) for k in range(0, len(bands), _BLOCK)]
    return bands[0]


def _analyse(values: FloatVolume, axis: int) -> list[FloatVolume]:
    """Orthonormal 4-point cosine transform at every position along an axis."""
    count = values.shape[axis] - _BLOCK + 1
    x0, x1, x2, x3 = (values[_along(axis, k, count)] for k in range(_BLOCK))
    outer, inner = x0 + x3, x1 + x2
    outer_step, inner_step = x0 - x3, x1 - x2
    return [
        (outer + inner) * _HALF,
        _NEAR * outer_step + _FAR * inner_step,
        (outer - inner) * _HALF,
        _FAR * outer_step - _NEAR * inner_step,
    ]


def _merge(bands: list[FloatVolume], axis: int) -> FloatVolume:
    c0, c1, c2, c3 = bands
    outer, inner = (c0 + c2) * _HALF, (c0 - c2) * _HALF
    outer_step, inner_step = _NEAR * c1 + _FAR * c3, _FAR * c1 - _NEAR * c3
    parts = (outer + outer_step, inner + inner_step, inner - inner_step, outer - outer_step)
    return _add_shifted(parts, axis)


def _spread(certainty: FloatVolume) -> FloatVolume:
    """Add each block's weight to all its voxels."""
    for axis in range(certainty.ndim):
        certainty = _add_shifted((certainty,) * _BLOCK, axis)
    return certainty


def _add_shifted(parts: tuple[FloatVolume, ...], axis: int) -> FloatVolume:
    count = parts[0].shape[axis]
    shape = list(parts[0].shape)
    shape[axis] += _BLOCK - 1
    result = np.zeros(shape, dtype=np.float32)
    for k, values in enumerate(parts):
        result[_along(axis, k, count)] += values
    return result


def _along(axis: int, start: int, count: int) -> tuple[slice, ...]:
    return (*[slice(None)] * axis, slice(start, start + count))
