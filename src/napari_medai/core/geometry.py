"""Where a grid of voxels lies in the world."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_medai.core.errors import GeometryError

Unit: TypeAlias = Literal["mm", "pixel"]
FloatArray: TypeAlias = NDArray[np.float64]

_LETTERS = {(0, 1): "L", (0, -1): "R", (1, 1): "P", (1, -1): "A", (2, 1): "S", (2, -1): "I"}


@dataclass(frozen=True, eq=False)
class Geometry:
    """A grid and its place in patient space.

    Parameters
    ----------
    shape : tuple of int
        Number of voxels along each spatial array axis, in array order: (z, y, x) or (y, x).
    affine : (D+1, D+1) array_like
        Maps homogeneous array indices in array order (z, y, x) to world points (x, y, z) in LPS
        (x to the patient's left, y to posterior, z to superior), the frame of DICOM and ITK.
    unit : {"mm", "pixel"}
        ``"pixel"`` when nobody said how large a voxel is.

    Raises
    ------
    GeometryError
        If the shape is empty, or the affine is not finite, not invertible or of the wrong size.

    Examples
    --------
    >>> grid = Geometry.from_spacing((10, 20, 30), (5.0, 1.0, 1.0))
    >>> grid.index_to_world([2, 0, 0]).tolist()
    [0.0, 0.0, 10.0]
    """

    shape: tuple[int, ...]
    affine: FloatArray
    unit: Unit = "mm"

    def __post_init__(self) -> None:
        shape = tuple(int(n) for n in self.shape)
        affine = np.array(self.affine, dtype=np.float64)
        _check(shape, affine, self.unit)
        affine.flags.writeable = False
        object.__setattr__(self, "shape", shape)
        object.__setattr__(self, "affine", affine)

    @classmethod
    def from_spacing(
        cls,
        shape: Sequence[int],
        spacing: Sequence[float] | None = None,
        origin: Sequence[float] | None = None,
        unit: Unit | None = None,
    ) -> Geometry:
        """Make an axis-aligned grid.

        Parameters
        ----------
        shape : sequence of int
            Voxels along each array axis.
        spacing : sequence of float, optional
            Voxel size along each *array* axis (z, y, x), mm. Without it the unit is ``"pixel"``.
        origin : sequence of float, optional
            World position (x, y, z) of the first voxel's centre; zero by default.
        unit : {"mm", "pixel"}, optional
            Overrides the unit that follows from ``spacing``.
        """
        ndim = len(shape)
        steps = np.ones(ndim) if spacing is None else np.asarray(spacing, dtype=float)
        if steps.shape != (ndim,) or not np.all(steps > 0):
            raise GeometryError(
                f"Found spacing {spacing}; needed {ndim} positive numbers, one an array axis.",
                hint="Give the spacing in array order: (z, y, x).",
            )
        affine = np.eye(ndim + 1)
        affine[:ndim, :ndim] = np.diag(steps)[::-1]
        affine[:ndim, ndim] = np.zeros(ndim) if origin is None else np.asarray(origin, dtype=float)
        return cls(tuple(shape), affine, unit or ("pixel" if spacing is None else "mm"))

    @property
    def ndim(self) -> int:
        """Number of spatial axes."""
        return len(self.shape)

    @property
    def matrix(self) -> FloatArray:
        """World step of one index along each array axis, as columns (D, D)."""
        return self.affine[: self.ndim, : self.ndim]

    @property
    def origin(self) -> FloatArray:
        """World position (x, y, z) of the centre of the first voxel."""
        return self.affine[: self.ndim, self.ndim]

    @property
    def spacing(self) -> FloatArray:
        """Voxel size along each array axis, in ``unit``."""
        return np.asarray(np.linalg.norm(self.matrix, axis=0))

    @property
    def direction(self) -> FloatArray:
        """Unit vectors of the array axes in the world, as columns (D, D)."""
        return self.matrix / self.spacing

    @property
    def voxel_volume(self) -> float:
        """Volume (area in 2-D) of one voxel, in ``unit`` to the power of D."""
        return float(abs(np.linalg.det(self.matrix)))

    @property
    def orientation(self) -> str:
        """Where each array axis leads, as letters of L R A P S I: ``"SPL"`` for a standard axial scan."""
        nearest, sign = _nearest_world_axes(self.direction)
        return "".join(_LETTERS[int(w), int(s)] for w, s in zip(nearest, sign, strict=True))

    @property
    def obliquity_deg(self) -> float:
        """Largest angle between an array axis and the world axis it stands for, in degrees."""
        nearest, _ = _nearest_world_axes(self.direction)
        cosines = np.abs(self.direction[nearest, np.arange(self.ndim)])
        sines = np.sqrt(np.clip((self.direction**2).sum(axis=0) - cosines**2, 0, None))
        return float(np.degrees(np.arctan2(sines, cosines)).max())

    @property
    def shear_deg(self) -> float:
        """Largest departure of two array axes from a right angle, in degrees; 0 for a box grid."""
        cosines = self.direction.T @ self.direction - np.eye(self.ndim)
        return float(np.degrees(np.arcsin(np.clip(np.abs(cosines), 0, 1))).max())

    def index_to_world(self, indices: ArrayLike) -> FloatArray:
        """Map array indices (..., D) in array order to world points (..., D)."""
        return np.asarray(indices, dtype=np.float64) @ self.matrix.T + self.origin

    def world_to_index(self, points: ArrayLike) -> FloatArray:
        """Map world points (..., D) to fractional array indices (..., D)."""
        offsets = np.asarray(points, dtype=np.float64) - self.origin
        return np.asarray(np.linalg.solve(self.matrix, offsets[..., None])[..., 0])

    def corners(self) -> FloatArray:
        """World positions (2**D, D) of the centres of the corner voxels."""
        ends = np.array(self.shape) - 1
        bits = np.array(np.meshgrid(*[[0, 1]] * self.ndim, indexing="ij")).reshape(self.ndim, -1).T
        return self.index_to_world(bits * ends)

    def is_close(self, other: Geometry, tolerance_mm: float = 1e-3) -> bool:
        """Tell whether two grids have the same shape and unit and corners within ``tolerance_mm``."""
        if self.shape != other.shape or self.unit != other.unit:
            return False
        return bool(np.abs(self.corners() - other.corners()).max() <= tolerance_mm)

    def permuted(self, order: Sequence[int]) -> Geometry:
        """Return the grid of an array transposed by ``order``, as in :func:`numpy.transpose`."""
        affine = self.affine.copy()
        affine[:, : self.ndim] = self.affine[:, list(order)]
        return Geometry(tuple(self.shape[i] for i in order), affine, self.unit)

    def flipped(self, axes: Sequence[int]) -> Geometry:
        """Return the grid of an array reversed along ``axes``."""
        affine = self.affine.copy()
        for axis in axes:
            affine[:, self.ndim] += affine[:, axis] * (self.shape[axis] - 1)
            affine[:, axis] *= -1
        return Geometry(self.shape, affine, self.unit)

    def cropped(self, start: Sequence[int], shape: Sequence[int]) -> Geometry:
        """Return the grid of ``shape`` voxels whose first voxel is ``start`` here (may be negative)."""
        affine = self.affine.copy()
        affine[: self.ndim, self.ndim] = self.index_to_world(start)
        return Geometry(tuple(shape), affine, self.unit)

    def with_spacing(self, spacing: Sequence[float]) -> Geometry:
        """Return a grid over the same field of view, centred alike, with another voxel size.

        Parameters
        ----------
        spacing : sequence of float
            New voxel size along each array axis, in ``unit``.
        """
        new = np.asarray(spacing, dtype=float)
        if new.shape != (self.ndim,) or not np.all(np.isfinite(new) & (new > 0)):
            raise GeometryError(f"Found spacing {spacing}; needed {self.ndim} positive numbers.")
        shape = np.maximum(1, np.round(np.array(self.shape) * self.spacing / new)).astype(int)
        affine = self.affine.copy()
        affine[: self.ndim, : self.ndim] = self.direction * new
        centre = self.index_to_world((np.array(self.shape) - 1) / 2)
        affine[: self.ndim, self.ndim] = centre - affine[: self.ndim, : self.ndim] @ ((shape - 1) / 2)
        return Geometry(tuple(int(n) for n in shape), affine, self.unit)

    def nearest_axes(self) -> Reorientation:
        """Find the lossless reordering that brings array axes nearest to (z, y, x), each increasing."""
        direction = self.direction
        targets = np.arange(self.ndim)[::-1]
        order = max(
            permutations(range(self.ndim)), key=lambda p: float(np.abs(direction[targets, list(p)]).sum())
        )
        flips = tuple(bool(direction[w, a] < 0) for w, a in zip(targets, order, strict=True))
        return Reorientation(order, flips)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Geometry):
            return NotImplemented
        same_grid = self.shape == other.shape and self.unit == other.unit
        return same_grid and np.array_equal(self.affine, other.affine)

    def __hash__(self) -> int:
        return hash((self.shape, self.unit, self.affine.tobytes()))


@dataclass(frozen=True)
class Reorientation:
    """A lossless reordering of spatial axes: a transpose, then reversals.

    Parameters
    ----------
    order : tuple of int
        ``order[k]`` is the old axis that becomes the new axis ``k``.
    flips : tuple of bool
        Whether the new axis ``k`` is reversed.
    """

    order: tuple[int, ...]
    flips: tuple[bool, ...]

    @property
    def is_identity(self) -> bool:
        """Whether nothing moves."""
        return self.order == tuple(range(len(self.order))) and not any(self.flips)

    @property
    def inverse(self) -> Reorientation:
        """The reordering that brings everything back."""
        order = tuple(int(i) for i in np.argsort(self.order))
        return Reorientation(order, tuple(self.flips[i] for i in order))

    def apply(self, array: Any, leading: int = 0) -> Any:
        """Reorder an array (NumPy or dask) whose spatial axes follow ``leading`` others; a view."""
        ndim = len(self.order)
        trailing = range(leading + ndim, array.ndim)
        moved = array.transpose((*range(leading), *(leading + i for i in self.order), *trailing))
        steps = (slice(None, None, -1) if flip else slice(None) for flip in self.flips)
        return moved[(*[slice(None)] * leading, *steps)]

    def undo(self, array: Any, leading: int = 0) -> Any:
        """Bring a reordered array back."""
        return self.inverse.apply(array, leading)

    def apply_geometry(self, geometry: Geometry) -> Geometry:
        """Reorder a grid along with its array."""
        flipped = [axis for axis, flip in enumerate(self.flips) if flip]
        return geometry.permuted(self.order).flipped(flipped)

    def undo_geometry(self, geometry: Geometry) -> Geometry:
        """Bring a reordered grid back."""
        return self.inverse.apply_geometry(geometry)


def _nearest_world_axes(direction: FloatArray) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Assign to each column its own world axis, and the sign with which it points along it."""
    ndim = len(direction)
    columns = np.arange(ndim)
    best = max(permutations(range(ndim)), key=lambda p: float(np.abs(direction[list(p), columns]).sum()))
    nearest = np.array(best)
    return nearest, np.where(direction[nearest, columns] < 0, -1, 1)


def _check(shape: tuple[int, ...], affine: FloatArray, unit: str) -> None:
    ndim = len(shape)
    if ndim not in (2, 3) or min(shape) < 1:
        raise GeometryError(f"Found grid shape {shape}; needed two or three positive sizes.")
    if affine.shape != (ndim + 1, ndim + 1):
        raise GeometryError(
            f"Found an affine of shape {affine.shape}; needed {(ndim + 1, ndim + 1)} for a {ndim}-D grid."
        )
    if not np.all(np.isfinite(affine)):
        raise GeometryError("Found an affine with NaN or infinite entries; needed finite numbers.")
    if not np.array_equal(affine[ndim], [0] * ndim + [1]):
        raise GeometryError(f"Found {affine[ndim].tolist()} as the affine's last row; needed 0 ... 0 1.")
    if _is_flat(affine[:ndim, :ndim]):
        raise GeometryError("Found a singular affine: two voxels would lie at the same place.")
    if unit not in ("mm", "pixel"):
        raise GeometryError(f"Found unit {unit!r}; needed 'mm' or 'pixel'.")


def _is_flat(matrix: FloatArray) -> bool:
    # Numbers too small or too large for a grid make a determinant of 0 or NaN.
    with np.errstate(all="ignore"):
        steps = np.linalg.norm(matrix, axis=0)
        return not abs(np.linalg.det(matrix / steps)) >= 1e-6
