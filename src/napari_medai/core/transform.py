"""A map between the worlds of two images."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_medai.core.displacement import DisplacementField
from napari_medai.core.errors import GeometryError, WriteError
from napari_medai.core.geometry import FloatArray
from napari_medai.core.image import MedicalImage, map_volumes
from napari_medai.core.landmarks import Landmarks
from napari_medai.core.progress import Progress, part, silent
from napari_medai.core.sampling import Interpolation, plane_points, sample_volume, spread_points
from napari_medai.core.transform_parts import (
    Part,
    checked_part,
    derivative_at,
    merged_parts,
    moved_points,
    part_ndim,
    undone,
)

if TYPE_CHECKING:
    from napari_medai.core.geometry import Geometry


@dataclass(frozen=True, eq=False)
class SpatialTransform:
    """Takes points of the fixed world to points of the moving world, in mm, LPS.

    Parameters
    ----------
    parts : (D+1, D+1) array_like, DisplacementField, or sequence of them
        The affine map on homogeneous points (x, y, z, 1), the deformation, or several that follow each
        other, the first one first. Affine neighbours become one.
    name : str
        What a person calls it.

    Raises
    ------
    GeometryError
        If a matrix is not finite, not invertible or of the wrong size, or dimensions differ.

    Examples
    --------
    >>> shift = SpatialTransform.from_translation([10, 0, 0])
    >>> shift.inverse().apply_to_points([[10.0, 5.0, 0.0]]).tolist()
    [[0.0, 5.0, 0.0]]
    """

    parts: tuple[Part, ...]
    name: str = ""

    def __post_init__(self) -> None:
        given: Any = self.parts
        several = isinstance(given, list | tuple) and any(
            isinstance(p, DisplacementField) or np.ndim(p) == 2 for p in given
        )
        parts = [checked_part(p) for p in (given if several else [given])]
        if len({part_ndim(p) for p in parts}) != 1:
            raise GeometryError("Found 2-D and 3-D parts of one transform; needed the same dimension.")
        object.__setattr__(self, "parts", tuple(merged_parts(parts)))

    @classmethod
    def identity(cls, ndim: int = 3) -> SpatialTransform:
        """The transform that moves nothing."""
        return cls(np.eye(ndim + 1))  # type: ignore[arg-type]

    @classmethod
    def from_matrix(cls, matrix: ArrayLike, name: str = "") -> SpatialTransform:
        """The affine transform of a (D+1, D+1) matrix on homogeneous points."""
        return cls(np.asarray(matrix, dtype=float), name)  # type: ignore[arg-type]

    @classmethod
    def from_translation(cls, shift_mm: ArrayLike) -> SpatialTransform:
        """The transform that adds ``shift_mm`` (x, y, z) to every point."""
        shift = np.asarray(shift_mm, dtype=float)
        matrix = np.eye(len(shift) + 1)
        matrix[:-1, -1] = shift
        return cls.from_matrix(matrix)

    @classmethod
    def from_displacement(cls, vectors: ArrayLike, geometry: Geometry, name: str = "") -> SpatialTransform:
        """The deformation that moves each voxel centre of a grid by a world vector, shape (*S, D)."""
        field = DisplacementField(np.asarray(vectors, dtype=np.float32), geometry)
        return cls((field,), name)

    @property
    def ndim(self) -> int:
        """2 or 3."""
        return part_ndim(self.parts[0])

    @property
    def is_affine(self) -> bool:
        """Whether one matrix says it all."""
        return len(self.parts) == 1 and isinstance(self.parts[0], np.ndarray)

    @property
    def matrix(self) -> FloatArray:
        """The affine map on homogeneous points.

        Raises
        ------
        GeometryError
            If the transform deforms; :attr:`parts` has its steps.
        """
        first = self.parts[0]
        if not (len(self.parts) == 1 and isinstance(first, np.ndarray)):
            raise GeometryError("Found a deformation; needed an affine transform.")
        return first

    def then(self, other: SpatialTransform) -> SpatialTransform:
        """Return the transform that applies this one first and ``other`` to its result."""
        if other.ndim != self.ndim:
            raise GeometryError(f"Found a {self.ndim}-D and a {other.ndim}-D transform; needed the same.")
        return SpatialTransform((*self.parts, *other.parts))

    def inverse(self, progress: Progress = silent) -> SpatialTransform:
        """Return the transform from the moving to the fixed world.

        It is exact for affine parts; deformations are undone by iteration, which
        :meth:`inverse_error` measures.
        """
        count = len(self.parts)
        parts: list[Part] = []
        for index, one in enumerate(reversed(self.parts)):
            step = part(progress, index / count, (index + 1) / count)
            parts.append(one.inverse(step) if isinstance(one, DisplacementField) else undone(one))
        return SpatialTransform(tuple(parts))

    def inverse_error(self, inverse: SpatialTransform, geometry: Geometry, count: int = 20_000) -> FloatArray:
        """Measure how far points end from where they began, going there and back.

        Parameters
        ----------
        inverse : SpatialTransform
            What should undo this transform.
        geometry : Geometry
            The fixed grid; about ``count`` of its voxels, evenly spread, are tried.
        count : int
            How many points at most.

        Returns
        -------
        (N,) array
            Distances in the unit of ``geometry``.
        """
        points = spread_points(geometry, count)
        back = inverse.apply_to_points(self.apply_to_points(points))
        return np.asarray(np.linalg.norm(back - points, axis=1))

    def apply_to_points(self, points: Any) -> Any:
        """Take points of the fixed world to the moving world.

        Parameters
        ----------
        points : (..., D) array_like or Landmarks
            World mm, LPS. The covariance of landmarks is carried along.

        Returns
        -------
        numpy.ndarray or Landmarks
            As given.
        """
        if isinstance(points, Landmarks):
            spread = points.covariance
            if spread is not None:
                linear = self.derivative(points.positions)
                spread = linear @ spread @ np.swapaxes(linear, -1, -2)
            return replace(points, positions=self.apply_to_points(points.positions), covariance=spread)
        return moved_points(self.parts, np.asarray(points, dtype=float))

    def derivative(self, points: ArrayLike) -> FloatArray:
        """Return how the map stretches and turns around each point, (N, D) -> (N, D, D)."""
        return derivative_at(self.parts, np.asarray(points, dtype=float))

    def displacement(self, geometry: Geometry) -> NDArray[np.float32]:
        """Return how far each voxel centre of a grid moves, (x, y, z) in its unit, shape (*S, D)."""
        found = np.empty((*geometry.shape, geometry.ndim), dtype=np.float32)
        for plane in range(geometry.shape[0]):
            moved = self.places(geometry, plane, plane + 1) - plane_points(geometry, plane, plane + 1)
            found[plane] = moved.reshape(found.shape[1:])
        return found

    def places(self, geometry: Geometry, start: int, stop: int) -> FloatArray:
        """Return where the voxel centres of some planes of a grid go, shape (N, D)."""
        points, parts = plane_points(geometry, start, stop), self.parts
        first = parts[0]
        if isinstance(first, DisplacementField) and first.geometry == geometry:
            # its own grid: nothing to interpolate
            points = points + first.vectors[start:stop].reshape(points.shape)
            parts = parts[1:]
        return moved_points(parts, points)

    def apply_to_image(
        self,
        image: MedicalImage,
        like: MedicalImage | Geometry,
        interpolation: Interpolation = "linear",
        outside: float = 0.0,
        progress: Progress = silent,
    ) -> MedicalImage:
        """Bring the moving image onto the fixed grid.

        Parameters
        ----------
        image : MedicalImage
            The moving image. Labels are looked up by nearest neighbour, or by ``"smooth_labels"``; they
            are never mixed.
        like : MedicalImage or Geometry
            The fixed image or its grid.
        interpolation : {"nearest", "linear", "cubic", "sinc", "smooth_labels"}
            How values between voxels are found; see :func:`napari_medai.core.sampling.sample_volume`.
        outside : float
            The value where the moving image says nothing.
        progress : Progress
            Hears how far it is.

        Returns
        -------
        MedicalImage
            The moving image's values on the grid of ``like``.
        """
        grid = like.geometry if isinstance(like, MedicalImage) else like
        if image.kind == "labels" and interpolation != "smooth_labels":
            interpolation = "nearest"
        world_map = self.matrix if self.is_affine else self.places

        def moved(volume: NDArray[Any]) -> NDArray[Any]:
            return sample_volume(
                volume,
                image.geometry,
                grid,
                world_map=world_map,
                interpolation=interpolation,
                outside=outside,
                progress=progress,
            )

        return image.with_array(map_volumes(image, moved, progress, "Moving the image"), geometry=grid)

    def contents(self) -> list[Any]:
        """Return the numbers it is made of, by which a history knows it."""
        fields = [[p.vectors, p.geometry.affine] for p in self.parts if isinstance(p, DisplacementField)]
        return [p for p in self.parts if isinstance(p, np.ndarray)] + [x for pair in fields for x in pair]

    def save(self, path: str | Path, like: MedicalImage | Geometry | None = None) -> None:
        """Write a file that maps fixed to moving as well; see :mod:`napari_medai.core.transform_files`.

        Parameters
        ----------
        path : str or Path
            ITK's own formats (.tfm, .txt, .mat, .h5 or .hdf5) keep every part; a displacement image
            (.nii, .nii.gz, .nrrd, .mha) holds the whole as vectors on a grid.
        like : MedicalImage or Geometry, optional
            The grid of a displacement image: the first deformation's, where nothing is given.

        Raises
        ------
        WriteError
            If the suffix is none of those, or the format cannot hold the transform.
        """
        from napari_medai.core.transform_files import is_image, save_parts

        path = Path(path)
        save_parts((self._as_field(like),) if is_image(path) else self.parts, path)

    @classmethod
    def load(cls, path: str | Path) -> SpatialTransform:
        """Read what :meth:`save` wrote, or an affine or displacement transform of another ITK program.

        Raises
        ------
        ReadError
            If the file is neither.
        """
        from napari_medai.core.transform_files import load_parts

        return cls(tuple(load_parts(Path(path))))

    def _as_field(self, like: MedicalImage | Geometry | None) -> DisplacementField:
        fields = [p for p in self.parts if isinstance(p, DisplacementField)]
        if like is None and not fields:
            raise WriteError(
                "An image of displacements needs a grid, and an affine transform has none.",
                hint="Save it as .tfm, or name the fixed image: save(path, like=fixed).",
            )
        grid = fields[0].geometry if like is None else like
        grid = grid.geometry if isinstance(grid, MedicalImage) else grid
        return DisplacementField(self.displacement(grid), grid)
