"""The histogram of the selected image, its lines tied to the layer's contrast limits."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import QCheckBox, QComboBox, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from napari_medai.core.errors import MedAIError
from napari_medai.core.progress import Progress
from napari_medai.gui.facts import kind_of
from napari_medai.gui.histogram.plot import COLOURS, Curve, HistogramPlot
from napari_medai.gui.layers import snapshot
from napari_medai.gui.runner import Runner
from napari_medai.gui.step import as_input

if TYPE_CHECKING:
    import napari

WHOLE = "the whole image"
_BINS = 256


class HistogramPanel(QWidget):
    """How often each intensity of the selected image occurs, over all or within labels.

    Dragging a line sets the layer's contrast limits; changing the limits elsewhere moves the lines.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        The viewer it belongs to.
    """

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__()
        self.viewer = viewer
        self.layer: Any = None
        self.runner = Runner(self)
        self._again = False
        self.plot = HistogramPlot()
        self.region, self.log_box = QComboBox(), QCheckBox("Log scale")
        self.log_box.setChecked(True)
        self.status = QLabel()
        self.status.setWordWrap(True)
        self._lay_out()
        self._connect()
        self._offer_regions()
        self.show_layer(viewer.layers.selection.active)

    def show_layer(self, layer: Any) -> None:
        """Show the histogram of an image layer; of another kind, the one before stays."""
        if layer is None or kind_of(layer) != "image" or layer is self.layer:
            return
        self._let_go()
        self.layer = layer
        layer.events.contrast_limits.connect(self._follow_limits)
        layer.events.data.connect(self.refresh)
        self._follow_limits()
        self.refresh()

    def refresh(self, _: Any = None) -> None:
        """Count again, in another thread."""
        if self.layer is None:
            return
        if self.runner.running:
            self._again = True
            self.runner.cancel()
            return
        labels = self._labels_layer()
        inside = None if labels is None else snapshot(labels)
        self.status.setText("Counting …")
        work = partial(_count, snapshot(self.layer), inside)
        self.runner.start(work, f"Histogram of {self.layer.name}")

    def _lay_out(self) -> None:
        self.region.setToolTip("Where intensities are counted: over all, or within each label of a layer.")
        self.log_box.setToolTip("Draw the logarithm of the counts, so that rare intensities are seen.")
        row = QHBoxLayout()
        row.addWidget(self.region, 1)
        row.addWidget(self.log_box)
        column = QVBoxLayout(self)
        column.addWidget(self.plot, 1)
        column.addLayout(row)
        column.addWidget(self.status)
        column.addStretch()

    def _connect(self) -> None:
        self.plot.dragged.connect(self._set_limits)
        self.log_box.toggled.connect(self.plot.show_log)
        self.region.activated.connect(self.refresh)
        self.runner.succeeded.connect(self._show)
        self.runner.failed.connect(self._show_failure)
        self.runner.finished.connect(self._go_on)
        layers = self.viewer.layers
        for event in (layers.events.inserted, layers.events.removed, layers.events.renamed):
            event.connect(self._offer_regions)
        layers.events.removed.connect(self._forget_removed)
        layers.selection.events.active.connect(lambda event: self.show_layer(event.value))

    def _labels_layer(self) -> Any:
        name = self.region.currentText()
        return None if name == WHOLE or name not in self.viewer.layers else self.viewer.layers[name]

    def _offer_regions(self, _: Any = None) -> None:
        chosen = self.region.currentText()
        names = [WHOLE, *(layer.name for layer in self.viewer.layers if kind_of(layer) == "labels")]
        self.region.clear()
        self.region.addItems(names)
        self.region.setCurrentText(chosen if chosen in names else WHOLE)

    def _forget_removed(self, event: Any) -> None:
        if event.value is self.layer:
            self._let_go()
            self.plot.show_curves(())
            self.plot.show_limits(None)
            self.status.setText("")

    def _let_go(self) -> None:
        if self.layer is not None:
            self.layer.events.contrast_limits.disconnect(self._follow_limits)
            self.layer.events.data.disconnect(self.refresh)
        self.layer = None

    def _follow_limits(self, _: Any = None) -> None:
        self.plot.show_limits(None if self.layer.rgb else tuple(self.layer.contrast_limits))

    def _set_limits(self, low: float, high: float) -> None:
        if self.layer is not None:
            self.layer.contrast_limits = (low, high)

    def _show(self, curves: list[Curve]) -> None:
        self.plot.show_curves(curves)
        names = [f'<span style="color:{COLOURS[k % len(COLOURS)]}">■</span> {c.name}'
                 for k, c in enumerate(curves)]  # fmt: skip
        self.status.setText("  ".join(names) if len(names) > 1 else "")

    def _show_failure(self, error: MedAIError | None) -> None:
        self.plot.show_curves(())
        self.status.setText(error.message if error is not None else "The histogram could not be made.")

    def _go_on(self) -> None:
        if self._again:
            self._again = False
            self.refresh()


def _count(image: Any, labels: Any, progress: Progress) -> list[Curve]:
    """Count intensities; in the worker thread."""
    from napari_medai.explore.counting import histogram

    table = histogram(as_input(image), as_input(labels), bins=_BINS, progress=progress)
    several = table["channel"].nunique() > 1
    curves = []
    for (channel, region), rows in table.groupby(["channel", "region"], sort=False):
        edges = [*rows["low"], rows["high"].iloc[-1]]
        name = f"{channel} {region}" if several else str(region)
        curves.append(Curve(name, _floats(edges), _floats(rows["count"])))
    return curves


def _floats(values: Any) -> Any:
    import numpy as np

    return np.asarray(values, dtype=np.float64)
