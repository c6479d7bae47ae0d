"""Landmarks <-> napari Points layer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from napari_medai.core.history import history_from_json, history_to_json
from napari_medai.core.landmarks import Landmarks
from napari_medai.gui.placement import geometry_of, layer_matrix
from napari_medai.gui.record import KEY, VERSION

LayerData = tuple[Any, dict[str, Any], str]
_DIAMETER = 6.0
_DOUBT_TO_TRUST = [[0.9, 0.15, 0.1], [1.0, 0.8, 0.1], [0.2, 0.85, 0.3]]


def layer_from_landmarks(landmarks: Landmarks, number: int = 0) -> LayerData:
    """Turn landmarks into a Points layer: names (and confidence) as features, names beside the points.

    Parameters
    ----------
    landmarks : Landmarks
        World positions (x, y, z); the layer holds them as (z, y, x).
    number : int
        Which of several items of its file or sample they are, from 1; 0 where they are the only ones.
    """
    ndim = landmarks.positions.shape[1]
    features: dict[str, Any] = {"name": list(landmarks.names)}
    if landmarks.confidence is not None:
        features["confidence"] = landmarks.confidence.tolist()
    record: dict[str, Any] = {
        "version": VERSION,
        "number": number,
        "names": list(landmarks.names),
        "positions": landmarks.positions.tolist(),
        "history": history_to_json(landmarks.history),
    }
    if landmarks.covariance is not None:
        record["covariance"] = landmarks.covariance.tolist()
    if landmarks.absent is not None:
        features["absent"] = landmarks.absent.tolist()
    arguments = {
        "name": landmarks.name or "landmarks",
        "ndim": ndim,
        "features": features,
        "text": {"string": "{name}", "anchor": "upper_left", "color": "yellow", "size": 9},
        **_colours(landmarks),
        "border_color": "black",
        "size": _diameter(landmarks),
        "units": (landmarks.unit,) * ndim,
        "axis_labels": tuple("zyx"[-ndim:]),
        "metadata": {KEY: record},
    }
    return landmarks.positions[:, ::-1], arguments, "points"


def _colours(landmarks: Landmarks) -> dict[str, Any]:
    """Red for a point that nobody should trust, green for a sure one; yellow where nothing is known."""
    if landmarks.confidence is None or not len(landmarks):
        return {"face_color": "yellow"}
    from napari.utils.colormaps import Colormap

    return {
        "face_color": "confidence",
        "face_colormap": Colormap(_DOUBT_TO_TRUST, name="confidence"),
        "face_contrast_limits": (0.0, 1.0),
    }


def _diameter(landmarks: Landmarks) -> float:
    """A size that is seen beside the whole set, and hides little."""
    if len(landmarks) < 2:
        return _DIAMETER
    extent = float(np.ptp(landmarks.positions, axis=0).max())
    return float(np.clip(extent / 40, min(_DIAMETER, extent / 10) / 4, 4 * _DIAMETER)) or _DIAMETER


def landmarks_from_layer(data: Any, state: Mapping[str, Any]) -> Landmarks:
    """Turn a Points layer into landmarks.

    Parameters
    ----------
    data : (N, D) array
        Points in layer coordinates. Of more than three axes the last three are space.
    state : mapping
        The layer's name, features, transforms, units and metadata.

    Returns
    -------
    Landmarks
        Named by the feature ``name``, or by number. Covariance and history come along if no point moved.

    Raises
    ------
    MedAIError
        If a name stands twice or the units are not lengths.
    """
    points = np.asarray(data, dtype=float)
    ndim = points.shape[1]
    spatial = min(ndim, 3)
    units = list(state.get("units") or ["pixel"] * ndim)[ndim - spatial :]
    grid = geometry_of(layer_matrix(state, ndim), (1,) * spatial, units)
    positions = grid.index_to_world(points[:, ndim - spatial :])
    features = state.get("features")
    columns = {} if features is None else dict(features)
    record = _record(state, positions)
    return Landmarks(
        _names(columns, len(points)),
        positions,
        covariance=record.get("covariance"),
        confidence=_confidence(columns),
        unit=grid.unit,
        name=str(state.get("name") or ""),
        history=history_from_json(record.get("history", ())),
        absent=_absent(columns),
    )


def points_number(state: Mapping[str, Any]) -> int:
    """Return which of several items of its file or sample a Points layer shows."""
    return int((state.get("metadata") or {}).get(KEY, {}).get("number", 0))


def points_untouched(data: Any, state: Mapping[str, Any]) -> bool:
    """Tell whether nobody has moved, added, removed or renamed a point."""
    entry = (state.get("metadata") or {}).get(KEY)
    if entry is None:
        return False
    points = landmarks_from_layer(data, state)
    return bool(_record(state, points.positions)) and list(points.names) == entry["names"]


def _names(columns: Mapping[str, Any], count: int) -> tuple[str, ...]:
    given = [str(n) if n is not None else "" for n in columns.get("name", [""] * count)]
    return tuple(n if n and n != "nan" else f"point {i + 1}" for i, n in enumerate(given))


def _confidence(columns: Mapping[str, Any]) -> Any:
    values = columns.get("confidence")
    if values is None:
        return None
    numbers = np.asarray(values, dtype=float)
    return numbers if np.all(np.isfinite(numbers)) else None


def _absent(columns: Mapping[str, Any]) -> Any:
    values = columns.get("absent")
    return (
        None
        if values is None
        else np.array([v is True or v is np.True_ or v == 1 for v in values], dtype=bool)
    )


def _record(state: Mapping[str, Any], positions: Any) -> Mapping[str, Any]:
    """Return what the layer remembers of its landmarks, if the points are still those."""
    entry = (state.get("metadata") or {}).get(KEY, {})
    remembered = np.asarray(entry.get("positions", ()), dtype=float)
    if remembered.shape != positions.shape or not np.allclose(remembered, positions, atol=1e-6):
        return {}
    return dict(entry)
