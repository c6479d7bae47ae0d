"""Intensities along a drawn line or curve."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from annotated_types import Ge, Gt
from numpy.typing import NDArray

from napari_medai.core.errors import ArgumentError
from napari_medai.core.geometry import FloatArray, Geometry
from napari_medai.core.landmarks import Landmarks
from napari_medai.core.operation import IntensityImage, operation
from napari_medai.core.progress import Progress, silent, track
from napari_medai.measure.labelling import volumes
from napari_medai.measure.units import world_axes

if TYPE_CHECKING:
    from pandas import DataFrame


@operation(group="measure", title="Profile along a line")
def profile_line(
    image: IntensityImage,
    points: Landmarks,
    *,
    curve: Literal["straight", "smooth"] = "straight",
    step_mm: Annotated[float, Gt(0)] | None = None,
    width_mm: Annotated[float, Ge(0)] = 0.0,
    interpolation: Literal["linear", "nearest", "cubic"] = "linear",
    progress: Progress = silent,
) -> DataFrame:
    """Read the intensities along a drawn line or curve.

    Parameters
    ----------
    image : MedicalImage
        The intensities; time points, channels and colours each get their own rows.
    points : Landmarks
        The line's points in order, in the world; at least two.
    curve : {"straight", "smooth"}
        Straight pieces between the points, or a smooth curve through them (cubic spline).
    step_mm : float, optional
        Distance between samples along the line; half the smallest voxel size by default.
    width_mm : float
        Average over a line (in 3-D a disc) of this width across; 0 for the line alone.
    interpolation : {"linear", "nearest", "cubic"}
        Between voxels.
    progress : Progress
        Hears one report a time point or channel.

    Returns
    -------
    pandas.DataFrame
        One row a sample: ``distance_mm`` from the first point along the line, its place ``x_mm``,
        ``y_mm``, ``z_mm`` in world LPS, and ``value``; NaN outside the image.

    Raises
    ------
    ArgumentError
        If there are fewer than two points, or they are not in the image's dimensions and unit.

    Examples
    --------
    >>> from napari_medai import MedicalImage
    >>> grid = Geometry.from_spacing((4, 5), (2, 1))
    >>> image = MedicalImage(np.arange(20.0).reshape(4, 5), "yx", grid)
    >>> line = Landmarks(("a", "b"), [[0, 0], [4, 0]])
    >>> profile_line(image, line, step_mm=1.0).value.tolist()
    [0.0, 1.0, 2.0, 3.0, 4.0]
    """
    from pandas import DataFrame, concat

    geometry = image.geometry
    _check_line(points, geometry)
    path, away = _path(points.positions, curve, step_mm or float(geometry.spacing.min()) / 2)
    spots = _across_line(path, width_mm, float(geometry.spacing.min()) / 2)
    frame: dict[str, Any] = {f"distance_{geometry.unit}": away}
    frame |= {f"{a}_{geometry.unit}": path[:, k] for k, a in enumerate(world_axes(geometry))}
    tables = []
    for place, volume in track(list(volumes(image)), progress, "Reading the line"):
        tables.append(DataFrame({**place, **frame, "value": _read(volume, geometry, spots, interpolation)}))
    return concat(tables, ignore_index=True)


def _check_line(points: Landmarks, geometry: Geometry) -> None:
    count, ndim = points.positions.shape
    if count < 2 or ndim != geometry.ndim or points.unit != geometry.unit:
        raise ArgumentError(
            f"Found {count} points in {ndim}-D ({points.unit}); needed two or more in {geometry.ndim}-D "
            f"({geometry.unit}).",
            hint="Draw the line on this image.",
        )


def _path(corners: FloatArray, curve: str, step: float) -> tuple[FloatArray, FloatArray]:
    """Return evenly spaced points along a line, and their distance from its start."""
    corners = corners[np.concatenate([[True], np.any(np.diff(corners, axis=0) != 0, axis=1)])]
    if len(corners) < 2:
        raise ArgumentError("All points of the line lie at one place.", hint="Draw a longer line.")
    if curve == "smooth" and len(corners) > 2:
        from scipy.interpolate import CubicSpline

        knots = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(corners, axis=0), axis=1))])
        fine = np.linspace(0, knots[-1], max(int(knots[-1] / step) * 20, 200))
        corners = CubicSpline(knots, corners)(fine)
    along = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(corners, axis=0), axis=1))])
    away = np.arange(0, along[-1] + step * 1e-6, step)
    path = np.stack([np.interp(away, along, c) for c in corners.T], axis=1)
    return np.asarray(path), away


def _across_line(path: FloatArray, width: float, step: float) -> FloatArray:
    """Return points (W, N, D) around each point of a line, at right angles to it."""
    count = int(width / 2 / step) if width > 0 else 0
    if count == 0:
        return path[None]
    offsets = np.arange(-count, count + 1) * (width / 2 / count)
    along = np.gradient(path, axis=0)
    along /= np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-12)
    if path.shape[1] == 2:
        sideways = np.stack([-along[:, 1], along[:, 0]], axis=1)
        return np.asarray(path + offsets[:, None, None] * sideways)
    least = np.eye(3)[np.abs(along).argmin(axis=1)]
    first = np.cross(along, least)
    first /= np.linalg.norm(first, axis=1, keepdims=True)
    second = np.cross(along, first)
    u, v = np.meshgrid(offsets, offsets)
    disc = np.hypot(u, v) <= width / 2 * (1 + 1e-9)
    return np.asarray(path + u[disc][:, None, None] * first + v[disc][:, None, None] * second)


def _read(volume: NDArray[Any], geometry: Geometry, spots: FloatArray, interpolation: str) -> FloatArray:
    """Average the intensities at points (W, N, D) over W; NaN where none of them is in the image."""
    from scipy import ndimage

    order = {"nearest": 0, "linear": 1, "cubic": 3}[interpolation]
    indices = geometry.world_to_index(spots)
    beyond = ((indices < -0.5) | (indices > np.array(geometry.shape) - 0.5)).any(axis=-1)
    values = ndimage.map_coordinates(
        volume.astype(np.float64), np.moveaxis(indices, -1, 0), order=order, mode="nearest"
    )
    inside = (~beyond).sum(axis=0)
    total = np.where(beyond, 0.0, values).sum(axis=0)
    mean = np.divide(total, inside, out=np.full(len(total), np.nan), where=inside > 0)
    return np.asarray(mean)
