"""What the manifest offers besides panels: readers, writers and sample data."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from napari_medai.core.errors import WriteError
from napari_medai.core.image import MedicalImage
from napari_medai.core.landmarks import Landmarks
from napari_medai.core.settings import settings
from napari_medai.gui.activity import wait_for
from napari_medai.gui.layers import LayerData, image_from_layer, layers_from_image
from napari_medai.gui.notify import quiet_oblique_warning, say_notices
from napari_medai.gui.points import landmarks_from_layer, layer_from_landmarks
from napari_medai.gui.preferences import follow_convention
from napari_medai.io.files import stem
from napari_medai.io.sniff import can_read, format_by_name

Paths = str | Sequence[str]
_HEAD_BYTES = 1000

ReadLayers = Callable[[Paths], list[LayerData]]


def get_reader(path: Paths) -> ReadLayers | None:
    """Return the reader for a path, or nothing where it is not ours.

    Parameters
    ----------
    path : str or list of str
        A file, a folder, or the files of one stack. A file whose name claims one of our formats is
        taken even if its bytes do not bear that out: reading it then says what is wrong.
    """
    file = Path(path) if isinstance(path, str) else None
    if file is not None and is_landmarks(file):
        return read_landmarks
    named = file is not None and file.is_file() and format_by_name(file) is not None
    return read_layers if named or can_read(path) else None


def read_layers(path: Paths) -> list[LayerData]:
    """Read everything at a path as layers, with a bar in the activity dock.

    Parameters
    ----------
    path : str or list of str
        As given to :func:`get_reader`.

    Raises
    ------
    ReadError
        If there is nothing to read, or it cannot be read without guessing.
    """
    from napari_medai.io.read import read

    return as_layers(wait_for(lambda progress: read(path, progress=progress), "Reading"))


def read_landmarks(path: Paths) -> list[LayerData]:
    """Read a file of landmarks as a Points layer.

    Raises
    ------
    ReadError
        If an entry is not a point.
    """
    from napari_medai.io.points import read_points

    return as_layers([read_points(str(path))])


def write_image(path: str, data: Any, attributes: dict[str, Any]) -> list[str]:
    """Write one image layer; the suffix says the format.

    Raises
    ------
    MedAIError
        If the layer's place cannot be understood, or the format cannot hold it.
    """
    return [_write(path, (data, attributes, "image"))]


def write_labels(path: str, data: Any, attributes: dict[str, Any]) -> list[str]:
    """Write one labels layer; the suffix says the format.

    Raises
    ------
    MedAIError
        If the layer's place cannot be understood, or the format cannot hold it.
    """
    return [_write(path, (data, attributes, "labels"))]


def write_landmarks(path: str, data: Any, attributes: dict[str, Any]) -> list[str]:
    """Write one Points layer as landmarks in patient coordinates; the suffix says the format.

    Raises
    ------
    MedAIError
        If two points have one name, the format cannot hold them, or the disk refuses.
    """
    from napari_medai.io.points import write_points

    return [str(write_points(landmarks_from_layer(data, attributes), path))]


def write_layers(path: str, layers: list[LayerData]) -> list[str]:
    """Write several layers, each to its own file with its name added: ``case_liver.nii.gz``.

    Raises
    ------
    MedAIError
        If a layer cannot be written as asked, or two would have one file name. Nothing is written then.
    """
    target = Path(path)
    base = stem(target)
    suffix = target.name[len(base) :]
    names = [f"{base}_{_file_name(state.get('name', ''))}{suffix}" for _, state, _ in layers]
    if len(set(names)) < len(names):
        raise WriteError("Found two layers of one name.", hint="Rename one of them, then save again.")
    images = [image_from_layer(*layer) for layer in layers]
    return [_write_image(image, target.with_name(name)) for image, name in zip(images, names, strict=True)]


def ct_torso() -> list[LayerData]:
    """A chest and belly in axial slices, with organ labels."""
    return load_sample("ct-torso")


def ct_torso_oblique() -> list[LayerData]:
    """The same person, scanned with turned axes."""
    return load_sample("ct-torso-oblique")


def mr_head() -> list[LayerData]:
    """A head with tissue labels and landmarks."""
    return load_sample("mr-head")


def cephalogram() -> list[LayerData]:
    """A lateral radiograph of a head with its landmarks."""
    return load_sample("cephalogram")


def load_sample(key: str) -> list[LayerData]:
    """Make a sample's layers.

    Parameters
    ----------
    key : str
        One of the samples' names.
    """
    from napari_medai.phantoms.samples import load_sample as load

    return as_layers(wait_for(lambda _: load(key), "Making the sample"))


def as_layers(items: Iterable[MedicalImage | Landmarks]) -> list[LayerData]:
    """Turn what was read into layers, turn the viewer to the preferred side, say what must be known."""
    quiet_oblique_warning()
    follow_convention()
    _prepare_viewer()
    items = list(items)
    say_notices([item for item in items if isinstance(item, MedicalImage)])
    several = len(items) > 1
    return [layer for i, item in enumerate(items, 1) for layer in _layers_of(item, i * several)]


def _prepare_viewer() -> None:
    """Let the current viewer, where there is one, show orientation letters and window and level."""
    from napari import current_viewer
    from qtpy.QtCore import QThread
    from qtpy.QtWidgets import QApplication

    from napari_medai.gui.reading.room import reading_room

    app = QApplication.instance()
    if app is not None and QThread.currentThread() is app.thread():
        room = reading_room(current_viewer())
        if room is not None:
            room.set_convention(settings().convention)


def _layers_of(item: MedicalImage | Landmarks, number: int) -> list[LayerData]:
    if isinstance(item, Landmarks):
        return [layer_from_landmarks(item, number)]
    return layers_from_image(item, number)


def _write(path: str, layer: LayerData) -> str:
    return _write_image(image_from_layer(*layer), Path(path))


def _write_image(image: MedicalImage, path: Path) -> str:
    from napari_medai.io.write import write

    return str(write(image, path))


def is_landmarks(path: Path) -> bool:
    """Tell whether a file holds landmarks: one of 3D Slicer's, or a table that states its frame."""
    name = path.name.lower()
    if not path.is_file() or not name.endswith((".csv", ".fcsv", ".mrk.json")):
        return False
    if not name.endswith(".csv"):
        return True
    with path.open("rb") as stream:
        head = stream.readline(_HEAD_BYTES).decode("utf-8", "replace").lower()
    return head.startswith(("# frame:", "\ufeff# frame:"))


def _file_name(name: str) -> str:
    """Make a layer's name fit for a file."""
    kept = "".join(c if c.isalnum() or c in "-." else "_" for c in name.replace(" · ", "-"))
    return kept.strip("_.") or "layer"
