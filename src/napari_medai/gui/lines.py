"""Lines drawn in a napari Shapes layer -> landmarks: the two ends of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from napari_medai.core.landmarks import Landmarks
from napari_medai.gui.placement import geometry_of, layer_matrix


def are_lines(data: Sequence[Any], state: Mapping[str, Any]) -> bool:
    """Tell whether a Shapes layer holds straight lines and nothing else.

    Parameters
    ----------
    data : sequence of (N, D) arrays
        The vertices of each shape.
    state : mapping
        The layer's state, with the types of its shapes.
    """
    given = state.get("shape_type")
    kinds = [given] * len(data) if isinstance(given, str) else [str(kind) for kind in given or ()]
    return bool(len(data)) and all(kind == "line" for kind in kinds)


def landmarks_from_lines(data: Sequence[Any], state: Mapping[str, Any]) -> Landmarks:
    """Turn drawn lines into their ends.

    Parameters
    ----------
    data : sequence of (2, D) arrays
        The ends of each line in layer coordinates. Of more than three axes the last three are space.
    state : mapping
        The layer's name, transforms and units.

    Returns
    -------
    Landmarks
        ``line 1 start``, ``line 1 end``, ``line 2 start`` ...

    Raises
    ------
    MedAIError
        If the units are not lengths.
    """
    ends = np.concatenate([np.asarray(line, dtype=float)[:2] for line in data])
    ndim = ends.shape[1]
    spatial = min(ndim, 3)
    units = list(state.get("units") or ["pixel"] * ndim)[ndim - spatial :]
    grid = geometry_of(layer_matrix(state, ndim), (1,) * spatial, units)
    names = tuple(f"line {k + 1} {end}" for k in range(len(data)) for end in ("start", "end"))
    positions = grid.index_to_world(ends[:, ndim - spatial :])
    return Landmarks(names, positions, unit=grid.unit, name=str(state.get("name") or ""))
