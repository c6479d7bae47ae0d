"""The panel of segmentation: what a model will take, its channels, the visible part, volumes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QLabel, QPushButton

from napari_medai.core.errors import MedAIError
from napari_medai.gui.forms.channels import ChannelsPicker
from napari_medai.gui.forms.model_card import further_channels
from napari_medai.gui.forms.pickers import LayerPicker
from napari_medai.gui.notify import explain
from napari_medai.gui.panel import GroupPanel
from napari_medai.gui.segmentation.forecast import forecast
from napari_medai.gui.segmentation.visible import add_visible_box

if TYPE_CHECKING:
    import napari

_WAIT_MS = 150


class SegmentPanel(GroupPanel):
    """Label what is in an image, with classical methods and trained models.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        The viewer it belongs to.
    """

    group = "segment"
    first = "predict_labels"

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        self.forecast = QLabel()
        self.forecast.setWordWrap(True)
        self.visible_button = QPushButton("Only what is visible")
        self.visible_button.setToolTip("Add the part that the canvas shows, through all slices, as a box")
        self._soon = QTimer()
        self._soon.setSingleShot(True)
        self._soon.setInterval(_WAIT_MS)
        super().__init__(viewer)
        self._soon.setParent(self)
        self._soon.timeout.connect(self.show_forecast)
        self.visible_button.clicked.connect(self.take_visible)
        column = self.status.parentWidget().layout()
        place = column.indexOf(self._form_space) + 1
        column.insertWidget(place, self.forecast)
        column.insertWidget(place, self.visible_button)
        self._follow_model()

    def show_operation(self, _: int = 0) -> None:
        """Show the form of the chosen operation, and follow what is chosen of a model."""
        super().show_operation()
        by_model = "model" in self.form.fields
        self.forecast.setVisible(by_model)
        self.visible_button.setVisible("boxes" in self.form.pickers and by_model)
        if not by_model:
            return
        for name in ("model", "quality", "overlap"):
            changed = self.form.fields[name].changed
            if changed is not None:
                changed.connect(self._follow_model)
        for picker in self.form.pickers.values():
            picker.changed.connect(self._follow_model)
        self._follow_model()

    def take_visible(self) -> None:
        """Add what the canvas shows as a box, and choose it."""
        picker, boxes = self.form.primary, self.form.pickers.get("boxes")
        try:
            layer = picker.value() if isinstance(picker, LayerPicker) else None
            made = add_visible_box(self.viewer, layer)
        except MedAIError as error:
            explain(error)
            return
        if isinstance(boxes, LayerPicker):
            boxes.choose(made)

    def show_forecast(self) -> None:
        """Say what the run will take, or why it cannot run."""
        if "model" not in self.form.fields:
            return
        values = {name: self.form.fields[name].get() for name in ("model", "quality", "overlap")}
        self.forecast.setText(forecast(self._image(), self._channels(), **values))

    def _follow_model(self, _: Any = None) -> None:
        """Ask for the channels of the chosen model, and say soon what it will take."""
        channels = self.form.pickers.get("channels")
        if isinstance(channels, ChannelsPicker):
            names = () if getattr(self._image(), "rgb", False) else self._further()
            channels.expect(names)
            self.form.show_row("channels", bool(names))
        self._soon.start()

    def _further(self) -> tuple[str, ...]:
        return further_channels(self.form.fields["model"].get())

    def _image(self) -> Any:
        picker = self.form.primary
        return picker.layer() if isinstance(picker, LayerPicker) else None

    def _channels(self) -> list[Any]:
        picker = self.form.pickers.get("channels")
        return picker.layers() if isinstance(picker, ChannelsPicker) else []
