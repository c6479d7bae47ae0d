"""MedicalImage <-> napari layer, the one place where the world's axes are turned round."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from napari_medai.core.errors import ArgumentError
from napari_medai.core.geometry import FloatArray, Geometry
from napari_medai.core.image import MedicalImage
from napari_medai.gui.appearance import image_appearance, labels_appearance
from napari_medai.gui.placement import Placement, geometry_of, layer_matrix, place, seconds_in
from napari_medai.gui.record import KEY, LayerRecord, smallest_labels
from napari_medai.io.affines import embed_2d

LayerData = tuple[Any, dict[str, Any], str]
"""What napari calls a layer data tuple: data, keyword arguments, layer type."""


def layers_from_image(image: MedicalImage, number: int = 0) -> list[LayerData]:
    """Turn an image into napari layers.

    Parameters
    ----------
    image : MedicalImage
        Any axes. A channel axis becomes one layer a channel.
    number : int
        Which of several images of its file or sample it is, from 1; 0 where it is the only one.

    Returns
    -------
    list of tuple
        Layer data tuples whose voxels are views, reordered to the nearest axes; labels are writable
        copies. Every layer has units and axis labels.
    """
    return [_layer(part, number) for part in split_channels(image)]


def split_channels(image: MedicalImage) -> list[MedicalImage]:
    """Return one image a channel, or the image alone where it has no channel axis.

    A channel begins a new history: the steps so far tell how all of them were made together.
    """
    if "c" not in image.axes:
        return [image]
    axis = image.axes.index("c")
    count = image.array.shape[axis]
    names = list(image.meta.get("channels", ()))
    if len(names) != count:
        names = [f"channel {i + 1}" for i in range(count)]
    axes = image.axes.replace("c", "")
    parts = [image.array[(slice(None),) * axis + (i,)] for i in range(count)]
    return [
        image.replace(array=part, axes=axes, name=f"{image.name} · {name}", history=())
        for part, name in zip(parts, names, strict=True)
    ]


def _layer(image: MedicalImage, number: int) -> LayerData:
    if image.kind == "labels":
        image = image.with_array(np.asarray(image.array))
    flat = "t" in image.axes and "z" not in image.axes
    deep = _deepened(image) if flat else image
    reorientation = deep.geometry.nearest_axes()
    shown = deep.reoriented(reorientation)
    step = float(image.meta.get("time_step_s") or 1.0)
    placement = place(shown.geometry, shown.axes[: shown.leading], step)
    record = LayerRecord.of(deep, reorientation, image.array.dtype.str, number, flat)
    arguments = {
        "name": image.name or ("labels" if image.kind == "labels" else "image"),
        "metadata": {KEY: record.to_json()},
        **placement.as_arguments(),
    }
    if image.kind == "labels":
        data = smallest_labels(shown.array)
        return data, {**arguments, **labels_appearance(image)}, "labels"
    return shown.array, {**arguments, **image_appearance(shown)}, "image"


def image_from_layer(data: Any, state: Mapping[str, Any], layer_type: str) -> MedicalImage:
    """Turn a layer data tuple back into an image.

    Parameters
    ----------
    data : array or multiscale list of arrays
        Of a multiscale layer the finest level is taken.
    state : mapping
        The layer's name, transforms, units, axis labels and metadata.
    layer_type : str
        ``"image"`` or ``"labels"``.

    Returns
    -------
    MedicalImage
        In the axes it had before it became a layer; with its history if nobody changed the voxels.

    Raises
    ------
    MedAIError
        If the layer's transform or units cannot be understood as a place in the world.
    """
    array = data[0] if state.get("multiscale") else data
    if not hasattr(array, "dask"):
        array = np.asarray(array)
    record = LayerRecord.found_in(state.get("metadata"))
    if record is None or not record.fits(tuple(array.shape)):
        return _foreign_image(array, state, layer_type)
    return _own_image(array, state, layer_type, record)


def image_of(layer: Any) -> MedicalImage:
    """Turn a napari Image or Labels layer into an image; labels are copied, so painting may go on."""
    return image_from_layer(*snapshot(layer))


def snapshot(layer: Any) -> LayerData:
    """Take what :func:`image_from_layer` needs from a layer, safe to hand to another thread."""
    data, state, layer_type = layer.as_layer_data_tuple()
    if layer_type == "labels" and isinstance(data, np.ndarray):
        data = data.copy()
    return data, state, layer_type


def is_as_made(layer: Any) -> bool:
    """Tell whether a layer still shows what it was made to show: nobody moved, painted or converted it."""
    data, state, layer_type = layer.as_layer_data_tuple()
    record = LayerRecord.found_in(state.get("metadata"))
    if record is None or layer_type not in ("image", "labels") or not record.fits(tuple(np.shape(data))):
        return False
    array = data if hasattr(data, "dask") else np.asarray(data)
    stored = _as_stored(array, record, layer_type)
    return not _is_moved(state, record) and record.describes(stored, _kind(layer_type))


def _own_image(array: Any, state: Mapping[str, Any], layer_type: str, record: LayerRecord) -> MedicalImage:
    lead, ndim = record.lead, len(record.shape)
    geometry, meta = record.geometry, dict(record.meta)
    moved = _is_moved(state, record)
    if moved:
        matrix = layer_matrix(state, lead + ndim)
        units = list(state.get("units") or _place_of(record).units)
        shown = geometry_of(matrix, record.layer_shape, units[lead:])
        geometry = record.reorientation.undo_geometry(shown)
        meta.update(_time_step(matrix, units, record.axes[:lead]))
    stored, kind = _as_stored(array, record, layer_type), _kind(layer_type)
    history = record.steps if not moved and record.describes(stored, kind) else ()
    name = str(state.get("name") or "")
    image = MedicalImage(stored, record.axes, geometry, kind, name, meta, history)
    return _flattened(image) if record.flat else image


def _place_of(record: LayerRecord) -> Placement:
    """Return where the layer was put at first."""
    shown = record.reorientation.apply_geometry(record.geometry)
    return place(shown, record.axes[: record.lead], float(record.meta.get("time_step_s") or 1.0))


def _is_moved(state: Mapping[str, Any], record: LayerRecord) -> bool:
    placed = _place_of(record)
    matrix = layer_matrix(state, record.lead + len(record.shape))
    return not placed.holds(matrix, list(state.get("units") or placed.units))


def _as_stored(array: Any, record: LayerRecord, layer_type: str) -> Any:
    """Return a layer's voxels in the type and the axis order they had in the image."""
    typed = _restored(array, record.dtype) if layer_type == "labels" else array
    return record.reorientation.undo(typed, record.lead)


