"""An image's axes and extent brought to what a network was trained on, and nothing resampled."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_medai.core.geometry import Geometry, Reorientation
from napari_medai.core.image import MedicalImage

Orientation = Literal["LPS", "RAS", "stored"]


def turned(geometry: Geometry, orientation: Orientation, axes: Sequence[int] | None) -> Reorientation:
    """Say how an image's axes are reordered and flipped for a network.

    Parameters
    ----------
    geometry : Geometry
        The image's. In 2-D nothing is turned but by ``axes``: a photograph has no patient axes.
    orientation : {"LPS", "RAS", "stored"}
        Which way the axes (z, y, x) run.
    axes : sequence of int, optional
        The order in which those axes go to the network.
    """
    order, flips = tuple(range(geometry.ndim)), (False,) * geometry.ndim
    if geometry.ndim == 3 and orientation != "stored":
        nearest = geometry.nearest_axes()
        order, flips = tuple(nearest.order), tuple(nearest.flips)
        if orientation == "RAS":
            flips = (flips[0], not flips[1], not flips[2])
    if axes is not None:
        order, flips = tuple(order[a] for a in axes), tuple(flips[a] for a in axes)
    return Reorientation(order, flips)


def nonzero_box(array: NDArray[Any]) -> tuple[slice, ...] | None:
    """Return the box around all voxels (channels, \\*spatial) that are not 0; none where it is everything."""
    inside = (array != 0).any(axis=0)
    box = []
    for axis in range(inside.ndim):
        (hit,) = np.nonzero(inside.any(axis=tuple(k for k in range(inside.ndim) if k != axis)))
        if not len(hit):
            return None
        box.append(slice(int(hit[0]), int(hit[-1]) + 1))
    return None if all(s.stop - s.start == n for s, n in zip(box, inside.shape, strict=True)) else tuple(box)


def cropped_grid(geometry: Geometry, box: tuple[slice, ...]) -> Geometry:
    """Return the grid of one box."""
    return geometry.cropped([s.start for s in box], [s.stop - s.start for s in box])


def cropped(image: MedicalImage, box: tuple[slice, ...]) -> MedicalImage:
    """Return one box of an image (channels, \\*spatial)."""
    array = np.asarray(image.array)[(slice(None), *box)]
    return image.with_array(array, geometry=cropped_grid(image.geometry, box))
