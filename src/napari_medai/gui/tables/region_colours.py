"""Labels coloured by a measure, and back to their ordinary colours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from napari_medai.core.errors import ArgumentError

COLOURS = "viridis"
"""From dark blue (lowest) to yellow (highest); it keeps its order for the colour-blind."""
_NO_VALUE = (0.6, 0.6, 0.6, 0.4)
_NOTHING = (0.0, 0.0, 0.0, 0.0)

_ORDINARY: WeakKeyDictionary[Any, Any] = WeakKeyDictionary()
"""The colours a layer had before it was coloured by a measure."""


def colour_labels(layer: Any, values: Mapping[int, float]) -> tuple[float, float]:
    """Colour every label by its value.

    Parameters
    ----------
    layer : napari.layers.Labels
        Gets a direct colour map; its ordinary one is remembered.
    values : mapping
        From label to value. Labels without a finite value are grey.

    Returns
    -------
    low, high : float
        The values that are darkest and brightest.

    Raises
    ------
    ArgumentError
        If no value is finite.
    """
    from napari.utils.colormaps import DirectLabelColormap, ensure_colormap

    known = {label: float(v) for label, v in values.items() if np.isfinite(v)}
    if not known:
        raise ArgumentError("No label has a value to be coloured by.", hint="Choose another column.")
    low, high = min(known.values()), max(known.values())
    shares = [(v - low) / (high - low) if high > low else 0.5 for v in known.values()]
    colours: dict[int | None, Any] = {None: _NO_VALUE, 0: _NOTHING}
    colours.update(zip(known, ensure_colormap(COLOURS).map(shares), strict=True))
    if not is_coloured(layer):
        _ORDINARY[layer] = layer.colormap
    layer.colormap = DirectLabelColormap(color_dict=colours)
    return low, high


def uncolour_labels(layer: Any) -> None:
    """Give a layer the colours back that it had before :func:`colour_labels`."""
    if is_coloured(layer):
        layer.colormap = _ORDINARY.pop(layer)


def is_coloured(layer: Any) -> bool:
    """Tell whether a layer is coloured by a measure."""
    return layer in _ORDINARY
