"""Training views of images with landmarks: moved, bent and exposed at random, the points along with them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_medai.core.geometry import FloatArray
from napari_medai.models.points.heat import gaussian_targets
from napari_medai.models.points.windows import Windows
from napari_medai.train.points.cases import Shown

if TYPE_CHECKING:
    import torch

TURN_DEG, STRETCH, SHEAR = 8.0, 0.09, 0.04
BEND_SHARE, BEND_WAVES = 0.012, 3
FAR_SHARE = 0.2
"""How often a coarse view is moved so far that some points leave it, and a fine window misses its point."""
CUT_SHARE, CUT = 0.3, (0.05, 0.45)
"""How often an image ends sooner than it does, at one of its sides, and by which share of its length."""


@dataclass(frozen=True, eq=False)
class Views:
    """Draws batches for one stage: images, targets and which points are in sight.

    Parameters
    ----------
    cases : sequence of Shown
        At this stage's spacing.
    shape : tuple of int
        Voxels of a view.
    sigma : float
        Of the Gaussians.
    batch : int
        Views in a batch.
    around : float or None
        None: views of the whole image. A length: windows around points, missed by about this much.
    context : float
        How much wider a window is seen a second time; 1: it is not.
    """

    cases: Sequence[Shown]
    shape: tuple[int, ...]
    sigma: float
    batch: int
    around: float | None = None
    context: float = 1.0

    def __call__(self, rng: np.random.Generator) -> tuple[torch.Tensor, ...]:
        """Draw a batch: images, targets, states."""
        import torch

        picked = [self.cases[int(rng.integers(len(self.cases)))] for _ in range(self.batch)]
        drawn = [self._draw(rng, cut_short(case, rng)) for case in picked]
        images, places, states = zip(*drawn, strict=True)
        spacing = self.cases[0].spacing
        at = torch.from_numpy(np.concatenate(places)).float()
        targets = gaussian_targets(at, self.shape, spacing, self.sigma)
        return torch.cat(images), targets, torch.from_numpy(np.stack(states)).float()

    def _draw(self, rng: np.random.Generator, case: Shown) -> tuple[torch.Tensor, FloatArray, FloatArray]:
        extent = np.array(self.shape) * case.spacing
        size = (np.array(case.volume.shape[1:]) - 1) * case.spacing
        windows = Windows(
            self._centre(rng, case, size)[None],
            _matrix(rng, len(self.shape))[None],
            self.shape,
            case.spacing,
            bend=_bend(rng, size),
        )
        at = windows.to_window(case.at[None])
        state = np.where((case.state > 0) & ~_inside(at[0], extent, case.spacing), 0.0, case.state)
        return expose(windows.cut(case.volume, case.spacing, self.context), rng), at, state

    def _centre(self, rng: np.random.Generator, case: Shown, size: FloatArray) -> FloatArray:
        far = rng.random() < FAR_SHARE
        there = np.flatnonzero(case.state > 0)
        if self.around is None or len(there) == 0:
            return np.asarray(size / 2 + rng.normal(0, 1, len(size)) * size * (0.15 if far else 0.04))
        point = case.at[int(rng.choice(there))]
        reach = 0.4 * min(self.shape) * float(case.spacing[0])
        return np.asarray(
            point
            + (rng.uniform(-reach, reach, len(point)) if far else rng.normal(0, self.around, len(point)))
        )


def cut_short(case: Shown, rng: np.random.Generator) -> Shown:
    """Let an image end sooner at times, so that absent points are met however rarely the cases lack one.

    Parameters
    ----------
    case : Shown
        As it is.
    rng : numpy.random.Generator
        The source of chance.

    Returns
    -------
    Shown
        Points beyond the new end are not in the image; of those at the very edge nobody knows.
    """
    if rng.random() >= CUT_SHARE:
        return case
    axis, share, at_end = int(rng.integers(len(case.spacing))), rng.uniform(*CUT), rng.random() < 0.5
    length = case.volume.shape[1 + axis]
    lost = min(int(share * length), length - 2)
    start = 0 if at_end else lost
    at = case.at.copy()
    at[:, axis] -= start * case.spacing[axis]
    last = (length - lost - 1) * case.spacing[axis]
    depth = np.minimum(at[:, axis], last - at[:, axis]) / case.spacing[axis]
    state = np.where(case.state > 0, np.select([depth < -1, depth < 1], [0.0, -1.0], 1.0), case.state)
    return Shown(case.volume.narrow(1 + axis, start, length - lost), case.spacing, at, state)


def _inside(at: FloatArray, extent: FloatArray, spacing: FloatArray) -> Any:
    """Whether points, mm from the first voxel, lie in a view."""
    return np.all((at > -spacing / 2) & (at < extent - spacing / 2), axis=1)


def _matrix(rng: np.random.Generator, ndim: int) -> FloatArray:
    matrix = np.diag(np.exp(rng.normal(0, STRETCH) + rng.normal(0, STRETCH / 2, ndim)))
    matrix = matrix + rng.normal(0, SHEAR, (ndim, ndim)) * (1 - np.eye(ndim))
    for a in range(ndim):
        for b in range(a + 1, ndim):
            angle = np.deg2rad(rng.normal(0, TURN_DEG))
            turn = np.eye(ndim)
            turn[[a, a, b, b], [a, b, a, b]] = [np.cos(angle), -np.sin(angle), np.sin(angle), np.cos(angle)]
            matrix = turn @ matrix
    return np.asarray(matrix)


def _bend(rng: np.random.Generator, size: FloatArray) -> Any:
    """A sum of a few long waves, small enough to be undone."""
    longest = float(size.max())
    ndim = len(size)
    directions = rng.normal(0, 1, (BEND_WAVES, ndim)) * longest * BEND_SHARE / np.sqrt(BEND_WAVES)
    vectors = rng.normal(0, 1, (BEND_WAVES, ndim))
    vectors *= (
        2 * np.pi / (longest * rng.uniform(0.35, 1.0, BEND_WAVES) * np.linalg.norm(vectors, axis=1))[:, None]
    )
    phases = rng.uniform(0, 2 * np.pi, BEND_WAVES)

    def bend(own: FloatArray) -> FloatArray:
        kind = own.dtype
        waves = np.sin(own @ vectors.T.astype(kind) + phases.astype(kind))
        return np.asarray(waves @ directions.astype(kind))

    return bend


def expose(images: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
    """Vary intensities around 0 to 1: gamma, contrast, shading, noise, blur, and hidden patches."""
    import torch

    images = images.clamp(min=0) ** float(np.exp(rng.normal(0, 0.25)))
    images = images * float(np.exp(rng.normal(0, 0.15))) + float(rng.normal(0, 0.08))
    for axis in range(2, images.ndim):
        ramp = torch.linspace(-1, 1, images.shape[axis]).reshape(
            [-1 if k == axis else 1 for k in range(images.ndim)]
        )
        images = images * (1 + float(rng.normal(0, 0.1)) * ramp)
    if rng.random() < 0.2:
        pool: Any = torch.nn.functional.avg_pool2d if images.ndim == 4 else torch.nn.functional.avg_pool3d
        images = pool(images, 3, 1, 1)
    images = images + float(rng.uniform(0, 0.05)) * torch.from_numpy(
        rng.standard_normal(images.shape, dtype=np.float32)
    )
    if rng.random() < 0.2:
        images[_patch(rng, images.shape[2:])] = float(rng.uniform(0, 1))
    return images


def _patch(rng: np.random.Generator, shape: Sequence[int]) -> tuple[Any, ...]:
    sizes = [max(1, int(n * rng.uniform(0.05, 0.25))) for n in shape]
    starts = [int(rng.integers(0, n - s + 1)) for n, s in zip(shape, sizes, strict=True)]
    return (slice(None), slice(None), *(slice(a, a + s) for a, s in zip(starts, sizes, strict=True)))
