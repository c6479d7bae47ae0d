"""Lines and error ellipses of landmarks as Shapes layers."""

from __future__ import annotations

from typing import Any

from napari_medai.core.landmarks import Landmarks
from napari_medai.landmarks.drawing import Drawing, ellipses

LayerData = tuple[Any, dict[str, Any], str]
COLOURS = ("#4fc3f7", "#ffb74d", "#aed581", "#f06292", "#ba68c8", "#fff176", "#4db6ac", "#e57373")
ELLIPSE_COLOUR = "#ffd54f"
WIDTH_SHARE = 0.003
LEVEL = 0.9


def layer_from_drawing(drawing: Drawing, name: str, *, colours: tuple[str, ...] = COLOURS) -> LayerData:
    """Turn named lines into a Shapes layer, their texts beside them.

    Parameters
    ----------
    drawing : Drawing
        World positions (x, y, z); the layer holds them as (z, y, x).
    name : str
        What the layer is called.
    colours : tuple of str
        Used in turn.
    """
    paths = [path[:, ::-1] for path in drawing.paths]
    ndim = paths[0].shape[1] if paths else 2
    size = max((float((p.max(axis=0) - p.min(axis=0)).max()) for p in paths), default=1.0)
    arguments: dict[str, Any] = {
        "name": name,
        "ndim": ndim,
        "shape_type": "path",
        "edge_width": max(WIDTH_SHARE * size, 1e-3),
        "edge_color": [colours[k % len(colours)] for k in range(len(paths))] or colours[0],
        "face_color": "transparent",
        "features": {"name": list(drawing.names), "text": list(drawing.texts)},
        "units": (drawing.unit,) * ndim,
        "axis_labels": tuple("zyx"[-ndim:]),
    }
    if any(drawing.texts):
        arguments["text"] = {"string": "{text}", "color": "white", "size": 9, "anchor": "center"}
    return paths, arguments, "shapes"


def layer_from_uncertainty(landmarks: Landmarks, name: str) -> LayerData | None:
    """Draw the 90 % ellipse of each point that is there, or nothing where errors are not known.

    Parameters
    ----------
    landmarks : Landmarks
        In 3-D each point has three ellipses.
    name : str
        Of the layer.
    """
    drawing = ellipses(landmarks.present, LEVEL)
    if not drawing.paths:
        return None
    data, arguments, kind = layer_from_drawing(drawing, name, colours=(ELLIPSE_COLOUR,))
    widest = max(float((p.max(axis=0) - p.min(axis=0)).max()) for p in data)
    arguments["edge_width"] = max(0.04 * widest, 1e-3)
    arguments["opacity"] = 0.8
    return data, arguments, kind
