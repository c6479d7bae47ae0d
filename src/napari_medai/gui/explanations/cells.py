"""The cells of a map as lines on its image, so that no one reads detail that is not there."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_medai.core.errors import ArgumentError
from napari_medai.core.geometry import Geometry
from napari_medai.gui.record import LayerRecord

MOST_LINES = 20_000
WIDTH_OF_EXTENT = 0.004
"""How wide a line is, as a share of the image's longest side."""
Floats = NDArray[np.float64]


def facts_of_map(layer: Any) -> dict[str, Any] | None:
    """Return what a layer says of how its map was made, or nothing where it is no map."""
    record = LayerRecord.found_in(layer.metadata)
    facts = None if record is None else record.meta.get("explain")
    return dict(facts) if facts else None


def cells_layer(layer: Any) -> Any:
    """Make a Shapes layer of the borders between the cells of a map, within every slice.

    Parameters
    ----------
    layer : napari.layers.Image
        A map made by ``explain_prediction``.

    Returns
    -------
    napari.layers.Shapes
        In the map's own place.

    Raises
    ------
    ArgumentError
        If the layer is no map, its cells are voxels, or it would take too many lines.
    """
    from napari.layers import Shapes

    lines = cell_lines(layer)
    return Shapes(
        lines,
        shape_type="line",
        name=f"{layer.name} · cells",
        edge_color="#ffffff60",
        edge_width=WIDTH_OF_EXTENT * max(layer.data.shape),
        scale=layer.scale,
        translate=layer.translate,
        rotate=layer.rotate,
        shear=layer.shear,
        affine=layer.affine,
        units=layer.units,
        axis_labels=layer.axis_labels,
    )


def cell_lines(layer: Any) -> list[Floats]:
    """Return the borders between cells as lines of two points (2, D), in the voxels of the layer."""
    facts = facts_of_map(layer)
    if facts is None or "cells" not in facts:
        raise ArgumentError("This layer is no map.", hint="Choose a map made in this panel.")
    shape = tuple(layer.data.shape)
    borders = [_borders(facts["cells"], layer, axis) for axis in range(len(shape))]
    if all(len(b) >= n for b, n in zip(borders, shape, strict=True)):
        raise ArgumentError("The cells of this map are the voxels themselves: there is no grid to draw.")
    slices = range(shape[0]) if len(shape) > 2 else (None,)
    if len(slices) * (len(borders[-1]) + len(borders[-2])) > MOST_LINES:
        raise ArgumentError("The grid of this map would take too many lines.", hint="Crop the map first.")
    return [line for k in slices for line in _in_slice(borders[-2:], shape[-2:], k)]


def _borders(entry: dict[str, Any], layer: Any, axis: int) -> list[float]:
    """Return where cells end along an axis, in the layer's voxels, within the layer."""
    cells = Geometry(tuple(entry["shape"]), np.array(entry["affine"]), entry["unit"])
    ends = np.zeros((cells.shape[axis] + 1, cells.ndim))
    ends[:, axis] = np.arange(cells.shape[axis] + 1) - 0.5
    world = cells.index_to_world(ends)[:, ::-1]
    lead = layer.ndim - cells.ndim
    places = [layer.world_to_data([*([0] * lead), *point])[lead + axis] for point in world]
    size = layer.data.shape[lead + axis]
    return sorted({float(np.clip(p, -0.5, size - 0.5)) for p in places})


def _in_slice(borders: list[list[float]], shape: tuple[int, ...], k: int | None) -> list[Floats]:
    rows, columns = borders
    height, width = shape
    lines = [np.array([[y, -0.5], [y, width - 0.5]]) for y in rows]
    lines += [np.array([[-0.5, x], [height - 0.5, x]]) for x in columns]
    if k is None:
        return lines
    return [np.column_stack([np.full(2, float(k)), line]) for line in lines]
