"""A map between the worlds of two images."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from napari_medai.core.errors import GeometryError, ReadError, WriteError
from napari_medai.core.geometry import FloatArray
from napari_medai.core.image import MedicalImage, map_volumes
from napari_medai.core.landmarks import Landmarks
from napari_medai.core.progress import Progress, silent
from napari_medai.core.sampling import Interpolation, sample_volume

if TYPE_CHECKING:
    from napari_medai.core.geometry import Geometry


@dataclass(frozen=True, eq=False)
class SpatialTransform:
    """Takes points of the fixed world to points of the moving world, in mm, LPS.

    Parameters
    ----------
    matrix : (D+1, D+1) array_like
        The affine map on homogeneous points (x, y, z, 1).
    name : str
        What a person calls it.

    Raises
    ------
    GeometryError
        If the matrix is not finite, not invertible or of the wrong size.

    Examples
    --------
    >>> shift = SpatialTransform.from_translation([10, 0, 0])
    >>> shift.inverse().apply_to_points([[10.0, 5.0, 0.0]]).tolist()
    [[0.0, 5.0, 0.0]]
    """

    matrix: FloatArray
    name: str = ""

    def __post_init__(self) -> None:
        matrix = np.array(self.matrix, dtype=np.float64)
        if matrix.shape not in ((3, 3), (4, 4)) or not np.all(np.isfinite(matrix)):
            raise GeometryError(f"Found a matrix of shape {matrix.shape}; needed a finite 3x3 or 4x4 one.")
        ndim = len(matrix) - 1
        if not np.array_equal(matrix[-1], [0] * ndim + [1]):
            raise GeometryError(f"Found {matrix[-1].tolist()} as the last row; needed 0 ... 0 1.")
        if abs(np.linalg.det(matrix)) < 1e-12:
            raise GeometryError("Found a singular transform; needed one that can be undone.")
        matrix.flags.writeable = False
        object.__setattr__(self, "matrix", matrix)

    @classmethod
    def identity(cls, ndim: int = 3) -> SpatialTransform:
        """The transform that moves nothing."""
        return cls(np.eye(ndim + 1))

    @classmethod
    def from_translation(cls, shift_mm: ArrayLike) -> SpatialTransform:
        """The transform that adds ``shift_mm`` (x, y, z) to every point."""
        shift = np.asarray(shift_mm, dtype=float)
        matrix = np.eye(len(shift) + 1)
        matrix[:-1, -1] = shift
        return cls(matrix)

    @property
    def ndim(self) -> int:
        """2 or 3."""
        return len(self.matrix) - 1

    def then(self, other: SpatialTransform) -> SpatialTransform:
        """Return the transform that applies this one first and ``other`` to its result."""
        if other.ndim != self.ndim:
            raise GeometryError(f"Found a {self.ndim}-D and a {other.ndim}-D transform; needed the same.")
        return SpatialTransform(np.asarray(other.matrix @ self.matrix, dtype=np.float64))

    def inverse(self) -> SpatialTransform:
        """Return the transform from the moving to the fixed world."""
        matrix: FloatArray = np.asarray(np.linalg.inv(self.matrix), dtype=np.float64)
        matrix[-1] = self.matrix[-1]
        return SpatialTransform(matrix)

    def apply_to_points(self, points: Any) -> Any:
        """Take points of the fixed world to the moving world.

        Parameters
        ----------
        points : (N, D) array_like or Landmarks
            World mm, LPS. The covariance of landmarks is carried along.

        Returns
        -------
        numpy.ndarray or Landmarks
            As given.
        """
        linear = self.matrix[:-1, :-1]
        if isinstance(points, Landmarks):
            moved = points.positions @ linear.T + self.matrix[:-1, -1]
            spread = None if points.covariance is None else linear @ points.covariance @ linear.T
            return replace(points, positions=moved, covariance=spread)
        return np.asarray(points, dtype=float) @ linear.T + self.matrix[:-1, -1]

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
            The moving image; labels are always looked up by nearest neighbour.
        like : MedicalImage or Geometry
            The fixed image or its grid.
        interpolation : {"nearest", "linear", "cubic"}
            How values between voxels are found.
        outside : float
            The value where the moving image says nothing.
        progress : Progress
            Hears a report a volume.

        Returns
        -------
        MedicalImage
            The moving image's values on the grid of ``like``.
        """
        grid = like.geometry if isinstance(like, MedicalImage) else like
        how: Interpolation = "nearest" if image.kind == "labels" else interpolation
        array = map_volumes(
            image,
            lambda volume: sample_volume(
                volume, image.geometry, grid, world_map=self.matrix, interpolation=how, outside=outside
            ),
            progress,
            "Moving the image",
        )
        return image.with_array(array, geometry=grid)

    def save(self, path: str | Path) -> None:
        """Write an ITK file (.tfm, .txt, .mat, .h5 or .hdf5), which maps fixed to moving as well.

        Raises
        ------
        WriteError
            If the suffix is not one of those.
        """
        import SimpleITK as sitk

        path = Path(path)
        if path.suffix not in (".tfm", ".txt", ".mat", ".h5", ".hdf5"):
            raise WriteError(
                f"Found the suffix {path.suffix!r} for a transform.", hint="Use .tfm, .txt, .mat or .h5."
            )
        affine = sitk.AffineTransform(self.ndim)
        affine.SetMatrix(self.matrix[:-1, :-1].ravel().tolist())
        affine.SetTranslation(self.matrix[:-1, -1].tolist())
        beside = path.with_name(f".partial-{path.name}")
        try:
            sitk.WriteTransform(affine, str(beside))
            beside.replace(path)
        except RuntimeError as error:
            raise WriteError(f"{path.name} could not be written: {error}") from error
        finally:
            beside.unlink(missing_ok=True)

    @classmethod
    def load(cls, path: str | Path) -> SpatialTransform:
        """Read an ITK transform that is affine, or a chain of affine ones.

        Raises
        ------
        ReadError
            If the file is not an ITK transform, or not an affine one.
        """
        import SimpleITK as sitk

        try:
            transform = sitk.ReadTransform(str(path))
        except RuntimeError as error:
            raise ReadError(f"{Path(path).name} is not a readable ITK transform.") from error
        if not transform.IsLinear():
            raise ReadError(f"{Path(path).name} holds a deformation; needed an affine transform.")
        ndim = transform.GetDimension()
        matrix = np.eye(ndim + 1)
        matrix[:-1, -1] = transform.TransformPoint([0.0] * ndim)
        for axis, unit in enumerate(np.eye(ndim)):
            matrix[:-1, axis] = transform.TransformPoint(unit.tolist()) - matrix[:-1, -1]
        return cls(matrix)
