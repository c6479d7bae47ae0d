"""Pictures that show how well two images lie on each other, and how a transform bends space."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeAlias

import numpy as np
from annotated_types import Gt
from numpy.typing import NDArray

from napari_medai.core.errors import ArgumentError
from napari_medai.core.geometry import FloatArray, Geometry
from napari_medai.core.image import MedicalImage
from napari_medai.core.operation import Advanced, IntensityImage, When, operation
from napari_medai.core.progress import Progress, Step, silent, track
from napari_medai.core.transform import SpatialTransform
from napari_medai.register.prepare import check_worlds

View: TypeAlias = Literal["checkerboard", "blend", "difference", "edges"]

EDGE_SHARE = 0.1
"""How many of an image's voxels, those with the steepest slopes, are drawn as edges."""


@operation(group="register", title="Compare two images")
def compare_images(
    fixed: IntensityImage,
    warped: IntensityImage,
    *,
    view: View = "checkerboard",
    tile_mm: Annotated[float, Gt(0), When("view", ("checkerboard",))] = 20.0,
    share: Annotated[float, Gt(0), When("view", ("blend",)), Advanced()] = 0.5,
    progress: Progress = silent,
) -> MedicalImage:
    """Show two images in one, so that what does not fit is seen.

    Both are brought to the same range of grey first. The second one is looked up on the grid of the
    first wherever it lies; where it shows nothing, the first one is seen alone.

    Parameters
    ----------
    fixed : MedicalImage
        The image that stayed.
    warped : MedicalImage
        The image that was brought onto it, or any other one of the same world.
    view : {"checkerboard", "blend", "difference", "edges"}
        Tiles of one and the other in turn; both shining through; the second less the first; or the
        first with the edges of the second drawn bright.
    tile_mm : float
        The side of a tile.
    share : float
        How much of the second image shines through.
    progress : Progress
        Hears how far it is.

    Returns
    -------
    MedicalImage
        On the fixed grid, float32: 0 to 1 from black to white, -1 to 1 for a difference.

    Raises
    ------
    ArgumentError
        If an image has time, channels or colours.
    GeometryError
        If the dimensions or units differ.
    """
    pair = prepare_pair(fixed, warped, progress=progress)
    picture = draw_view(pair.one, pair.two, fixed.geometry, view, tile_mm, share)
    return MedicalImage(picture.astype(np.float32), fixed.axes, fixed.geometry, name=view)


@dataclass(frozen=True)
class PreparedPair:
    """Two images on one grid, 0 to 1, ready to be drawn in any view.

    Parameters
    ----------
    one, two : numpy.ndarray
        Float32; where the second shows nothing it is the first.
    like : MedicalImage
        Gives the grid.
    """

    one: NDArray[np.float32]
    two: NDArray[np.float32]
    like: MedicalImage

    def drawn(self, view: View, across: int) -> MedicalImage:
        """Draw a view, with about as many tiles along the longest side as asked for."""
        grid = self.like.geometry
        side = float(max(np.array(grid.shape) * grid.spacing)) / across
        picture = draw_view(self.one, self.two, grid, view, side)
        return MedicalImage(picture.astype(np.float32), self.like.axes, grid, name=view)


def prepare_pair(fixed: MedicalImage, warped: MedicalImage, *, progress: Progress = silent) -> PreparedPair:
    """Bring two images to one grid and one range of grey; see :func:`compare_images`."""
    for image in (fixed, warped):
        if len(image.axes) != image.spatial_ndim:
            raise ArgumentError(
                f"Found an image with the axes {image.axes!r}; needed one grey volume or slice.",
                hint="Take one entry along the others first.",
            )
    check_worlds(fixed, warped)
    progress(Step(0, 2, "Looking up"))
    still = SpatialTransform.identity(fixed.spatial_ndim)
    moved = np.asarray(still.apply_to_image(warped, fixed, outside=float("nan")).array)
    progress(Step(1, 2, "Drawing"))
    one, two = stretched(np.asarray(fixed.array)), stretched(moved)
    return PreparedPair(one, np.where(np.isfinite(two), two, one), fixed)


