"""Grey level co-occurrence: which levels lie side by side."""

from __future__ import annotations

import numpy as np

from napari_medai.core.geometry import FloatArray
from napari_medai.measure.radiomics.directions import Direction, neighbours
from napari_medai.measure.radiomics.matrices import Stack
from napari_medai.measure.radiomics.roi import IntArray, Levels


def co_occurrence(levels: Levels, planar: bool) -> Stack:
    """Count pairs of neighbouring levels, in both orders, direction by direction."""
    size = levels.count
    counts = []
    for direction in neighbours(planar):
        first, second = _pairs(levels.grid, direction)
        both = (first > 0) & (second > 0)
        code = (first[both] - 1) * size + second[both] - 1
        matrix = np.bincount(code, minlength=size * size).reshape(size, size)
        counts.append(matrix + matrix.T)
    stacked = np.stack(counts).astype(np.float64)
    return Stack(stacked, np.arange(1.0, size + 1), levels.voxels)


def co_occurrence_features(stack: Stack) -> dict[str, FloatArray]:
    """Compute the 25 features of every matrix."""
    total = stack.counts.sum(axis=(1, 2), keepdims=True)
    joint = np.divide(stack.counts, total, out=np.full_like(stack.counts, np.nan), where=total > 0)
    level = stack.values
    first, second = np.meshgrid(level, level, indexing="ij")
    marginal = joint.sum(axis=2)
    return {
        **_joint_features(joint, first, second, marginal),
        **_spread_features("diff", *_grouped(joint, np.abs(first - second))),
        **_spread_features("sum", *_grouped(joint, first + second)),
        **_difference_features(joint, np.abs(first - second), len(level)),
        **_cluster_features(joint, first, second, marginal),
        **_information_features(joint, marginal),
    }


def _pairs(grid: IntArray, direction: Direction) -> tuple[IntArray, IntArray]:
    """Return two views of a grid, one a step further along a direction."""
    near, far = [], []
    for step, size in zip(direction, grid.shape, strict=True):
        near.append(slice(max(0, -step), min(size, size - step)))
        far.append(slice(max(0, step), min(size, size + step)))
    return grid[tuple(near)], grid[tuple(far)]


def _grouped(joint: FloatArray, key: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Add up probabilities of pairs with the same difference or sum; return keys and sums."""
    index = key.astype(np.int64).reshape(-1)
    sums = [np.bincount(index, weights=p.reshape(-1)) for p in joint]
    return np.arange(float(len(sums[0]))), np.stack(sums)


def _spread_features(name: str, keys: FloatArray, share: FloatArray) -> dict[str, FloatArray]:
    average = share @ keys
    variance = ((keys - average[:, None]) ** 2 * share).sum(axis=1)
    return {
        f"cm_{name}_avg": average,
        f"cm_{name}_var": variance,
        f"cm_{name}_entr": entropy(share),
    }


def _joint_features(
    joint: FloatArray, first: FloatArray, second: FloatArray, marginal: FloatArray
) -> dict[str, FloatArray]:
    flat = joint.reshape(len(joint), -1)
    average = flat @ first.reshape(-1)
    variance = (((first - average[:, None, None]) ** 2) * joint).sum(axis=(1, 2))
    product = flat @ (first * second).reshape(-1)
    spread = np.where(variance > 0, variance, 1.0)
    return {
        "cm_joint_max": flat.max(axis=1),
        "cm_joint_avg": average,
        "cm_joint_var": variance,
        "cm_joint_entr": entropy(flat),
        "cm_energy": (flat**2).sum(axis=1),
        "cm_auto_corr": product,
        "cm_corr": np.where(variance == 0, 1.0, (product - average**2) / spread) + 0 * marginal[:, 0],
    }


def _difference_features(joint: FloatArray, gap: FloatArray, count: int) -> dict[str, FloatArray]:
    flat = joint.reshape(len(joint), -1)
    apart = np.divide(1.0, gap**2, out=np.zeros_like(gap), where=gap > 0)

    def expected(weights: FloatArray) -> FloatArray:
        return np.asarray(flat @ weights.reshape(-1))

    return {
        "cm_contrast": expected(gap**2),
        "cm_dissimilarity": expected(gap),
        "cm_inv_diff": expected(1 / (1 + gap)),
        "cm_inv_diff_norm": expected(1 / (1 + gap / count)),
        "cm_inv_diff_mom": expected(1 / (1 + gap**2)),
        "cm_inv_diff_mom_norm": expected(1 / (1 + gap**2 / count**2)),
        "cm_inv_var": expected(apart),
    }


def _cluster_features(
    joint: FloatArray, first: FloatArray, second: FloatArray, marginal: FloatArray
) -> dict[str, FloatArray]:
    average = marginal @ first[:, 0]
    offset = (first + second)[None] - 2 * average[:, None, None]
    names = {"cm_clust_tend": 2, "cm_clust_shade": 3, "cm_clust_prom": 4}
    return {name: (offset**power * joint).sum(axis=(1, 2)) for name, power in names.items()}


def _information_features(joint: FloatArray, marginal: FloatArray) -> dict[str, FloatArray]:
    """Compute both information correlations; 0 where one level alone makes them undefined."""
    whole = entropy(joint.reshape(len(joint), -1))
    alone = entropy(marginal)
    independent = marginal[:, :, None] * marginal[:, None, :]
    logs = np.log2(independent, out=np.zeros_like(independent), where=independent > 0)
    crossed = -(joint * logs).sum(axis=(1, 2))
    apart = entropy(independent.reshape(len(joint), -1))
    first = np.divide(whole - crossed, alone, out=0 * whole, where=alone > 0)
    second = np.sqrt(1 - np.exp(-2 * np.maximum(apart - whole, 0)))
    return {"cm_info_corr1": first, "cm_info_corr2": second}


def entropy(share: FloatArray) -> FloatArray:
    """Return the entropy in bits of probabilities along the last axis; NaN stays NaN."""
    logs = np.log2(share, out=np.zeros_like(share), where=share > 0)
    return np.asarray(-(share * logs).sum(axis=-1))
