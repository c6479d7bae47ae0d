"""Two images at one resolution, and what a linear transform between their worlds makes of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from napari_medai.core.geometry import FloatArray, Geometry
from napari_medai.register.anchors import Anchors
from napari_medai.register.comparing import Compare, Comparison, make_compare, spread_of
from napari_medai.register.forces import Measure
from napari_medai.register.pair import shrink
from napari_medai.register.tensors import identity_grid, sample
from napari_medai.register.tissue import tissue_mask

if TYPE_CHECKING:
    import torch

SIDES = {2: (32, 64, 128, 256), 3: (28, 56, 112)}
"""Voxels along the longest side of the fixed image, coarsest level first."""

SMALLEST_OVERLAP, ENOUGH_OVERLAP = 0.1, 0.5
"""Shares of the fixed image that the moving one must cover to count at all, and to count fully."""


@dataclass(frozen=True)
class Look:
    """What the images look like to each other under one transform.

    Parameters
    ----------
    matrix : (D+1, D+1) array
        From fixed to moving world.
    seen : Comparison
        How alike they are, and what is left to be done.
    score : float
        The same as one number, less what little overlap and the landmarks' distances cost.
    """

    matrix: FloatArray
    seen: Comparison
    score: float


@dataclass(frozen=True)
class Level:
    """A fixed and a moving image at one resolution.

    Parameters
    ----------
    fixed : torch.Tensor
        Shape (1, 1, *S).
    moving : torch.Tensor
        Shape (1, 3, *S): the tissue's values times the share of tissue, that share, and the share of
        what is not to be looked at.
    fixed_geometry, moving_geometry : Geometry
        Where they lie in their worlds.
    weight : torch.Tensor
        Shape of ``fixed``: how much each voxel counts.
    bounded : bool
        Whether there is only background beyond the moving image; else nothing is known there.
    anchors : Anchors, optional
        Points that pull as well.
    measure : str
        What "alike" means; ``"intensity"`` stands for the correlation ratio.
    ground : float
        The moving value where there is no tissue.
    """

    fixed: torch.Tensor
    fixed_geometry: Geometry
    moving: torch.Tensor
    moving_geometry: Geometry
    weight: torch.Tensor
    bounded: bool
    anchors: Anchors | None = None
    measure: Measure = "intensity"
    ground: float = 0.0

    @property
    def ndim(self) -> int:
        """2 or 3."""
        return self.fixed_geometry.ndim

    @cached_property
    def centre(self) -> FloatArray:
        """World position of the middle of the fixed grid."""
        return self.fixed_geometry.index_to_world((np.array(self.fixed_geometry.shape) - 1) / 2)

    @cached_property
    def reach(self) -> float:
        """Half the fixed grid's extent: the unit in which motions are counted, so that all weigh alike."""
        return float(np.linalg.norm(self.fixed_geometry.corners()[0] - self.centre))

    def centred(self, basis: FloatArray) -> FloatArray:
        """Make motions turn about the fixed grid's centre, in its size."""
        frame = np.eye(self.ndim + 1)
        frame[:-1, :-1] *= self.reach
        frame[:-1, -1] = self.centre
        return np.asarray(frame @ basis @ np.linalg.inv(frame))

    def look(self, matrix: FloatArray) -> Look:
        """Compare the images under a transform; the score falls where little of the fixed one is covered."""
        moved, weight = self._warped(matrix)
        return self._judged(matrix, self._compare(moved, weight), weight)

    def explained(self, matrix: FloatArray) -> float:
        """Return the score by the correlation ratio, which means the same for every measure."""
        moved, weight = self._warped(matrix)
        by_curve = make_compare("correlation_ratio", self.fixed, self.moving, self.ground)
        return self._judged(matrix, by_curve(moved, weight), weight).score

    def solve(self, look: Look, basis: FloatArray, damping: float) -> FloatArray:
        """Return the weights (K,) of the motions that bring the images nearer, by damped least squares."""
        seen = look.seen
        normal, pull = self._equations(seen, basis)
        if self.anchors is not None:
            spread = spread_of(self.fixed, seen.weight) if seen.spread is None else seen.spread
            more, further = self.anchors.normal(look.matrix, basis)
            normal, pull = normal + spread * more, pull + spread * further
        scale = np.diag(normal).mean() if np.diag(normal).mean() > 0 else 1.0
        ridge = damping * (np.diag(np.diag(normal)) + 1e-6 * scale * np.eye(len(normal)))
        return np.asarray(np.linalg.solve(normal + ridge + 1e-9 * scale * np.eye(len(normal)), pull))

    def _judged(self, matrix: FloatArray, seen: Comparison, weight: torch.Tensor) -> Look:
        covered = float(weight.sum() / self.weight.sum())
        score = 0.0 if covered < SMALLEST_OVERLAP else min(1.0, covered / ENOUGH_OVERLAP)
        score *= max(seen.score, 0.0)
        cost = 0.0 if self.anchors is None else self.anchors.penalty(matrix)
        return Look(matrix, seen, score - cost)

    def _warped(self, matrix: FloatArray) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the moving image on the fixed grid, and the weight of each voxel."""
        import torch

        whole = np.linalg.inv(self.moving_geometry.affine) @ matrix @ self.fixed_geometry.affine
        turn = torch.tensor(whole, dtype=self.fixed.dtype, device=self.fixed.device)
        flat = self._grid.flatten(2)[0]
        positions = (turn[:-1, :-1] @ flat + turn[:-1, -1:]).reshape(self._grid.shape)
        if self.bounded:
            layers = sample(self.moving, positions, beyond="zeros")
            return layers[:, :2], self.weight * (1 - layers[:, 2:])
        outside = torch.zeros_like(self.fixed, dtype=torch.bool)
        for axis, size in enumerate(self.moving.shape[2:]):
            line = positions[:, axis : axis + 1]
            outside |= (line < -0.5) | (line > size - 0.5)
        layers = sample(self.moving, positions)
        return layers[:, :2], self.weight * (1 - layers[:, 2:]) * ~outside

    def _equations(self, seen: Comparison, basis: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the normal equations (K, K) and (K,) of small motions.

        A motion moves a voxel linearly in its place, so all that is needed of the voxels are the sums of
        the slopes' products times those of the places, however many motions and channels there are.
        """

        places, products, to_places = self._places
        weight, ndim = seen.weight.flatten(), self.ndim
        upper = np.triu_indices(ndim)
        slopes = weight.new_zeros((len(upper[0]), len(weight)))
        pulls = weight.new_zeros((ndim, len(weight)))
        for slope, rest in seen.channels():
            flat = slope.flatten(2)[0]
            weighted = flat * weight
            slopes += weighted[upper[0]] * flat[upper[1]]
            pulls += weighted * rest.flatten()
        second = _symmetric((slopes @ products.T).double().cpu().numpy(), ndim, ndim + 1)
        first = (pulls @ places.T).double().cpu().numpy()
        steps = np.linalg.inv(self.fixed_geometry.affine) @ basis @ self.fixed_geometry.affine
        steps = steps[:, :-1] @ to_places
        normal = np.einsum("kdi,lej,deij->kl", steps, steps, second, optimize=True)
        return normal, np.einsum("kdi,di->k", steps, first)

    @cached_property
    def _places(self) -> tuple[torch.Tensor, torch.Tensor, FloatArray]:
        """Each voxel's place from -1 to 1 with a 1 behind, their products, and the way back to indices."""
        import torch

        halves = (np.array(self.fixed.shape[2:]) - 1) / 2
        back = np.diag([*np.maximum(halves, 0.5), 1.0])
        back[:-1, -1] = halves
        flat = self._grid.flatten(2)[0]
        shift, scale = (torch.tensor(v, dtype=flat.dtype, device=flat.device) for v in (halves, back))
        flat = (flat - shift[:, None]) / scale.diagonal()[:-1, None]
        places = torch.cat([flat, torch.ones_like(flat[:1])])
        one, two = np.triu_indices(len(places))
        return places, places[one] * places[two], back

    @cached_property
    def _grid(self) -> torch.Tensor:
        return identity_grid(self.fixed.shape[2:], self.fixed)

    @cached_property
    def _compare(self) -> Compare:
        return make_compare(self.measure, self.fixed, self.moving, self.ground)