def _foreign_image(array: Any, state: Mapping[str, Any], layer_type: str) -> MedicalImage:
    samples = bool(state.get("rgb"))
    ndim = array.ndim - samples
    units = list(state.get("units") or ["pixel"] * ndim)
    axes = _guess_axes(ndim, list(state.get("axis_labels") or ()), units)
    lead = len(axes.rstrip("zyx"))
    matrix = layer_matrix(state, ndim)
    geometry = geometry_of(matrix, array.shape[lead:ndim], units[lead:])
    return MedicalImage(
        array,
        axes + "s" * samples,
        geometry,
        _kind(layer_type),
        str(state.get("name") or ""),
        _time_step(matrix, units, axes[:lead]),
    )


def _guess_axes(ndim: int, labels: list[str], units: list[Any]) -> str:
    """Take the axis letters from a layer's labels, then from its units, then from their number."""
    letters = "".join(label.lower() for label in labels)
    if len(letters) == ndim and letters == "".join(a for a in "tczyx" if a in letters) and "yx" in letters:
        return letters
    if ndim == 3 and seconds_in(units[0]) is not None:
        return "tyx"
    if not 2 <= ndim <= 5:
        raise ArgumentError(
            f"Found a layer with {ndim} axes; needed two to five.",
            hint="Take a part of it, or label its axes with letters of t c z y x.",
        )
    return {2: "yx", 3: "zyx", 4: "tzyx", 5: "tczyx"}[ndim]


def _kind(layer_type: str) -> Any:
    if layer_type not in ("image", "labels"):
        raise ArgumentError(f"Found a {layer_type} layer; needed an image or a labels layer.")
    return "labels" if layer_type == "labels" else "intensity"


def _time_step(matrix: FloatArray, units: list[Any], leading: str) -> dict[str, float]:
    if not leading.startswith("t"):
        return {}
    seconds = seconds_in(units[0])
    return {} if seconds is None else {"time_step_s": float(np.abs(matrix[0, 0]) * seconds)}


def _restored(labels: Any, dtype: str) -> Any:
    """Return labels in the type they came in, if it holds them."""
    wanted = np.dtype(dtype)
    if labels.dtype == wanted or wanted.kind not in "iu" or not labels.size:
        return labels
    bounds = np.iinfo(wanted)
    fits = bounds.min <= int(labels.min()) and int(labels.max()) <= bounds.max
    return labels.astype(wanted) if fits else labels


def _deepened(image: MedicalImage) -> MedicalImage:
    """Give a (t, y, x) image a z axis of one slice."""
    flat = image.geometry
    geometry = Geometry((1, *flat.shape), embed_2d(flat.affine), flat.unit)
    return image.replace(array=image.array[:, None], axes=image.axes.replace("y", "zy"), geometry=geometry)


def _flattened(image: MedicalImage) -> MedicalImage:
    """Take the z axis away again."""
    deep = image.geometry
    affine = np.delete(np.delete(deep.affine, 2, 0), 0, 1)
    geometry = Geometry(deep.shape[1:], affine, deep.unit)
    return image.replace(array=image.array[:, 0], axes=image.axes.replace("z", ""), geometry=geometry)
