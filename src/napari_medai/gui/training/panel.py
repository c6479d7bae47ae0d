"""Train a network on the labels or points just made, from the viewer: cases, plan, curves, model."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_medai.core.errors import ArgumentError, MedAIError
from napari_medai.core.progress import Step
from napari_medai.core.settings import settings
from napari_medai.gui.activity import TICKS
from napari_medai.gui.face import duration
from napari_medai.gui.facts import kind_of
from napari_medai.gui.layers import snapshot
from napari_medai.gui.preview import Preview
from napari_medai.gui.training.course import Course
from napari_medai.gui.training.face import DIMENSIONS, MISSING, NEW, TASKS, UNPAINTED, TrainingFace
from napari_medai.gui.training.labels import LABELS
from napari_medai.gui.training.wish import Wish, next_name
from napari_medai.gui.training.work import run

if TYPE_CHECKING:
    import napari

    from napari_medai.models.model import Model


class FineTunePanel(TrainingFace):
    """Train a model that labels images or finds points, or go on with one, and use it on the next image.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        The viewer it belongs to; its layers are the cases.
    """

    crashed_words = "The training failed in a way nobody foresaw; napari shows where."
    stopped_words = "Cancelled. Train goes on where this stopped as long as the plan stays the same."

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__()
        self.viewer = viewer
        self.course, self.task = Course(), LABELS
        self.model_folder: Path | None = None
        self._preview = Preview(viewer, "training preview")
        self._seen = 0
        self._then: Any = None
        self.folder.line.setText(settings().models)
        self._connect()
        self._offer_layers()
        self._offer_models()

    def add_pair(self) -> None:
        """Make a case of the chosen image and labels."""
        image, labels = self.image.currentData(), self.labels.currentData()
        if image is None or labels is None:
            said = f"A case needs an image layer and a {self.task.truth} layer."
            self.say(ArgumentError(said, hint=f"Make {self.task.truth}."))
            return
        if not self.pairs.add(image, labels):
            self.status.setText("That case is there already.")
        self.plan.clear()

    def make_plan(self) -> None:
        """Look at the cases, and show the plan."""
        self._start(self.task.make_plan, "Planning", self._show_plan)

    def run(self) -> None:
        """Train with the plan shown."""
        self.course = Course(wants_preview=self.preview.isChecked())
        self._seen = 0
        self.loss.clear()
        self.score.clear()
        self._start(partial(run, self.task, self.course), "Training", self._show_model, training=True)

    def order_images(self) -> None:
        """Choose the open image that the model is least sure of, and say how sure it is of each."""
        images = [layer for layer in self.viewer.layers if kind_of(layer) == "image"]
        model = str(self.model_folder or self.start.currentText())
        if not images or model == NEW:
            self.say(ArgumentError("Uncertainty needs images and a model.", hint="Choose a model."))
            return
        work = partial(self.task.rank, [snapshot(layer) for layer in images], model)
        self._run(work, "Asking the model", partial(self._show_order, images))

    def predict(self) -> None:
        """Open the panel where the new model is used, with that chosen."""
        _, panel = self.viewer.window.add_plugin_dock_widget("napari-medai", self.task.panel)
        panel.choose(self.task.operation)
        panel.form.set_values({"model": str(self._reference())})

    def continue_training(self) -> None:
        """Add the chosen image with its corrected labels or points, and go on from the new model."""
        if self.model_folder is None:
            return
        self.add_pair()
        self.start.setCurrentText(str(self._reference()))
        self.name.setText(next_name(self.model_folder))
        self.run()

    def wish(self) -> Wish:
        """Return what is asked for.

        Raises
        ------
        ArgumentError
            If there is no case, or nowhere to put the model.
        """
        if not self.pairs.pairs and not self.place.path:
            raise ArgumentError(
                "No cases chosen.", hint=f"Add an image and its {self.task.truth}, or name a folder."
            )
        if not self.folder.path:
            raise ArgumentError("No folder for the model chosen.", hint="Choose one under Save in.")
        start = self.start.currentText().strip()
        return Wish(
            pairs=tuple((snapshot(image), snapshot(labels)) for image, labels in self.pairs.pairs),
            place=self.place.path,
            parent="" if start == NEW else start,
            name=self.name.text().strip(),
            minutes=self.minutes.value(),
            unpainted=UNPAINTED[self.unpainted.currentText()],
            soft=self.soft.isChecked(),
            dimensions=DIMENSIONS[self.dimensions.currentText()],
            device=self.device.currentText(),
            folder=self.folder.path,
            plan=self.plan.toPlainText().strip(),
            missing=MISSING[self.missing.currentText()],
        )

    def _connect(self) -> None:
        self.task_box.currentTextChanged.connect(self._choose_task)
        self.add_button.clicked.connect(self.add_pair)
        self.remove_button.clicked.connect(self.pairs.remove_selected)
        self.rank_button.clicked.connect(self.order_images)
        self.plan_button.clicked.connect(self.make_plan)
        self.pause_button.toggled.connect(self._pause)
        self.finish_button.clicked.connect(self._finish)
        self.preview.toggled.connect(self._want_preview)
        self.predict_button.clicked.connect(self.predict)
        self.continue_button.clicked.connect(self.continue_training)
        for entry in (self.start.currentTextChanged, self.name.textChanged, self.minutes.valueChanged):
            entry.connect(self._forget_plan)
        for box in (self.unpainted, self.missing, self.dimensions):
            box.currentTextChanged.connect(self._forget_plan)
        self.soft.toggled.connect(self._change_truth)
        events = self.viewer.layers.events
        for event in (events.inserted, events.removed, events.reordered, events.renamed):
            event.connect(self._offer_layers)

    def _choose_task(self, words: str) -> None:
        self.task = TASKS[words]
        self.show_task(self.task)
        self.show_end(False)
        self._offer_layers()
        self.start.clear()
        self._offer_models()
        self._forget_plan()

    def _change_truth(self, soft: bool) -> None:
        """Offer images as truth, or labels layers; the cases have one or the other."""
        self.pairs.keep([])
        self.unpainted.setEnabled(not soft)
        self._offer_layers()
        self._forget_plan()

    def _offer_layers(self, _: Any = None) -> None:
        """Offer the viewer's layers; what is chosen stays chosen."""
        layers = list(self.viewer.layers)
        truth = "image" if self.soft.isChecked() else self.task.truth
        for box, kind in ((self.image, "image"), (self.labels, truth)):
            chosen = box.currentData()
            box.clear()
            for layer in layers:
                if kind_of(layer) == kind and not self._preview.shows(layer):
                    box.addItem(layer.name, layer)
            if chosen in layers:
                box.setCurrentIndex(box.findText(chosen.name))
        self.pairs.keep(layers)

    def _offer_models(self) -> None:
        from napari_medai.models.store import list_models

        chosen = self.start.currentText() or NEW
        self.start.clear()
        self.start.addItem(NEW)
        own = self.task.model_task
        self.start.addItems([name for name, spec in list_models().items() if spec.task == own])
        self.start.setCurrentText(chosen)

    def _start(self, work: Any, title: str, then: Any, training: bool = False) -> None:
        if self.runner.running:
            return
        try:
            wish = self.wish()
        except MedAIError as error:
            self.say(error)
            return
        self._run(partial(work, wish), title, then, training)

    def _run(self, work: Any, title: str, then: Any, training: bool = False) -> None:
        if self.runner.running:
            return
        self._then = then
        self.show_end(False)
        self.show_running(True)
        self.show_training(training)
        self.status.setText(f"{title} …")
        self.runner.start(work, title)

    def _pause(self, paused: bool) -> None:
        self.course.paused = paused
        self.pause_button.setText("Go on" if paused else "Pause")

    def _finish(self) -> None:
        self.course.finish = True
        self.finish_button.setEnabled(False)
        self.status.setText("Ending after this epoch …")

    def _want_preview(self, wanted: bool) -> None:
        self.course.wants_preview = wanted

    def _forget_plan(self, _: Any = None) -> None:
        self.plan.clear()
        self.estimate.clear()

    def _show_progress(self, step: Step, remaining: float) -> None:
        self._show_course()
        if self.runner.cancelling or self.course.finish:
            return
        self.bar.setValue(int(step.fraction * TICKS))
        left = f" · {duration(remaining)} left" if remaining >= 0 else ""
        said = "Paused" if self.course.paused else step.message
        self.status.setText(f"{said}{left}")

    def _show_course(self) -> None:
        new = self.course.epochs[self._seen :]
        self._seen += len(new)
        for epoch in new:
            if epoch.number == 1:  # of points there are two networks, one after the other
                self.loss.clear()
                self.score.clear()
            self.loss.add("loss", epoch.loss)
            if self.task.metric in epoch.metrics:
                self.score.add(self.task.metric_name, epoch.metrics[self.task.metric])
        self._preview.show(self.course.preview)

    def _show_result(self, value: Any) -> None:
        self._then(value)

    def _show_plan(self, plan: Any) -> None:
        self.plan.setPlainText(plan.to_text())
        self.estimate.setText(self.task.describe(plan))
        self.status.setText("Read the plan, change what you like, then press Train.")

    def _show_model(self, model: Model) -> None:
        self._show_course()
        self.model_folder = Path(self.folder.path) / model.spec.name
        self._offer_models()
        judged = self.task.judged(model)
        self.status.setText(f"Model {model.spec.name} is ready{judged}. It lies in {self.model_folder.name}.")
        self.show_end(True)

    def _show_order(self, images: list[Any], order: list[tuple[int, float]]) -> None:
        least_sure = images[order[0][0]]
        self.image.setCurrentIndex(self.image.findText(least_sure.name))
        self.viewer.layers.selection.active = least_sure
        doubts = ", ".join(f"{images[k].name} {doubt:.2f}" for k, doubt in order)
        self.status.setText(f"Uncertainty, 0 to 1: {doubts}. Do {least_sure.name} next.")

    def _show_finished(self) -> None:
        self._preview.remove()
        super()._show_finished()

    def _reference(self) -> Path | str:
        """Return how the new model is called: by its name where models are looked for, else by its folder."""
        assert self.model_folder is not None
        known = settings().models
        listed = bool(known) and Path(known) == self.model_folder.parent
        return self.model_folder.name if listed else self.model_folder
