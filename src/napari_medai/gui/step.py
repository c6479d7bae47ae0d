"""One step on layers: taken apart for the worker thread, put together for the viewer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from napari_medai.core.image import MedicalImage
from napari_medai.core.operation import Operation
from napari_medai.core.progress import Progress, Step, part
from napari_medai.core.transform import SpatialTransform
from napari_medai.gui.boxes import boxes_from_layer
from napari_medai.gui.layers import image_from_layer, snapshot
from napari_medai.gui.lines import are_lines, landmarks_from_lines
from napari_medai.gui.points import landmarks_from_layer
from napari_medai.gui.results import Presentation, present
from napari_medai.gui.torch_import import import_torch, takes_torch
from napari_medai.gui.volumes import volume_table

_SHARE = 0.98
"""How much of the bar the operation itself has."""


def take_snapshots(layers: Mapping[str, Any]) -> dict[str, Any]:
    """Copy what the worker needs of each input's layer, or layers; on the main thread.

    Parameters
    ----------
    layers : mapping
        From an input's name to a layer, a list of layers, a transform or the path of one, or nothing.
    """
    return {
        name: [_taken(one) for one in value] if isinstance(value, list) else _taken(value)
        for name, value in layers.items()
    }


def only_layers(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Return the inputs that are layers, or lists of layers, or nothing; no transforms."""
    return {k: v for k, v in inputs.items() if not isinstance(v, (SpatialTransform, Path))}


def given_layers(inputs: Mapping[str, Any]) -> list[Any]:
    """Return the layers among the inputs, one by one, in their order."""
    given = [v if isinstance(v, list) else [v] for v in only_layers(inputs).values()]
    return [layer for several in given for layer in several if layer is not None]


def _taken(value: Any) -> Any:
    """Copy a layer; a transform, or the path of one, is what it is."""
    return value if value is None or isinstance(value, (SpatialTransform, Path)) else snapshot(value)


def take_step(
    operation: Operation,
    snapshots: Mapping[str, Any],
    options: Mapping[str, Any],
    name: str,
    progress: Progress,
) -> Presentation:
    """Run an operation on snapshots of layers; in the worker thread.

    Parameters
    ----------
    operation : Operation
        What to do.
    snapshots : mapping
        As :func:`take_snapshots` makes them.
    options : mapping
        The values of the form.
    name : str
        What the new layers are called.
    progress : Progress
        Hears the operation, and when it is done.
    """
    inputs = {key: as_input(value) for key, value in snapshots.items()}
    if takes_torch([operation]):
        progress(Step(0, 1, "Loading PyTorch"))
        import_torch()
    heard = {"progress": part(progress, 0.0, _SHARE)} if operation.reports_progress else {}
    result = operation.function(**inputs, **options, **heard)
    progress(Step(_SHARE, 1.0, "Showing the result"))
    given = [item for value in inputs.values() for item in (value if isinstance(value, list) else [value])]
    shown = present(result, name, [item for item in given if isinstance(item, MedicalImage)])
    if operation.name == "predict_labels" and isinstance(result, MedicalImage):
        shown = replace(shown, tables=((f"{name} · volumes", volume_table(result)),))
    return shown


def as_input(snapshot: Any) -> Any:
    """Turn a snapshot, or a list of them, into what operations take.

    Raises
    ------
    MedAIError
        If a layer's place in the world cannot be understood.
    """
    if snapshot is None or isinstance(snapshot, SpatialTransform):
        return snapshot
    if isinstance(snapshot, Path):
        return SpatialTransform.load(snapshot)
    if isinstance(snapshot, list):
        return [as_input(item) for item in snapshot]
    data, state, layer_type = snapshot
    if layer_type == "points":
        return landmarks_from_layer(data, state)
    if layer_type == "shapes":
        return landmarks_from_lines(data, state) if are_lines(data, state) else boxes_from_layer(data, state)
    return image_from_layer(*snapshot)
