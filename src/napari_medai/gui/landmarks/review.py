"""Looking through found points: the next uncertain one, correct, accept, and learn from the corrections."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtWidgets import QFileDialog, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from napari_medai.core.errors import ArgumentError, MedAIError
from napari_medai.gui.landmarks.cases import add_case
from napari_medai.gui.layers import image_from_layer
from napari_medai.gui.notify import explain
from napari_medai.gui.points import landmarks_from_layer

if TYPE_CHECKING:
    import napari

ACCEPTED = 1.0


class LandmarkReview(QWidget):
    """Buttons that lead through the points of the selected Points layer, least certain first.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Whose points are looked at. A point is corrected by dragging it.
    """

    def __init__(self, viewer: napari.viewer.Viewer, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.viewer = viewer
        self.next_button = _button("Next uncertain", "Go to the least certain point that nobody has accepted")
        self.accept_button = _button("Accept", "Say that the selected points are right; drag them first")
        self.all_button = _button("Accept all", "Say that every point is right")
        self.add_button = _button("Add to training…", "Save the image and its points as a case to learn from")
        self.report_button = _button("Report…", "Measure these points as a cephalogram's, on a page (HTML)")
        self.said = QLabel()
        self.said.setWordWrap(True)
        self._lay_out()
        self.next_button.clicked.connect(self.show_next)
        self.accept_button.clicked.connect(self.accept_selected)
        self.all_button.clicked.connect(self.accept_all)
        self.add_button.clicked.connect(self.ask_and_add)
        self.report_button.clicked.connect(self.ask_and_report)

    @property
    def layer(self) -> Any:
        """The Points layer that is looked at: the active one, else the topmost with a confidence."""
        from napari.layers import Points

        active = self.viewer.layers.selection.active
        if isinstance(active, Points):
            return active
        layers = [x for x in self.viewer.layers if isinstance(x, Points) and "confidence" in x.features]
        return layers[-1] if layers else None

    def show_next(self) -> None:
        """Select the least certain point that is not accepted, and bring it to the middle."""
        layer = self._checked()
        if layer is None:
            return
        confidence = np.asarray(layer.features["confidence"], dtype=float)
        open_points = np.flatnonzero(confidence < ACCEPTED)
        if len(open_points) == 0:
            self.said.setText("Every point is accepted.")
            return
        index = int(open_points[np.argmin(confidence[open_points])])
        if (
            len(layer.selected_data) == 1
            and next(iter(layer.selected_data)) == index
            and len(open_points) > 1
        ):
            order = open_points[np.argsort(confidence[open_points])]
            index = int(order[1])
        self._go_to(layer, index)
        self.said.setText(f"{layer.features['name'].iloc[index]}: confidence {confidence[index]:.2f}. "
                          f"{len(open_points)} to look at.")  # fmt: skip

    def accept_selected(self) -> None:
        """Give the selected points full confidence, and go on to the next."""
        layer = self._checked()
        if layer is not None and layer.selected_data:
            accept(layer, sorted(layer.selected_data))
            self.show_next()

    def accept_all(self) -> None:
        """Give every point full confidence."""
        layer = self._checked()
        if layer is not None:
            accept(layer, list(range(len(layer.data))))
            self.said.setText("Every point is accepted.")

    def ask_and_add(self) -> None:
        """Ask for a folder and add the case to it."""
        folder = QFileDialog.getExistingDirectory(self, "Folder of training cases")
        if folder:
            self.add_to(Path(folder))

    def add_to(self, folder: Path) -> None:
        """Add the image and its points to a folder of cases; say what is missing for it."""
        try:
            layer = self._checked()
            if layer is None:
                return
            image = self._image()
            points = landmarks_from_layer(*layer.as_layer_data_tuple()[:2])
            count = add_case(folder, image, points)
            self.said.setText(f"{folder.name} holds {count} cases now.")
        except MedAIError as error:
            explain(error)

    def ask_and_report(self) -> None:
        """Ask for a file and write the page."""
        path, _ = QFileDialog.getSaveFileName(self, "Report", "cephalogram.html", "Page (*.html)")
        if path:
            self.report_to(Path(path))

    def report_to(self, path: Path) -> None:
        """Write a page with the cephalometric measures of the points, their lines drawn on the image."""
        from napari_medai.landmarks.ceph_report import write_ceph_report

        try:
            layer = self._checked()
            if layer is None:
                return
            points = landmarks_from_layer(*layer.as_layer_data_tuple()[:2])
            write_ceph_report(points, path, self._image())
            self.said.setText(f"Wrote {path.name}.")
        except MedAIError as error:
            self.said.setText(error.message)
            explain(error)

    def _image(self) -> Any:
        from napari.layers import Image

        images = [x for x in self.viewer.layers if type(x) is Image and x.visible]
        if not images:
            raise ArgumentError(
                "There is no image to save with the points.", hint="Show the image they lie on."
            )
        return image_from_layer(*images[-1].as_layer_data_tuple())

    def _checked(self) -> Any:
        layer = self.layer
        if layer is None:
            self.said.setText("Select a layer of points first.")
        elif "confidence" not in layer.features:
            layer.features["confidence"] = np.zeros(len(layer.data))
        return layer

    def _go_to(self, layer: Any, index: int) -> None:
        self.viewer.layers.selection.active = layer
        layer.mode = "select"
        layer.selected_data = {index}
        world = np.asarray(layer.data_to_world(layer.data[index]))
        self.viewer.dims.set_point(range(self.viewer.dims.ndim - len(world), self.viewer.dims.ndim), world)
        camera = getattr(self.viewer, "scene", self.viewer).camera
        camera.center = tuple(world[-len(camera.center) :])

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        first, second = QHBoxLayout(), QHBoxLayout()
        first.addWidget(self.next_button)
        first.addWidget(self.accept_button)
        second.addWidget(self.all_button)
        second.addWidget(self.add_button)
        second.addWidget(self.report_button)
        column.addLayout(first)
        column.addLayout(second)
        column.addWidget(self.said)


def accept(layer: Any, which: list[int]) -> None:
    """Give points full confidence, and the colour that goes with it; corrected ones are no longer absent."""
    features = layer.features.copy()
    features.loc[which, "confidence"] = ACCEPTED
    if "absent" in features:
        features.loc[which, "absent"] = False
    layer.features = features
    layer.refresh_colors()


def _button(text: str, tooltip: str) -> QPushButton:
    button = QPushButton(text)
    button.setToolTip(tooltip)
    return button
