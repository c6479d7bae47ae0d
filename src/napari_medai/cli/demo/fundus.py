"""The demo's first case: vessels of the retina in the photograph that scikit-image ships."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_medai import measure, preprocess, segment
from napari_medai.cli.demo import steps
from napari_medai.cli.demo.case import Case, Clock
from napari_medai.cli.demo.pictures import picture
from napari_medai.core.progress import Progress

if TYPE_CHECKING:
    from napari_medai.models.model import Model

MODEL = "vessels-2d"
_DARK = 20
"""Green of the rim around the retina, which no light reached."""
_CLOSE_UP = (slice(480, 900), slice(40, 460))


def run(out: Path, clock: Clock, progress: Progress) -> Case:
    """Segment and measure the vessels; nobody has drawn them, so there is no score."""
    from napari_medai.io.read import read
    from napari_medai.models.store import load_model

    path = steps.shipped("skimage", "data", "retina.jpg")
    with clock.step("Read"):
        (image,) = read(path)
    with clock.step("Load the model"):
        model = load_model(MODEL)
    with clock.step("Segment"):
        vessels = segment.predict_labels(image, model, progress=progress)
    with clock.step("Measure"):
        grey = preprocess.take_channel(image, channel=1)
        table = measure.measure_regions(grey, vessels, progress=progress)
    with clock.step("Otsu, to compare"):
        inside = grey.with_array(np.asarray(grey.array) > _DARK, kind="labels")
        otsu = segment.threshold_otsu(grey, inside, side="below")
    with clock.step("Write"):
        files = steps.save(out, "fundus_vessels", vessels, table)
    return Case(
        key="fundus",
        title="Retinal vessels in a fundus photograph",
        story=f"A real photograph, {path.name} of scikit-image. {steps.model_words(model)} labels the "
        "vessels at the photograph's own resolution, window by window.",
        facts=[("Source", "scikit-image, retina.jpg"), ("Size", steps.size_words(image))],
        pictures=[
            picture(image, vessels, f"Vessels by {MODEL}"),
            picture(image, vessels, "A close-up of the same", window=_CLOSE_UP),
            picture(image, otsu, "Otsu, to compare: dark against bright"),
        ],
        legend=steps.legend(vessels),
        scores=(),
        score_note="Nobody has outlined the vessels of this photograph, so no score can be given. What is "
        "known of the model comes from photographs held back from its training, against a first grader.",
        known=[(f"Dice there, {who}", f"{value:.3f}") for who, value in _known(model).items()],
        table=steps.shown(table),
        timings=clock.timings,
        history=vessels.history,
        files=files,
        notices=image.meta.get("notices", ()),
    )


def _known(model: Model) -> dict[str, float]:
    """Return the mean Dice by method that the model's description states."""
    means = model.spec.training.get("dice_mean")
    return {k: float(v) for k, v in means.items() if isinstance(v, float)} if isinstance(means, dict) else {}
