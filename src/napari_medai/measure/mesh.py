"""The surface of a labelled region as triangles, to look at, to print, to hand on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from annotated_types import Gt, Interval
from numpy.typing import NDArray

from napari_medai.core.errors import ArgumentError
from napari_medai.core.geometry import FloatArray, Geometry, Unit
from napari_medai.core.operation import LabelsImage, operation
from napari_medai.core.progress import Progress, Step, silent
from napari_medai.measure.labelling import label_name, present_labels, single_volume
from napari_medai.measure.mesh_files import Frame, write_triangles
from napari_medai.measure.surface import bounding_box

if TYPE_CHECKING:
    from napari_medai.core.history import Record


@dataclass(frozen=True, eq=False)
class Mesh:
    """Triangles in the world.

    Parameters
    ----------
    vertices : (N, 3) float array
        World positions (x, y, z), LPS.
    faces : (M, 3) int array
        Three vertices each; seen from outside they run counter-clockwise.
    unit : {"mm", "pixel"}
        Of the positions.
    name : str
        What a person calls it.
    history : tuple of Record
        The steps that led here, oldest first.
    """

    vertices: FloatArray
    faces: NDArray[np.int64]
    unit: Unit = "mm"
    name: str = ""
    history: tuple[Record, ...] = ()

    @property
    def area(self) -> float:
        """Area of all triangles."""
        return float(np.linalg.norm(self._normals(), axis=1).sum())

    @property
    def volume(self) -> float:
        """Volume inside; positive where the triangles face outwards."""
        return float((self.vertices[self.faces[:, 0]] * self._normals()).sum() / 3)

    @property
    def is_closed(self) -> bool:
        """Whether every edge belongs to triangles on both its sides."""
        edges = np.concatenate([self.faces[:, [0, 1]], self.faces[:, [1, 2]], self.faces[:, [2, 0]]])
        forth = np.unique(edges, axis=0, return_counts=True)
        back = np.unique(edges[:, ::-1], axis=0, return_counts=True)
        return all(np.array_equal(a, b) for a, b in zip(forth, back, strict=True))

    def save(self, path: str | Path, frame: Frame = "LPS") -> None:
        """Write the mesh as STL, OBJ or PLY; see :func:`napari_medai.measure.mesh_files.write_triangles`."""
        write_triangles(self.vertices, self.faces, path, unit=self.unit, frame=frame)

    def _normals(self) -> FloatArray:
        a, b, c = (self.vertices[self.faces[:, k]] for k in range(3))
        return np.asarray(np.cross(b - a, c - a) / 2)


@operation(group="measure", title="Surface mesh")
def extract_mesh(
    labels: LabelsImage,
    *,
    label: int | None = None,
    smoothing_mm: Annotated[float, Interval(ge=0, le=50)] = 0.0,
    triangle_mm: Annotated[float, Gt(0)] | None = None,
    progress: Progress = silent,
) -> Mesh:
    """Make the surface of a labelled region.

    The region's border half way between voxels, by marching cubes. Smoothing blurs the region first and
    takes the level that keeps its number of voxels, so that it does not shrink; larger triangles are
    made on a coarser grid, so that the surface stays closed.

    Parameters
    ----------
    labels : MedicalImage
        The regions, one volume.
    label : int, optional
        Which label; every label but the background together when absent.
    smoothing_mm : float
        Standard deviation of the blur.
    triangle_mm : float, optional
        Edge length of the triangles; one voxel when absent.
    progress : Progress
        Hears three reports.

    Returns
    -------
    Mesh
        Closed, in world LPS.

    Raises
    ------
    ArgumentError
        If the image is 2-D or has time or channel axes, the label has no voxels, or the triangles are
        too large for the region.

    References
    ----------
    Lewiner et al., "Efficient implementation of marching cubes' cases with topological guarantees",
    J Graph Tools 8:1-15, 2003.

    Examples
    --------
    >>> from napari_medai import MedicalImage
    >>> grid = Geometry.from_spacing((6, 6, 6), (2, 1, 1))
    >>> regions = np.zeros((6, 6, 6), np.uint8)
    >>> regions[2:4, 2:4, 2:4] = 1
    >>> mesh = extract_mesh(MedicalImage(regions, "zyx", grid, "labels"))
    >>> mesh.is_closed
    True
    """
    if labels.spatial_ndim != 3:
        raise ArgumentError("Found a 2-D image; a surface needs a volume.", hint="Give a stack of slices.")
    volume = single_volume(labels, "labels image")
    mask = volume != 0 if label is None else volume == label
    box = bounding_box(mask)
    if box is None:
        known = ", ".join(map(str, present_labels(volume)[:20])) or "none"
        raise ArgumentError(
            f"Label {'any' if label is None else label} has no voxels.", hint=f"Labels here: {known}."
        )
    _check_lengths(mask[box].shape, labels.geometry, smoothing_mm, triangle_mm)
    progress(Step(0, 3, "Smoothing the region"))
    field, start, level = _field(mask[box], box, labels.geometry, smoothing_mm, triangle_mm or 0.0)
    progress(Step(1, 3, "Finding the surface"))
    vertices, faces = _triangles(field, start, level, labels.geometry, triangle_mm)
    progress(Step(3, 3, "Finding the surface"))
    name = labels.name if label is None else label_name(labels, label)
    mesh = Mesh(vertices, faces, labels.geometry.unit, name)
    return mesh if mesh.volume > 0 else Mesh(vertices, faces[:, ::-1], labels.geometry.unit, name)


def _check_lengths(
    shape: tuple[int, ...], geometry: Geometry, smoothing: float, triangle: float | None
) -> None:
    """Refuse what would leave nothing of the region, before any of it is computed."""
    largest = float((np.array(shape) * geometry.spacing).max())
    if triangle is not None and triangle > largest / 2:
        raise ArgumentError(
            f"Triangles of {triangle:g} {geometry.unit} are too large for a region of {largest:.3g}.",
            hint="Choose smaller triangles.",
        )
    if smoothing > largest:
        raise ArgumentError(
            f"A blur of {smoothing:g} {geometry.unit} is larger than the region of {largest:.3g}.",
            hint="Choose less smoothing.",
        )


def _field(
    mask: NDArray[np.bool_],
    box: tuple[slice, ...],
    geometry: Geometry,
    smoothing: float,
    triangle: float,
) -> tuple[NDArray[np.float32], FloatArray, float]:
    """Blur a region; return the field, the index of its first voxel, and the level of its border."""
    from scipy import ndimage

    sigma = max(smoothing, triangle / 2 if triangle > geometry.spacing.min() else 0.0) / geometry.spacing
    margin = np.ceil(4 * sigma + triangle / geometry.spacing).astype(int) + 2
    field = np.pad(mask.astype(np.float32), [(m, m) for m in margin])
    start = np.array([s.start for s in box]) - margin
    if not sigma.any():
        return field, start.astype(float), 0.5
    field = ndimage.gaussian_filter(field, sigma, mode="constant")
    inside = int(np.count_nonzero(mask))
    ranked = np.partition(field.reshape(-1), [-inside - 1, -inside])
    return field, start.astype(float), float(ranked[-inside - 1] + ranked[-inside]) / 2


def _triangles(
    field: NDArray[np.float32],
    start: FloatArray,
    level: float,
    geometry: Geometry,
    triangle: float | None,
) -> tuple[FloatArray, NDArray[np.int64]]:
    from skimage.measure import marching_cubes

    ratio = np.ones(3) if triangle is None else triangle / geometry.spacing
    if triangle is not None:
        field = _on_coarser_grid(field, ratio)
    if not field.min() < level < field.max():
        raise ArgumentError(
            f"Triangles of {triangle:g} {geometry.unit} miss the region, which is thinner.",
            hint="Choose smaller triangles.",
        )
    vertices, faces, _, _ = marching_cubes(field, level, allow_degenerate=False)
    return geometry.index_to_world(vertices * ratio + start), faces.astype(np.int64)


def _on_coarser_grid(field: NDArray[np.float32], ratio: FloatArray) -> Any:
    from scipy import ndimage

    shape = np.floor((np.array(field.shape) - 1) / ratio).astype(int) + 1
    finer = ndimage.affine_transform(field, ratio, output_shape=tuple(shape.tolist()), order=1)
    return np.pad(finer, [(0, 1)] * 3)