@operation(group="register", title="Draw the deformed grid")
def draw_grid(
    fixed: IntensityImage,
    transform: SpatialTransform,
    *,
    distance_mm: Annotated[float, Gt(0)] = 10.0,
    width_mm: Annotated[float, Gt(0), Advanced()] = 1.0,
    progress: Progress = silent,
) -> MedicalImage:
    """Draw what becomes of a straight grid of the moving image when it is brought onto the fixed one.

    Parameters
    ----------
    fixed : MedicalImage
        The image over which the grid is drawn.
    transform : SpatialTransform
        From the fixed to the moving world.
    distance_mm : float
        Between two lines.
    width_mm : float
        Of a line.
    progress : Progress
        Hears every plane.

    Returns
    -------
    MedicalImage
        1 on a line and 0 between lines, softened at the borders. float32.
    """
    geometry = fixed.geometry
    picture = np.empty(geometry.shape, dtype=np.float32)
    for plane in track(range(geometry.shape[0]), progress, "Drawing"):
        places = transform.places(geometry, plane, plane + 1)
        off = np.abs(places / distance_mm - np.round(places / distance_mm)) * distance_mm
        soft = np.clip((width_mm - off) / width_mm + 0.5, 0, 1)
        picture[plane] = _lines(soft).reshape(picture.shape[1:])
    return MedicalImage(picture, fixed.axes[-fixed.spatial_ndim :], geometry, name="deformed grid")


def _lines(soft: FloatArray) -> FloatArray:
    """A voxel lies on a line of the grid where it is near a plane of all axes but one."""
    ordered = np.sort(soft, axis=1)
    return np.asarray(ordered[:, -1] if soft.shape[1] == 2 else ordered[:, 1])


def stretched(values: NDArray[Any]) -> NDArray[np.float32]:
    """Bring the 1st to 99th hundredth of an image's values to 0 to 1; NaN stays."""
    some = values[np.isfinite(values)]
    low, high = np.percentile(some, [1.0, 99.0]) if some.size else (0.0, 1.0)
    if high <= low and some.size:
        low, high = float(some.min()), float(some.max())
    scale = 1.0 / (high - low) if high > low else 0.0
    found = (np.asarray(values, dtype=np.float32) - np.float32(low)) * np.float32(scale)
    return np.asarray(np.clip(found, 0, 1), dtype=np.float32)


def draw_view(
    one: NDArray[np.float32],
    two: NDArray[np.float32],
    geometry: Geometry,
    view: View,
    tile: float = 20.0,
    share: float = 0.5,
) -> NDArray[np.float32]:
    """Draw two images of one grid, 0 to 1, as one; see :func:`compare_images`."""
    if view == "difference":
        return two - one
    if view == "blend":
        return (1 - share) * one + share * two
    if view == "edges":
        return np.where(edges(two), np.float32(1), 0.8 * one)
    return np.where(tiles(geometry, tile), two, one)


def tiles(geometry: Geometry, side: float) -> NDArray[np.bool_]:
    """Return every other tile of a grid, in each direction."""
    counts = [
        (np.arange(n) * s // side).astype(int) for n, s in zip(geometry.shape, geometry.spacing, strict=True)
    ]
    total = sum(np.meshgrid(*counts, indexing="ij", sparse=True), np.zeros((1,) * len(counts), dtype=int))
    return np.asarray(total % 2 == 1)


def edges(values: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Return where an image is steepest."""
    from scipy import ndimage

    slope = ndimage.gaussian_gradient_magnitude(values, 1.0)
    found = slope[slope > 1e-6]
    if found.size == 0:
        return np.zeros(values.shape, dtype=bool)
    return np.asarray(slope > max(1e-6, float(np.quantile(slope, 1 - EDGE_SHARE))))
