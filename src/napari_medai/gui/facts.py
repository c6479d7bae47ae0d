"""What a form needs to know about a layer, read without turning it into an image."""

from __future__ import annotations

from typing import Any

import numpy as np

from napari_medai.gui.record import LayerRecord

_IN_PIXELS = {"mm": "px", "mm³": "px³", "ml": "px³"}
_DIGITS = 4
_KINDS = ("Image", "Labels", "Points", "Shapes", "Surface", "Vectors", "Tracks")


def kind_of(layer: Any) -> str:
    """Return what napari calls the kind of a layer: ``"image"``, ``"labels"``, ``"points"``, ``"shapes"`` ...

    Plugins are handed layers in a wrapper, and may derive their own classes.
    """
    names = [base.__name__ for base in layer.__class__.__mro__]
    return next((name.lower() for name in names if name in _KINDS), "")


def unit_on(layer: Any, unit: str) -> str:
    """Return the unit that an option's numbers have on a layer: millimetres are pixels where none are known.

    Parameters
    ----------
    layer : napari layer
        The chosen input.
    unit : str
        The unit of the option.
    """
    return _IN_PIXELS.get(unit, unit) if str(layer.units[-1]) == "pixel" else unit


def modality_of(layer: Any) -> str:
    """Return the modality of the image that a layer shows, or nothing where that is not known."""
    record = LayerRecord.found_in(layer.metadata)
    return "" if record is None else str(record.meta.get("modality", ""))


def finest_spacing(layer: Any) -> tuple[float]:
    """Return the smallest voxel size of an image layer, along any spatial axis, as the goal of a resampling.

    Parameters
    ----------
    layer : napari layer
        An image or labels.

    Returns
    -------
    tuple of one float
        In millimetres, or pixels where none are known.
    """
    from napari_medai.gui.placement import geometry_of, layer_matrix

    _, state, _ = layer.as_layer_data_tuple()
    spatial = min(layer.ndim, 3)
    grid = geometry_of(layer_matrix(state, layer.ndim), (1,) * spatial, list(layer.units)[-spatial:])
    return (float(np.format_float_positional(grid.spacing.min(), _DIGITS, fractional=False)),)
