"""The features that run length, zone size, zone distance and dependence matrices share."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from napari_medai.core.geometry import FloatArray
from napari_medai.measure.radiomics.glcm import entropy
from napari_medai.measure.radiomics.matrices import Features, Stack

RUNS = "sre lre lgre hgre srlge srhge lrlge lrhge glnu glnu_norm rlnu rlnu_norm r_perc gl_var rl_var rl_entr"
SIZES = "sze lze lgze hgze szlge szhge lzlge lzhge glnu glnu_norm zsnu zsnu_norm z_perc gl_var zs_var zs_entr"
DISTANCES = (
    "sde lde lgze hgze sdlge sdhge ldlge ldhge glnu glnu_norm zdnu zdnu_norm z_perc gl_var zd_var zd_entr"
)
DEPENDENCES = (
    "lde hde lgce hgce ldlge ldhge hdlge hdhge glnu glnu_norm dcnu dcnu_norm dc_perc gl_var dc_var dc_entr "
    "dc_energy"
)


def emphasis_features(prefix: str, names: str) -> Features:
    """Make the function that computes a family's features under the family's tags.

    Parameters
    ----------
    prefix : str
        ``"rlm"``, ``"szm"``, ``"dzm"`` or ``"ngl"``.
    names : str
        The endings of the tags in the common order; fewer than all leaves out the last.
    """
    tags = [f"{prefix}_{name}" for name in names.split()]

    def features(stack: Stack) -> dict[str, FloatArray]:
        return dict(zip(tags, _values(stack), strict=False))

    return features


def _values(stack: Stack) -> Sequence[FloatArray]:
    """Return the values in the common order; all NaN for an empty matrix."""
    count = stack.counts.sum(axis=(1, 2))
    total = np.where(count > 0, count, np.nan)
    share = stack.counts / total[:, None, None]
    level = np.arange(1.0, stack.counts.shape[1] + 1)
    by_level, by_value = stack.counts.sum(axis=2), stack.counts.sum(axis=1)
    level2, value2 = level**2, stack.values**2
    level_non_uniformity = (by_level**2).sum(axis=1) / total
    value_non_uniformity = (by_value**2).sum(axis=1) / total

    def expected(of_level: FloatArray, of_value: FloatArray) -> FloatArray:
        return np.asarray(np.einsum("kgj,g,j->k", share, of_level, of_value))

    ones_g, ones_j = np.ones_like(level), np.ones_like(stack.values)
    return (
        expected(ones_g, 1 / value2),
        expected(ones_g, value2),
        expected(1 / level2, ones_j),
        expected(level2, ones_j),
        expected(1 / level2, 1 / value2),
        expected(level2, 1 / value2),
        expected(1 / level2, value2),
        expected(level2, value2),
        level_non_uniformity,
        level_non_uniformity / total,
        value_non_uniformity,
        value_non_uniformity / total,
        total / stack.voxels,
        _variance(share.sum(axis=2), level),
        _variance(share.sum(axis=1), stack.values),
        entropy(share.reshape(len(share), -1)) + 0 * total,
        (share**2).sum(axis=(1, 2)),
    )


def _variance(share: FloatArray, values: FloatArray) -> FloatArray:
    mean = share @ values
    return np.asarray(((values - mean[:, None]) ** 2 * share).sum(axis=1))
