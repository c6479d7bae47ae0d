"""Where the patient's sides lie on the screen: letters, and the camera turned to the preferred convention."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_medai.core.geometry import FloatArray
from napari_medai.core.settings import Convention
from napari_medai.gui.placement import layer_matrix
from napari_medai.gui.record import LayerRecord

if TYPE_CHECKING:
    import napari

_AHEAD = ("S", "P", "L")
_BEHIND = ("I", "A", "R")
_LEAST_SHARE = 0.1
OBLIQUE_DEG = 0.5
_GUESSED = ("pixdim", "unknown")


def letters_of(direction: FloatArray) -> str:
    """Return where a direction leads: one to three letters, the nearest axis first.

    Parameters
    ----------
    direction : (3,) array
        In napari's world: superior, posterior, left.

    Examples
    --------
    >>> letters_of([0, 0, -1]), letters_of([0, -0.9, 0.4])
    ('R', 'AL')
    """
    vector = np.asarray(direction, dtype=float)
    length = float(np.linalg.norm(vector))
    if not np.isfinite(length) or length == 0:
        return ""
    vector = vector / length
    order = np.argsort(-np.abs(vector), kind="stable")
    return "".join((_AHEAD if vector[i] > 0 else _BEHIND)[i] for i in order if abs(vector[i]) > _LEAST_SHARE)


def opposite(letters: str) -> str:
    """Return the letters of the other side."""
    pairs = dict(zip(_AHEAD + _BEHIND, _BEHIND + _AHEAD, strict=True))
    return "".join(pairs[letter] for letter in letters)


def sides(viewer: napari.viewer.Viewer) -> dict[str, str]:
    """Return the letters of the four edges of the canvas, and a remark where the view lies oblique.

    Empty where no layer says where it lies in a patient.
    """
    empty = dict.fromkeys(("left", "right", "top", "bottom", "remark"), "")
    layer = placed_layer(viewer)
    if layer is None:
        return empty
    right, down = _screen_3d(viewer) if viewer.dims.ndisplay == 3 else _screen_2d(viewer, layer)
    if right is None or down is None:
        return empty
    across, below = letters_of(right), letters_of(down)
    angle = oblique_angle(layer)
    remark = f"oblique {angle:.0f}°" if angle >= OBLIQUE_DEG and viewer.dims.ndisplay == 2 else ""
    return {
        "right": across, "left": opposite(across), "bottom": below, "top": opposite(below), "remark": remark,
    }  # fmt: skip


def placed_layer(viewer: napari.viewer.Viewer) -> Any:
    """Return the layer the letters speak of: the active one, else the topmost that lies in a patient."""
    active = viewer.layers.selection.active
    candidates = [active, *[layer for layer in reversed(list(viewer.layers)) if layer.visible]]
    return next((layer for layer in candidates if _is_placed(layer)), None)


def oblique_angle(layer: Any) -> float:
    """Return by how many degrees the layer's axes lie off the patient's, at most."""
    matrix = _matrix(layer)
    cosines = np.abs(np.diag(matrix)) / np.linalg.norm(matrix, axis=0)
    return float(np.degrees(np.arccos(np.clip(cosines.min(), 0, 1))))


def turn_camera(viewer: napari.viewer.Viewer, convention: Convention) -> None:
    """Turn the 2-D view: the head up, and the patient's left at the side that the convention asks for.

    The camera is turned, never a voxel. Anterior is at the left of a sagittal view in both conventions.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Layers with axes (..., superior, posterior, left) are expected.
    convention : {"radiological", "neurological"}
        Left at the right of the screen, or at the left.
    """
    if viewer.dims.ndisplay != 2 or viewer.dims.ndim < 3:
        return
    vertical, horizontal = (axis - viewer.dims.ndim for axis in viewer.dims.displayed)
    camera = getattr(viewer, "scene", viewer).camera
    turned = {"radiological": "right", "neurological": "left"}[convention]
    wanted = ("up" if vertical == -3 else "down", turned if horizontal == -1 else "right")
    if tuple(str(side) for side in camera.orientation2d) != wanted:
        camera.orientation2d = wanted


def _is_placed(layer: Any) -> bool:
    from napari.layers import Image, Labels

    if not isinstance(layer, (Image, Labels)):
        return False
    record = LayerRecord.found_in(layer.metadata)
    if record is None or len(record.shape) != 3 or record.unit != "mm":
        return False
    # Sides that the file does not state are not written on the screen.
    return dict(record.meta.get("source", {})).get("transform") not in _GUESSED


def _matrix(layer: Any) -> FloatArray:
    """Return the last three axes of a layer's map to napari's world, (3, 3)."""
    state = {name: getattr(layer, name) for name in ("scale", "translate", "rotate", "shear", "affine")}
    state["affine"] = np.asarray(layer.affine)
    return layer_matrix(state, layer.ndim)[-4:-1, -4:-1]


def _screen_2d(viewer: napari.viewer.Viewer, layer: Any) -> tuple[FloatArray | None, FloatArray | None]:
    """Return where right and down on the screen lead, in the plane of the slice that is shown."""
    shown = [axis - viewer.dims.ndim + 3 for axis in viewer.dims.displayed]
    if min(shown) < 0:
        return None, None
    matrix = _matrix(layer)
    inside = matrix[np.ix_(shown, shown)]
    if abs(float(np.linalg.det(inside))) < 1e-12:
        return None, None
    vertical, horizontal = (str(side) for side in _camera(viewer).orientation2d)
    down = np.array([1.0 if vertical == "down" else -1.0, 0.0])
    right = np.array([0.0, 1.0 if horizontal == "right" else -1.0])
    plane = matrix[:, shown]
    return plane @ np.linalg.solve(inside, right), plane @ np.linalg.solve(inside, down)


def _screen_3d(viewer: napari.viewer.Viewer) -> tuple[FloatArray | None, FloatArray | None]:
    """Return where right and down on the screen lead in the 3-D view."""
    shown = [axis - viewer.dims.ndim + 3 for axis in viewer.dims.displayed]
    if len(shown) < 3 or min(shown) < 0:
        return None, None
    camera = _camera(viewer)
    view, up = np.asarray(camera.view_direction, float), np.asarray(camera.up_direction, float)
    handed = 1.0 if "right" in str(camera.handedness).lower() else -1.0
    right = handed * np.cross(view, up)
    world = np.zeros((2, 3))
    world[:, shown] = [right, -up]
    return world[0], world[1]


def _camera(viewer: napari.viewer.Viewer) -> Any:
    return getattr(viewer, "scene", viewer).camera
