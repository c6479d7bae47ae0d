"""Continuous max-flow: the convex relaxation of a graph cut with any number of labels."""

from __future__ import annotations

import numpy as np

from napari_medai.core.geometry import FloatArray
from napari_medai.core.progress import Progress, Step
from napari_medai.preprocess.arrays import FloatVolume

_PENALTY = np.float32(0.3)
_TOLERANCE = 1e-4


def continuous_cut(
    costs: FloatVolume, border: FloatVolume, spacing: FloatArray, iterations: int, progress: Progress
) -> FloatVolume:
    """Minimise the sum of label costs and weighted border areas over relaxed labels.

    Parameters
    ----------
    costs : (K, *shape) ndarray
        Cost of each label at each voxel.
    border : (*shape) ndarray
        Cost of a unit of border, one unit being the smallest voxel side.
    spacing : (D,) ndarray
        Voxel size; borders are measured in the world.
    iterations : int
        At most so many steps.
    progress : Progress
        Hears one report a step and label.

    Returns
    -------
    (K, *shape) ndarray of float32
        Near 0 or 1; the largest is the label.

    References
    ----------
    Yuan et al. 2010, A continuous max-flow approach to Potts model, doi 10.1007/978-3-642-15567-3_28.
    """
    count, shape = len(costs), costs.shape[1:]
    steps = (spacing / spacing.min()).astype(np.float32)
    rate = np.float32(0.9 / (4 * np.sum(1 / steps**2)))
    labels = np.eye(count, dtype=np.float32)[costs.argmin(axis=0)]
    labels = np.moveaxis(labels, -1, 0).copy()
    source = costs.min(axis=0)
    sinks = np.repeat(source[None], count, axis=0)
    flows = np.zeros((count, len(shape), *shape), dtype=np.float32)
    spread = np.zeros((count, *shape), dtype=np.float32)
    for iteration in range(iterations):
        for k in range(count):
            progress(Step(iteration * count + k, iterations * count, "Continuous max-flow"))
            excess = spread[k] + sinks[k] - source - labels[k] / _PENALTY
            _push(flows[k], excess, border, steps, rate)
            spread[k] = _divergence(flows[k], steps)
            sinks[k] = np.minimum(costs[k], source - spread[k] + labels[k] / _PENALTY)
        source = (sinks + spread - labels / _PENALTY).sum(axis=0)
        source = (source + 1 / _PENALTY) / np.float32(count)
        change = _PENALTY * (spread + sinks - source)
        labels -= change
        if float(np.abs(change).mean()) < _TOLERANCE:
            break
    progress(Step(1, 1, "Continuous max-flow"))
    return np.asarray(labels, dtype=np.float32)


def _push(
    flow: FloatVolume, excess: FloatVolume, border: FloatVolume, steps: FloatArray, rate: np.float32
) -> None:
    """Take a step along the gradient, then shorten what is longer than the border allows, in place."""
    for axis, step in enumerate(steps):
        inner = (*[slice(None)] * axis, slice(None, -1))
        flow[axis][inner] += rate / step * np.diff(excess, axis=axis)
    length = np.sqrt(np.sum(flow * flow, axis=0))
    flow *= np.minimum(1, border / np.maximum(length, 1e-12))


def _divergence(flow: FloatVolume, steps: FloatArray) -> FloatVolume:
    """Sum of backward differences per unit; what leaves through the image's edge does not."""
    total = np.zeros(flow.shape[1:], dtype=np.float32)
    for axis, step in enumerate(steps):
        inner = (*[slice(None)] * axis, slice(None, -1))
        outer = (*[slice(None)] * axis, slice(1, None))
        scaled = flow[axis][inner] / step
        total[inner] += scaled
        total[outer] -= scaled
    return total
