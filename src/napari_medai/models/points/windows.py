"""Windows of an image around points: turned, stretched or bent as wished, and the way back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_medai.core.geometry import FloatArray

if TYPE_CHECKING:
    import torch

Bend = Callable[[Any], Any]
"""From window positions (N, ..., D) in mm to displacements of the same shape, mm."""

UNBENDING = 8


@dataclass(frozen=True, eq=False)
class Windows:
    """Grids laid into an image; all lengths in mm along the array axes, from the image's first voxel.

    Parameters
    ----------
    centres : (N, D) ndarray
        Where the middle of each window lies.
    matrices : (N, D, D) ndarray
        From a window's own mm, around its middle, to the image's.
    shape : tuple of int
        Voxels of every window.
    spacing : (D,) ndarray
        Their size.
    bend : callable, optional
        A further displacement that depends on the place in the window.
    """

    centres: FloatArray
    matrices: FloatArray
    shape: tuple[int, ...]
    spacing: FloatArray
    bend: Bend | None = None

    @property
    def middle(self) -> FloatArray:
        """The middle of a window in its own fractional voxels."""
        return (np.array(self.shape) - 1) / 2

    def to_image(self, index: FloatArray) -> FloatArray:
        """Map fractional voxels (N, D) of the windows, one each, to the image, mm; bends are left out."""
        own = (index - self.middle) * self.spacing
        return np.asarray(self.centres + np.einsum("nij,nj->ni", self.matrices, own))

    def spread_to_image(self, covariance: FloatArray) -> FloatArray:
        """Map covariances (N, D, D) in voxels squared to mm squared of the image."""
        scaled = self.matrices * self.spacing
        return np.asarray(np.einsum("nij,njk,nlk->nil", scaled, covariance, scaled))

    def to_window(self, points: FloatArray) -> FloatArray:
        """Map points (N, K, D) of the image, mm, to mm from each window's first voxel; bends undone."""
        inverse = np.linalg.inv(self.matrices)
        target = points - self.centres[:, None]
        own = np.einsum("nij,nkj->nki", inverse, target)
        if self.bend is not None:
            for _ in range(UNBENDING):
                own = np.einsum("nij,nkj->nki", inverse, target - self.bend(own))
        return np.asarray(own + self.middle * self.spacing)

    def cut(
        self, volume: torch.Tensor, spacing: Sequence[float] | FloatArray, context: float = 1.0
    ) -> torch.Tensor:
        """Look the image up in the windows, linearly; beyond its border it goes on as it ends.

        Parameters
        ----------
        volume : torch.Tensor
            (channels, \\*spatial).
        spacing : sequence of float
            Its voxel size, mm.
        context : float
            If not 1, each window is seen a second time, so many times as wide and as coarse.

        Returns
        -------
        torch.Tensor
            (N, channels, \\*shape); with a context twice the channels.
        """
        import torch

        if context == 1:
            return self._sampled(volume, spacing)
        wide = replace(self, spacing=self.spacing * context)
        return torch.cat([self._sampled(volume, spacing), wide._sampled(volume, spacing)], 1)

    def _sampled(self, volume: torch.Tensor, spacing: Sequence[float] | FloatArray) -> torch.Tensor:
        import torch

        where = self._lookup(np.array(volume.shape[1:]), np.asarray(spacing, dtype=float))
        source = volume[None].float().expand(len(self.centres), *volume.shape)
        return torch.nn.functional.grid_sample(
            source, torch.from_numpy(where), mode="bilinear", padding_mode="border", align_corners=True
        )

    def _lookup(self, size: FloatArray, spacing: FloatArray) -> FloatArray:
        """Positions for torch: from -1 to 1 between the centres of the outermost voxels, last axis first."""
        lines = [
            (np.arange(n) - m) * s for n, m, s in zip(self.shape, self.middle, self.spacing, strict=True)
        ]
        own = np.stack(np.meshgrid(*lines, indexing="ij"), -1).astype(np.float32)
        at = np.einsum("nij,...j->n...i", self.matrices.astype(np.float32), own)
        if self.bend is not None:
            at += self.bend(np.broadcast_to(own, at.shape))
        at += self.centres.astype(np.float32).reshape(-1, *[1] * len(self.shape), len(self.shape))
        scale = 2 / (spacing * np.maximum(size - 1, 1))
        return np.ascontiguousarray((at * scale.astype(np.float32) - 1)[..., ::-1])


def straight(centres: FloatArray, shape: Sequence[int], spacing: Sequence[float] | FloatArray) -> Windows:
    """Lay windows along the image's axes."""
    ndim = len(shape)
    matrices = np.broadcast_to(np.eye(ndim), (len(centres), ndim, ndim))
    return Windows(np.asarray(centres, float), matrices, tuple(shape), np.asarray(spacing, dtype=float))


def turned(windows: Windows, angle_deg: float, stretch: float) -> Windows:
    """The same windows, turned about their middles in every plane, and larger by a factor."""
    ndim = len(windows.shape)
    matrix = np.eye(ndim) * stretch
    angle = np.deg2rad(angle_deg)
    for a in range(ndim):
        for b in range(a + 1, ndim):
            turn = np.eye(ndim)
            turn[[a, a, b, b], [a, b, a, b]] = [np.cos(angle), -np.sin(angle), np.sin(angle), np.cos(angle)]
            matrix = turn @ matrix
    return Windows(windows.centres, windows.matrices @ matrix, windows.shape, windows.spacing, windows.bend)
