"""What a viewer of scans shows beside the scans: orientation letters, window and level, the turned camera."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

from qtpy.compat import isalive
from qtpy.QtCore import QObject, Signal

from napari_medai.core.settings import Convention, settings
from napari_medai.gui.reading.canvas_texts import CanvasTexts, canvas_of
from napari_medai.gui.reading.orientation import sides, turn_camera
from napari_medai.gui.reading.window_level import active_image, caption, drag

if TYPE_CHECKING:
    import napari

_rooms: weakref.WeakKeyDictionary[Any, ReadingRoom] = weakref.WeakKeyDictionary()


class ReadingRoom(QObject):
    """Keeps letters, caption and camera of one viewer true to what is shown.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Its canvas gets the texts.
    canvas : QWidget
        That canvas.
    """

    changed = Signal()

    def __init__(self, viewer: napari.viewer.Viewer, canvas: Any) -> None:
        super().__init__(canvas)
        self._viewer = weakref.ref(viewer)
        self.texts = CanvasTexts(canvas)
        self.convention: Convention = settings().convention
        self._letters = True
        self._watched: weakref.WeakSet[Any] = weakref.WeakSet()
        self._connect(viewer)
        self.refresh()

    def set_convention(self, convention: Convention) -> None:
        """Show the patient's left at the right of the screen (radiological), or at the left."""
        self.convention = convention
        self.turn()

    def show_texts(self, shown: bool) -> None:
        """Show or hide the letters and the caption."""
        self._letters = shown
        self.refresh()

    @property
    def shows_texts(self) -> bool:
        """Whether letters and caption are shown."""
        return self._letters

    def turn(self, _event: Any = None) -> None:
        """Turn the camera as the convention asks, and write the letters again."""
        viewer = self._viewer()
        if viewer is not None:
            turn_camera(viewer, self.convention)
        self.refresh()

    def refresh(self, _event: Any = None) -> None:
        """Write letters and caption again."""
        viewer = self._viewer()
        if viewer is None or not isalive(self.texts) or not isalive(self.texts.canvas):
            return
        layer = active_image(viewer)
        if layer is not None and layer not in self._watched:
            self._watched.add(layer)
            layer.events.contrast_limits.connect(self.refresh)
        texts = {**sides(viewer), "corner": caption(layer) if layer is not None else ""}
        self.texts.show(texts if self._letters else dict.fromkeys(texts, ""))
        self.changed.emit()

    def _connect(self, viewer: napari.viewer.Viewer) -> None:
        camera = getattr(viewer, "scene", viewer).camera
        viewer.dims.events.order.connect(self.turn)
        viewer.dims.events.ndisplay.connect(self.turn)
        viewer.layers.events.inserted.connect(self.turn)
        viewer.layers.events.removed.connect(self.refresh)
        viewer.layers.selection.events.active.connect(self.refresh)
        camera.events.orientation.connect(self.refresh)
        camera.events.angles.connect(self.refresh)
        viewer.mouse_drag_callbacks.append(drag)


def reading_room(viewer: napari.viewer.Viewer | None) -> ReadingRoom | None:
    """Return what watches a viewer, begun where there is none yet; nothing without a window."""
    if viewer is None:
        return None
    found = _rooms.get(viewer)
    if found is None:
        canvas = canvas_of(viewer)
        if canvas is None:
            return None
        found = _rooms[viewer] = ReadingRoom(viewer, canvas)
    return found
