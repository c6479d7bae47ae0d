"""Boxes <-> napari Shapes layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from napari_medai.core.boxes import Boxes
from napari_medai.core.geometry import FloatArray
from napari_medai.gui.placement import geometry_of, layer_matrix

LayerData = tuple[Any, dict[str, Any], str]


def boxes_from_layer(data: Sequence[Any], state: Mapping[str, Any]) -> Boxes:
    """Turn drawn shapes into boxes around them.

    Parameters
    ----------
    data : sequence of (N, D) arrays
        The vertices of each shape in layer coordinates. Of more than three axes the last three are space.
    state : mapping
        The layer's name, features, transforms and units.

    Returns
    -------
    Boxes
        In a plane, one a shape. In space a rectangle lies in one slice, so that shapes of one ``label``
        (a feature; all shapes where there is none) make one box together: draw one on the first slice
        of the object and one on the last.

    Raises
    ------
    MedAIError
        If the units are not lengths.
    """
    ndim = int(np.shape(data[0])[1]) if len(data) else len(state.get("scale") or (1, 1))
    spatial = min(ndim, 3)
    units = list(state.get("units") or ["pixel"] * ndim)[ndim - spatial :]
    grid = geometry_of(layer_matrix(state, ndim), (1,) * spatial, units)
    points = [grid.index_to_world(np.asarray(shape, dtype=float)[:, ndim - spatial :]) for shape in data]
    labels = _labels(state, len(points))
    groups = [[i] for i in range(len(points))]
    if spatial == 3:
        groups = [[i for i, other in enumerate(labels) if other == label] for label in dict.fromkeys(labels)]
    corners = [np.concatenate([points[i] for i in group]) for group in groups]
    return Boxes(
        np.array([c.min(axis=0) for c in corners]).reshape(-1, spatial),
        np.array([c.max(axis=0) for c in corners]).reshape(-1, spatial),
        tuple(labels[group[0]] for group in groups),
        unit=grid.unit,
        name=str(state.get("name") or ""),
    )


def layer_from_boxes(boxes: Boxes) -> LayerData:
    """Turn boxes into rectangles; in space two each, on the first and the last plane.

    Parameters
    ----------
    boxes : Boxes
        World corners (x, y, z).
    """
    ndim = boxes.lower.shape[1]
    rectangles: list[FloatArray] = []
    rows: list[int] = []
    for row, (low, high) in enumerate(zip(boxes.lower, boxes.upper, strict=True)):
        planes = [(low[2],), (high[2],)] if ndim == 3 else [()]
        rectangles += [_rectangle(low, high, plane) for plane in planes]
        rows += [row] * len(planes)
    features: dict[str, Any] = {"label": [boxes.labels[r] for r in rows]}
    if boxes.scores is not None:
        features["score"] = [float(boxes.scores[r]) for r in rows]
    arguments = {
        "name": boxes.name or "boxes",
        "ndim": ndim,
        "shape_type": "rectangle",
        "features": features,
        "face_color": "transparent",
        "edge_color": "yellow",
        "edge_width": 1,
        "units": (boxes.unit,) * ndim,
        "axis_labels": tuple("zyx"[-ndim:]),
    }
    return rectangles, arguments, "shapes"


def _rectangle(low: FloatArray, high: FloatArray, plane: tuple[float, ...]) -> FloatArray:
    """Return the corners (z, y, x) or (y, x) of a rectangle, going round."""
    around = [(0, 0), (0, 1), (1, 1), (1, 0)]
    ends = (low, high)
    return np.array([[*plane, ends[i][1], ends[j][0]] for i, j in around])


def _labels(state: Mapping[str, Any], count: int) -> list[str]:
    features = state.get("features")
    given = None if features is None else dict(features).get("label")
    return ["box"] * count if given is None else [str(label) for label in given]