def _symmetric(sums: FloatArray, slopes: int, places: int) -> FloatArray:
    """Spread sums over pairs of slopes and pairs of places out to (D, D, D+1, D+1)."""
    full = np.empty((slopes, slopes, places, places))
    for row, d, e in zip(sums, *np.triu_indices(slopes), strict=True):
        block = np.empty((places, places))
        block[np.triu_indices(places)] = row
        block.T[np.triu_indices(places)] = row
        full[d, e] = full[e, d] = block
    return full


def make_levels(
    fixed: torch.Tensor,
    fixed_geometry: Geometry,
    moving: torch.Tensor,
    moving_geometry: Geometry,
    weight: torch.Tensor | None,
    moving_weight: torch.Tensor | None = None,
    anchors: Anchors | None = None,
    measure: Measure = "intensity",
) -> list[Level]:
    """Build the pyramid, coarsest first; both images have about the same voxel size at each level."""
    import torch

    extent = max(np.array(fixed_geometry.shape) * fixed_geometry.spacing)
    full = torch.ones_like(fixed) if weight is None else weight
    tissue = tissue_mask(moving)
    unseen = torch.zeros_like(moving) if moving_weight is None else 1 - moving_weight
    layers = torch.cat([moving * tissue, tissue, unseen], dim=1)
    empty = moving[tissue == 0]
    ground = float(empty.median()) if len(empty) else 0.0
    levels = []
    for side in SIDES[fixed_geometry.ndim]:
        step = max(extent / side, float(fixed_geometry.spacing.min()))
        fixed_shape, moving_shape = (_size(g, step) for g in (fixed_geometry, moving_geometry))
        levels.append(
            Level(
                shrink(fixed, fixed_shape),
                resized_geometry(fixed_geometry, fixed_shape),
                shrink(layers, moving_shape),
                resized_geometry(moving_geometry, moving_shape),
                shrink(full, fixed_shape),
                not bool(tissue.all()),
                anchors,
                measure,
                ground,
            )
        )
        if step <= float(fixed_geometry.spacing.min()):
            break
    return levels


def resized_geometry(geometry: Geometry, shape: tuple[int, ...]) -> Geometry:
    """Return the grid of ``shape`` voxels over the same field of view."""
    ratio = np.array(geometry.shape) / np.array(shape)
    affine = geometry.affine.copy()
    affine[:-1, :-1] = geometry.matrix * ratio
    affine[:-1, -1] = geometry.index_to_world((ratio - 1) / 2)
    return Geometry(shape, affine, geometry.unit)


def _size(geometry: Geometry, step: float) -> tuple[int, ...]:
    counts = np.array(geometry.shape) * np.minimum(1.0, geometry.spacing / step)
    return tuple(int(n) for n in np.maximum(2, np.round(counts)).clip(max=np.maximum(2, geometry.shape)))
