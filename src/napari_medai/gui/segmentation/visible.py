"""The part of an image that the canvas shows, as a box."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_medai.core.boxes import Boxes
from napari_medai.core.errors import ArgumentError
from napari_medai.gui.boxes import layer_from_boxes
from napari_medai.gui.placement import geometry_of, layer_matrix

if TYPE_CHECKING:
    import napari

NAME = "visible box"


def visible_box(viewer: napari.viewer.Viewer, layer: Any) -> Boxes:
    """Return the world box around what the canvas shows of a layer, through all of its slices.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Showing slices, not a rendering.
    layer : napari image layer
        The image.

    Raises
    ------
    ArgumentError
        If the viewer shows a rendering, or nothing of the layer.
    """
    if viewer.dims.ndisplay != 2:
        raise ArgumentError(
            "The canvas shows a rendering; needed slices, where what is seen is a box.",
            hint="Switch to the 2-D view.",
        )
    data, state, _ = layer.as_layer_data_tuple()
    ndim, spatial = layer.ndim, min(layer.ndim, 3)
    shape = np.array(np.shape(data[0] if layer.multiscale else data)[:ndim])
    first, last = np.zeros(ndim), shape - 1.0
    seen = [axis - viewer.dims.ndim + ndim for axis in viewer.dims.displayed]
    corners = np.asarray(layer.corner_pixels, float)
    first[seen] = np.clip(corners[0, seen], 0, shape[seen] - 1)
    last[seen] = np.clip(corners[1, seen], 0, shape[seen] - 1)
    if np.any(last[seen] <= first[seen]):
        raise ArgumentError(f"The canvas shows nothing of {layer.name}.", hint="Move it into view.")
    grid = geometry_of(layer_matrix(state, ndim), shape[-spatial:].tolist(), list(layer.units)[-spatial:])
    ends = np.array([first[-spatial:], last[-spatial:]])
    index = np.array(np.meshgrid(*ends.T)).reshape(spatial, -1).T
    world = grid.index_to_world(index)
    return Boxes(world.min(axis=0)[None], world.max(axis=0)[None], (NAME,), unit=grid.unit, name=NAME)


def add_visible_box(viewer: napari.viewer.Viewer, layer: Any) -> Any:
    """Add what the canvas shows of a layer as a box, in the place of an earlier one; return the new layer."""
    from napari.layers import Layer

    made = Layer.create(*layer_from_boxes(visible_box(viewer, layer)))
    for old in [one for one in viewer.layers if one.name == NAME]:
        viewer.layers.remove(old)
    viewer.add_layer(made)
    viewer.layers.selection.active = layer  # it stays what is worked on
    return made
