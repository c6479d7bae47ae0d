"""Two layers compared in the viewer: tiles, a blend, a difference, edges, or one and the other in turn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Qt, QTimer
from qtpy.QtWidgets import QComboBox, QFormLayout, QLabel, QSlider

from napari_medai.core.errors import MedAIError
from napari_medai.gui.facts import kind_of
from napari_medai.gui.layers import image_of, layers_from_image
from napari_medai.gui.notify import explain
from napari_medai.gui.parts import keep_narrow
from napari_medai.gui.runner import Runner
from napari_medai.register.views import PreparedPair, prepare_pair

if TYPE_CHECKING:
    import napari

VIEWS = ("off", "checkerboard", "blend", "difference", "edges", "flicker")
_DRAWN = ("checkerboard", "difference", "edges")
_TILES_ACROSS = (2, 24)
_SLOWEST_MS, _FASTEST_MS = 1500, 100


class ComparePanel(QObject):
    """Chooses two layers and how they are compared; what is shown follows the layers and the slider.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Its layers.
    """

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__()
        self.viewer = viewer
        self.one, self.two, self.view = QComboBox(), QComboBox(), QComboBox()
        for combo in (self.one, self.two, self.view):
            keep_narrow(combo)
        for name in VIEWS:
            self.view.addItem(name.capitalize(), name)
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setRange(0, 100)
        self.slider.setValue(50)
        self.slider.setToolTip("Size of the tiles, share of the second image, or how fast they change")
        self.rows = QFormLayout()
        for label, part in (
            ("First", self.one),
            ("Second", self.two),
            ("View", self.view),
            ("", self.slider),
        ):
            self.rows.addRow(QLabel(label), part)
        self.runner = Runner(self)
        self.runner.succeeded.connect(self._prepared)
        self.runner.failed.connect(self._failed)
        self.timer = QTimer(self)
        self.timer.timeout.connect(self._flick)
        self._pair: PreparedPair | None = None
        self._layer: Any = None
        self._watched: list[Any] = []
        self._looks: list[tuple[Any, dict[str, Any]]] = []
        for combo in (self.one, self.two, self.view):
            combo.currentIndexChanged.connect(self.restart)
        self.slider.valueChanged.connect(self._slid)
        self.offer()

    def offer(self, _: Any = None) -> None:
        """Show the image layers there are; the choice stays if it is still there."""
        images = [layer for layer in reversed(self.viewer.layers) if kind_of(layer) == "image"]
        images = [layer for layer in images if layer != self._layer]
        for number, combo in enumerate((self.one, self.two)):
            chosen = combo.currentData()
            combo.blockSignals(True)
            combo.clear()
            for layer in images:
                combo.addItem(layer.name, layer)
            row = images.index(chosen) if chosen in images else min(1 - number, len(images) - 1)
            combo.setCurrentIndex(row)
            combo.blockSignals(False)
        if any(layer not in self.viewer.layers for layer in self._watched):
            self.view.setCurrentIndex(0)

    def choose(self, one: Any, two: Any) -> None:
        """Choose the two layers."""
        for combo, layer in ((self.one, one), (self.two, two)):
            rows = [row for row in range(combo.count()) if combo.itemData(row) == layer]
            combo.setCurrentIndex(rows[0] if rows else 0)

    def restart(self, _: Any = None) -> None:
        """Show the chosen view of the chosen layers, or nothing."""
        self.stop()
        view, layers = self.view.currentData(), [self.one.currentData(), self.two.currentData()]
        if view == "off" or None in layers or layers[0] == layers[1]:
            return
        self._looks = [(layer, _look(layer)) for layer in layers]
        if view in _DRAWN:
            self._watch(layers)
            self._prepare()
        elif view == "blend":
            layers[0].colormap, layers[1].colormap = "green", "magenta"
            for layer in layers:
                layer.visible, layer.blending = True, "additive"
            self._slid()
        else:
            layers[0].visible, layers[1].visible = True, False
            self._slid()
            self.timer.start()

    def stop(self) -> None:
        """Take away what was shown and give the layers back their looks."""
        self.timer.stop()
        self.runner.cancel()
        for layer in self._watched:
            layer.events.data.disconnect(self._prepare)
        shown, self._layer, self._watched, self._pair = self._layer, None, [], None
        if shown is not None and shown in self.viewer.layers:
            self.viewer.layers.remove(shown)
        for layer, look in self._looks:
            for name, value in look.items():
                setattr(layer, name, value)
        self._looks = []

    def _watch(self, layers: list[Any]) -> None:
        self._watched = layers
        for layer in layers:
            layer.events.data.connect(self._prepare)

    def _prepare(self, _: Any = None) -> None:
        """Look the second image up on the grid of the first, beside the event loop."""
        if self.runner.running:
            return
        try:
            images = [image_of(layer) for layer in self._watched]
        except MedAIError as error:
            self._failed(error)
            return
        self.runner.start(lambda progress: prepare_pair(*images, progress=progress), "Comparing")

    def _prepared(self, pair: PreparedPair) -> None:
        self._pair = pair
        self._draw()

    def _failed(self, error: MedAIError | None) -> None:
        self.view.setCurrentIndex(0)
        if error is not None:
            explain(error)

    def _slid(self, _: int = 0) -> None:
        share = self.slider.value() / 100
        view = self.view.currentData()
        if view == "flicker":
            self.timer.setInterval(round(_SLOWEST_MS + share * (_FASTEST_MS - _SLOWEST_MS)))
        elif view == "blend" and self._looks:
            self._looks[0][0].opacity, self._looks[1][0].opacity = min(1, 2 - 2 * share), min(1, 2 * share)
        elif self._pair is not None:
            self._draw()

    def _draw(self) -> None:
        """Draw the view into its layer, a new one at first."""
        from napari.layers import Layer

        view = self.view.currentData()
        if self._pair is None or view not in _DRAWN:
            return
        least, most = _TILES_ACROSS
        across = round(most + (least - most) * self.slider.value() / 100)
        picture = self._pair.drawn(view, across)
        if self._layer is not None and self._layer in self.viewer.layers:
            self._layer.data = layers_from_image(picture)[0][0]
            return
        data, state, kind = layers_from_image(picture.replace(name=f"Compare · {view}"))[0]
        limits = (-1.0, 1.0) if view == "difference" else (0.0, 1.0)
        colours = "bwr" if view == "difference" else "gray"
        self._layer = Layer.create(data, {**state, "contrast_limits": limits, "colormap": colours}, kind)
        selected = self.viewer.layers.selection.active
        self.viewer.layers.append(self._layer)
        if selected is not None:
            self.viewer.layers.selection.active = selected

    def _flick(self) -> None:
        """Show one layer in the place of the other."""
        one, two = self.one.currentData(), self.two.currentData()
        if one is not None and two is not None:
            one.visible, two.visible = not one.visible, one.visible


def _look(layer: Any) -> dict[str, Any]:
    """What a view changes of a layer, to be given back afterwards."""
    return {name: getattr(layer, name) for name in ("visible", "opacity", "colormap", "blending")}
