"""Heat maps: the targets a network is trained towards, the loss, and points read back below a voxel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_medai.core.geometry import FloatArray

if TYPE_CHECKING:
    import torch

WINDOW_SIGMAS = 1.5
"""Width of the Gaussian window in which a peak is fitted, in sigmas of the target."""
REACH_SIGMAS = 4.0
ROUNDS = 12


@dataclass(frozen=True, eq=False)
class Peaks:
    """Points read from heat maps.

    Parameters
    ----------
    index : (K, D) ndarray
        Fractional array indices.
    covariance : (K, D, D) ndarray
        Spread of the heat around each peak, in voxels squared, array axes.
    present : (K,) ndarray
        Probability that the point is in sight at all.
    mass : (K,) ndarray
        Share of the heat that lies around this peak and not elsewhere.
    """

    index: FloatArray
    covariance: FloatArray
    present: FloatArray
    mass: FloatArray


def gaussian_targets(
    places: torch.Tensor, shape: Sequence[int], spacing: Sequence[float] | FloatArray, sigma_mm: float
) -> torch.Tensor:
    """Draw normalised Gaussians that are round in millimetres on any grid.

    Parameters
    ----------
    places : torch.Tensor
        Points (batch, points, D) in mm from the first voxel, along the array axes.
    shape, spacing : sequences
        Of the grid; the spacing in mm.
    sigma_mm : float
        Standard deviation of the Gaussians.

    Returns
    -------
    torch.Tensor
        (batch, points, \\*shape); each map sums to 1, also where the Gaussian is narrower than a voxel.
    """
    import torch

    target = torch.ones(*places.shape[:2], *[1] * len(shape), dtype=torch.float32)
    for axis, (count, step) in enumerate(zip(shape, spacing, strict=True)):
        at = torch.arange(count, dtype=torch.float32) * step
        line = torch.softmax(-((at - places[..., axis, None]) ** 2) / (2 * sigma_mm**2), -1)
        target = target * line.reshape(
            *places.shape[:2], *[-1 if k == axis else 1 for k in range(len(shape))]
        )
    return target


def heat_loss(
    logits: torch.Tensor, target: torch.Tensor, state: torch.Tensor, absent_weight: float = 1.0
) -> torch.Tensor:
    """Cross-entropy between where a point is and where the heat says it is, "nowhere" among the answers.

    Parameters
    ----------
    logits : torch.Tensor
        (batch, points, \\*grid), logarithm of heat; being nowhere has the logarithm 0.
    target : torch.Tensor
        Of :func:`gaussian_targets`.
    state : torch.Tensor
        (batch, points): 1 the point is in sight, 0 it is not, -1 nobody knows.
    absent_weight : float
        What a point out of sight counts beside one in sight.

    Returns
    -------
    torch.Tensor
        The mean over the points with a known state. Within a map the foreground counts as much as all of
        the background together.
    """
    import torch

    flat, wanted = logits.flatten(2), target.flatten(2)
    nowhere = torch.zeros_like(flat[..., :1])
    total = torch.logsumexp(torch.cat([flat, nowhere], -1), -1)
    found = torch.where(state > 0, (wanted * flat).sum(-1), torch.zeros_like(total))
    weight = torch.where(state > 0, 1.0, absent_weight) * (state >= 0)
    return ((total - found) * weight).sum() / weight.sum().clamp(min=1)


def read_peaks(logits: FloatArray, spacing: Sequence[float] | FloatArray, sigma_mm: float) -> Peaks:
    """Read one point from each heat map.

    Parameters
    ----------
    logits : (K, \\*grid) ndarray
        Logarithms of heat.
    spacing : sequence of float
        Of the grid, mm.
    sigma_mm : float
        Width of the Gaussians the network was trained towards.

    Returns
    -------
    Peaks
        The highest voxel, then the centre of the Gaussian that fits the heat around it: the mean in a
        Gaussian window that moves along until it rests, which for Gaussian heat is the exact centre.
    """
    count, shape = len(logits), logits.shape[1:]
    flat = np.asarray(logits, dtype=np.float64).reshape(count, -1)
    heat = np.exp(flat - flat.max(1, keepdims=True))
    total = heat.sum(1)
    steps = np.asarray(spacing, dtype=float)
    fits = [
        _fit(
            heat[k].reshape(shape) / total[k], np.unravel_index(int(flat[k].argmax()), shape), steps, sigma_mm
        )
        for k in range(count)
    ]
    return Peaks(
        np.stack([f[0] for f in fits]),
        np.stack([f[1] for f in fits]),
        presence(logits),
        np.array([f[2] for f in fits]),
    )


def presence(logits: FloatArray) -> FloatArray:
    """Return the probability that each point is in sight: heat against the heat of being nowhere."""
    flat = np.asarray(logits, dtype=np.float64).reshape(len(logits), -1)
    highest = np.maximum(flat.max(1), 0)
    total = np.exp(flat - highest[:, None]).sum(1)
    return np.asarray(total / (total + np.exp(-highest)))


def log_gaussians(
    places: FloatArray, shape: Sequence[int], spacing: Sequence[float] | FloatArray, sigma_mm: float
) -> FloatArray:
    """Draw logarithms of Gaussians (K, \\*shape) of height one around places (K, D) in mm."""
    lines = [
        -((np.arange(n) * s - places[:, a, None]) ** 2) / (2 * sigma_mm**2)
        for a, (n, s) in enumerate(zip(shape, spacing, strict=True))
    ]
    total = np.zeros((len(places), *shape))
    for axis, line in enumerate(lines):
        total += line.reshape(len(places), *[-1 if k == axis else 1 for k in range(len(shape))])
    return total


def _fit(
    heat: FloatArray, start: tuple[np.intp, ...], spacing: FloatArray, sigma_mm: float
) -> tuple[FloatArray, FloatArray, float]:
    """Centre (voxels), covariance (voxels squared) and mass of the heat around a voxel."""
    reach = np.maximum(np.ceil(REACH_SIGMAS * sigma_mm / spacing), 1).astype(int)
    low = np.maximum(np.array(start) - reach, 0)
    high = np.minimum(np.array(start) + reach + 1, heat.shape)
    part = heat[tuple(slice(a, b) for a, b in zip(low, high, strict=True))].ravel()
    axes = np.meshgrid(*[np.arange(a, b, dtype=float) for a, b in zip(low, high, strict=True)], indexing="ij")
    at = np.stack([a.ravel() for a in axes], axis=1)
    centre, window = np.array(start, dtype=float), WINDOW_SIGMAS * np.maximum(sigma_mm / spacing, 0.5)
    for _ in range(ROUNDS):
        weight = part * np.exp(-0.5 * (((at - centre) / window) ** 2).sum(1))
        centre = weight @ at / weight.sum()
    offsets = at - centre
    spread = (part[:, None] * offsets).T @ offsets / part.sum()
    return centre, spread, float(part.sum())
