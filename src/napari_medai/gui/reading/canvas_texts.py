"""Short texts at the edges of the viewer's canvas, through which every click passes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtWidgets import QLabel, QWidget

if TYPE_CHECKING:
    import napari

PLACES = ("left", "right", "top", "bottom", "corner", "remark")
_STYLE = "color: {colour}; background: transparent; font-weight: bold; font-size: {size}px;"
_SIZES = {"corner": 14, "remark": 12}
_MARGIN = 8


class CanvasTexts(QObject):
    """A text at each edge of the canvas, one in the lower left corner and a remark at the top left.

    They are widgets above the canvas: napari's own text overlays cannot stand in the middle of a side.

    Parameters
    ----------
    canvas : QWidget
        The canvas.
    """

    def __init__(self, canvas: QWidget) -> None:
        super().__init__(canvas)
        self.canvas = canvas
        self.labels = {place: _label(canvas, place) for place in PLACES}
        canvas.installEventFilter(self)

    def show(self, texts: dict[str, str]) -> None:
        """Show texts by place; an empty one is hidden."""
        for place, text in texts.items():
            label = self.labels[place]
            label.setText(text)
            label.setVisible(bool(text))
            label.adjustSize()
            label.raise_()
        self._arrange()

    def texts(self) -> dict[str, str]:
        """Return what is shown."""
        return {place: label.text() for place, label in self.labels.items() if label.text()}

    def eventFilter(self, _watched: Any, event: Any) -> bool:  # noqa: N802 - Qt's name
        """Keep the texts at the edges when the canvas changes its size."""
        if event.type() == QEvent.Type.Resize:
            self._arrange()
        return False

    def _arrange(self) -> None:
        width, height = self.canvas.width(), self.canvas.height()
        for place, label in self.labels.items():
            across, down = width - label.width(), height - label.height()
            x, y = {
                "left": (_MARGIN, down // 2),
                "right": (across - _MARGIN, down // 2),
                "top": (across // 2, _MARGIN),
                "bottom": (across // 2, down - _MARGIN),
                "corner": (_MARGIN, down - _MARGIN),
                "remark": (_MARGIN, _MARGIN),
            }[place]
            label.move(x, y)


def canvas_of(viewer: napari.viewer.Viewer) -> QWidget | None:
    """Return the widget that a viewer draws on, or nothing where there is none."""
    window = getattr(viewer, "window", None)
    menu = getattr(window, "main_menu", None)
    if menu is None:
        return None
    widgets = menu.window().findChildren(QWidget)
    return next((w for w in widgets if w.inherits("QOpenGLWidget")), None)


def _label(canvas: QWidget, place: str) -> QLabel:
    label = QLabel(canvas)
    label.setObjectName(f"medai_{place}")
    label.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
    size = _SIZES.get(place, 20)
    label.setStyleSheet(_STYLE.format(colour="#ffd35c", size=size))
    label.hide()
    return label
