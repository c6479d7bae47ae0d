"""An image turned, without loss, onto the very grid of the series it came from."""

from __future__ import annotations

from itertools import permutations, product

from napari_medai.core.errors import WriteError
from napari_medai.core.geometry import Geometry, Reorientation
from napari_medai.core.image import MedicalImage

_TOLERANCE_MM = 0.05


def on_grid(image: MedicalImage, grid: Geometry, what: str) -> MedicalImage:
    """Reorder an image's axes so that it lies on a grid voxel by voxel.

    Parameters
    ----------
    image : MedicalImage
        Possibly permuted and flipped against the grid.
    grid : Geometry
        Where it shall lie.
    what : str
        What the grid is of, for messages.

    Raises
    ------
    WriteError
        If no reordering brings it there.
    """
    ndim = grid.ndim
    if image.geometry.ndim == ndim and image.geometry.unit == grid.unit:
        for order in permutations(range(ndim)):
            for flips in product((False, True), repeat=ndim):
                turn = Reorientation(order, flips)
                if turn.apply_geometry(image.geometry).is_close(grid, _TOLERANCE_MM):
                    return image.reoriented(turn)
    raise WriteError(
        f"{image.name or 'The image'} does not lie on the grid of {what}.",
        hint="Resample it onto the source image first: resample_to.",
    )
