"""The panel of registration: watched while it runs, compared when it is done."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from napari_medai.gui.form import Folded
from napari_medai.gui.panel import GroupPanel
from napari_medai.gui.registration.compare import ComparePanel
from napari_medai.gui.registration.deformation import ArrowsButton
from napari_medai.gui.registration.watch import Watch
from napari_medai.gui.results import Presentation
from napari_medai.gui.transforms import TransformPanel

if TYPE_CHECKING:
    import napari

EARLY = " (ended early)"


class RegisterPanel(GroupPanel):
    """Bring images onto each other, check how well, carry labels and points along.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        The viewer it belongs to.
    """

    group = "register"
    first = "register_images"
    guests = ("predict_deformation", "train_registration")

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__(viewer)
        self.watch = Watch(viewer, self.runner)
        self.compare = ComparePanel(viewer)
        self.compare_fold = Folded("Compare", self.compare.rows)
        column = self.status.parentWidget().layout()
        column.insertWidget(column.indexOf(self.status) + 1, self.watch)
        column.insertWidget(column.count() - 1, self.compare_fold)
        viewer.layers.events.inserted.connect(self.compare.offer)
        viewer.layers.events.removed.connect(self.compare.offer)

    def run(self) -> None:
        """Start the chosen operation, and watch it."""
        before = self.runner.running
        super().run()
        if self.runner.running and not before:
            self.watch.begin(self.operation)

    def _show_result(self, shown: Presentation) -> None:
        if _ended_early(shown):
            shown = _marked(shown)
        super()._show_result(shown)
        for panel in self.findChildren(TransformPanel):
            if panel.findChild(ArrowsButton) is None:
                panel.layout().addWidget(ArrowsButton(self.viewer, panel.transform, self.main_layer, panel))
        if self.operation.name == "register_images" and self.main_layer in self.viewer.layers:
            self.compare.choose(self.main_layer, self.viewer.layers[shown.layers[0][1]["name"]])


def _ended_early(shown: Presentation) -> bool:
    """Whether the step says that it heeded the wish to end; one that was done already did not."""
    from napari_medai.register.images import ENDED_EARLY

    return any(ENDED_EARLY in image.meta.get("notices", []) for image in shown.images)


def _marked(shown: Presentation) -> Presentation:
    """Say in every name that the step was ended early."""

    def named(data: Any) -> Any:
        values, state, kind = data
        return values, {**state, "name": state["name"] + EARLY}, kind

    layers = tuple(named(data) for data in shown.layers)
    transforms = tuple((title + EARLY, transform) for title, transform in shown.transforms)
    return replace(shown, layers=layers, transforms=transforms)
