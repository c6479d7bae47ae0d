"""What can be done with the chosen map: look through it, see its cells, check it, see it beside others."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QGridLayout, QHBoxLayout, QLabel, QPushButton, QSlider, QVBoxLayout, QWidget

from napari_medai.core.errors import MedAIError
from napari_medai.core.history import history_from_json
from napari_medai.gui.explanations.cells import cells_layer, facts_of_map
from napari_medai.gui.notify import explain
from napari_medai.gui.record import KEY, LayerRecord

if TYPE_CHECKING:
    import napari

TICKS = 100


class MapTools(QWidget):
    """Sliders and buttons for the chosen map.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Where the maps are.
    check : callable
        Called with the map's layer when it is to be checked.
    """

    def __init__(
        self, viewer: napari.viewer.Viewer, check: Callable[[Any], None], parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.viewer = viewer
        self._check = check
        self.state = QLabel("")
        self.state.setWordWrap(True)
        self.opacity, self.threshold = _slider(), _slider()
        self.check_button = _button("Check this map", "Try whether the map shows what the network does")
        self.cells_button = _button("Draw cells", "Draw the grid of the layer: finer detail is interpolation")
        self.beside_button = _button("Side by side", "Show every map in a view of its own, on its image")
        self._lay_out()
        self.opacity.valueChanged.connect(self._show_through)
        self.threshold.valueChanged.connect(self._cut)
        self.check_button.clicked.connect(self._on_check)
        self.cells_button.clicked.connect(self._draw_cells)
        self.beside_button.clicked.connect(self.show_side_by_side)
        for event in (viewer.layers.events.inserted, viewer.layers.events.removed):
            event.connect(self.refresh)
        viewer.layers.selection.events.active.connect(self.refresh)
        self.refresh()

    @property
    def map(self) -> Any:
        """The chosen layer if it is a map, else the topmost map, else nothing."""
        active = self.viewer.layers.selection.active
        if active is not None and facts_of_map(active):
            return active
        return next((layer for layer in reversed(self.viewer.layers) if facts_of_map(layer)), None)

    def refresh(self, _: Any = None) -> None:
        """Show what is known of the chosen map; hide where there is none."""
        layer = self.map
        self.setVisible(layer is not None)
        if layer is None:
            return
        self.state.setText(f"<b>{layer.name}</b><br>{said_of(layer)}")
        for slider, value in (
            (self.opacity, layer.opacity),
            (self.threshold, float(layer.contrast_limits[0])),
        ):
            slider.blockSignals(True)
            slider.setValue(round(TICKS * value))
            slider.blockSignals(False)

    def show_side_by_side(self) -> None:
        """Put every map into a view of its own, its image below it, all views moving together; or back."""
        grid = grid_of(self.viewer)
        if grid.enabled:
            grid.enabled = False
            return
        maps = [layer for layer in self.viewer.layers if facts_of_map(layer)]
        if not maps:
            return
        for layer in maps:
            self._pair(layer)
        others = [x for x in self.viewer.layers if x not in maps and not x.metadata.get("below_map")]
        for layer in others:  # above the pairs: below them they would shift what shares a view
            layer.visible = False
            self.viewer.layers.move(self.viewer.layers.index(layer), len(self.viewer.layers))
        grid.stride = 2
        grid.enabled = True
        self.viewer.reset_view()

    def _pair(self, layer: Any) -> None:
        """Put a copy of the image that a map was made of right below it, where there is none."""
        layers = self.viewer.layers
        place = layers.index(layer)
        if place and layers[place - 1].metadata.get("below_map"):
            return
        source = source_of(layer, layers)
        if source is None:
            return
        from napari.layers import Layer

        data, state, kind = source.as_layer_data_tuple()
        below = {**state, "name": f"{layer.name} · image", "visible": True, "metadata": {"below_map": True}}
        layers.insert(place, Layer.create(data, below, kind))

    def _show_through(self, value: int) -> None:
        if self.map is not None:
            self.map.opacity = value / TICKS

    def _cut(self, value: int) -> None:
        layer = self.map
        if layer is not None:
            low = min(value / TICKS, 0.99)
            layer.contrast_limits = (low, 1.0)
            layer.blending = "additive"

    def _on_check(self) -> None:
        if self.map is not None:
            self._check(self.map)

    def _draw_cells(self) -> None:
        layer = self.map
        if layer is None:
            return
        try:
            self.viewer.add_layer(cells_layer(layer))
        except MedAIError as error:
            explain(error)
            return
        self.viewer.layers.selection.active = layer

    def _lay_out(self) -> None:
        sliders = QGridLayout()
        for row, (name, slider) in enumerate((("opacity", self.opacity), ("threshold", self.threshold))):
            sliders.addWidget(QLabel(name), row, 0)
            sliders.addWidget(slider, row, 1)
        buttons = QHBoxLayout()
        for button in (self.check_button, self.cells_button, self.beside_button):
            buttons.addWidget(button)
        column = QVBoxLayout(self)
        column.addWidget(self.state)
        column.addLayout(sliders)
        column.addLayout(buttons)


def grid_of(viewer: napari.viewer.Viewer) -> Any:
    """Return the settings of the viewer's grid, which napari 0.9 keeps with the canvas."""
    canvas = getattr(viewer, "canvas", None)
    return viewer.grid if canvas is None else canvas.grid


def said_of(layer: Any) -> str:
    """Say in words whether a map was checked, and how it came out."""
    facts = facts_of_map(layer) or {}
    size = " x ".join(f"{x:g}" for x in facts.get("cell_size", ()))
    checked = facts.get("checked")
    words = f"checked: {checked}" if checked else "not checked"
    return f"{facts.get('target', '')}, {facts.get('method', '')}, cells of {size}: {words}"


def name_of(layer: Any) -> str:
    """Return a short name of a map: of which image, what, by which method."""
    facts, step = facts_of_map(layer) or {}, made_by(layer)
    source = "" if step is None else getattr(step.inputs.get("image"), "name", "")
    return " · ".join(x for x in (source, facts.get("target", ""), facts.get("method", "")) if x)


def mark_checked(layer: Any, verdict: str) -> None:
    """Write a verdict into a map's facts, and take the mark of an unchecked one from its name."""
    entry = dict(layer.metadata[KEY])
    meta = dict(entry["meta"])
    meta["explain"] = {**meta["explain"], "checked": verdict}
    layer.metadata = {**layer.metadata, KEY: {**entry, "meta": meta}}
    layer.name = f"{layer.name.removesuffix(UNCHECKED)} ({verdict})"


UNCHECKED = " (not checked)"
"""What the name of a map that was not checked ends in."""


def made_by(layer: Any) -> Any:
    """Return the step that made a map, or nothing where its history is lost."""
    record = LayerRecord.found_in(layer.metadata)
    steps = history_from_json(record.history) if record is not None else ()
    return steps[-1] if steps else None


def source_of(layer: Any, layers: Any, of: str = "image") -> Any:
    """Return the layer that an input of a map's step came from, by its name; nothing where it is gone."""
    step = made_by(layer)
    source = None if step is None else step.inputs.get(of)
    name = getattr(source, "name", None)
    return next((x for x in layers if x.name == name and x is not layer), None)


def _slider() -> QSlider:
    slider = QSlider(Qt.Orientation.Horizontal)
    slider.setRange(0, TICKS)
    return slider


def _button(text: str, tooltip: str) -> QPushButton:
    button = QPushButton(text)
    button.setToolTip(tooltip)
    return button
