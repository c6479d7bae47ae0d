"""The demo's second case: organs in a CT phantom that is written and read as DICOM."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from napari_medai import measure, preprocess, segment
from napari_medai.cli.demo import steps
from napari_medai.cli.demo.case import Case, Clock, Score
from napari_medai.cli.demo.pictures import Picture, fullest_slice, picture
from napari_medai.core.image import MedicalImage
from napari_medai.core.progress import Progress

MODEL, SAMPLE = "phantom-3d", "ct-torso"
_CLASSES = 4
_AIR_HU, _DENSE_HU = -950, 600


def run(out: Path, clock: Clock, progress: Progress) -> Case:
    """Segment the organs and compare them with the truth, which the phantom knows."""
    from napari_medai.io.read import read
    from napari_medai.models.store import load_model
    from napari_medai.phantoms.samples import write_sample

    with clock.step("Make the phantom and its DICOM series"):
        folder, truth_path, *_ = write_sample(SAMPLE, out)
    with clock.step("Read the DICOM series"):
        (image,), (truth,) = read(folder), read(truth_path)
    with clock.step("Prepare: smooth"):
        prepared = preprocess.smooth_gaussian(image, sigma_mm=1.0, progress=progress)
    with clock.step("Load the model"):
        model = load_model(MODEL)
    with clock.step("Segment"):
        organs = segment.predict_labels(prepared, model, progress=progress)
    with clock.step("Measure"):
        table = measure.measure_regions(image, organs, progress=progress)
    with clock.step("Otsu, to compare"):
        classes = _otsu_classes(np.asarray(image.array))
    with clock.step("Write"):
        files = steps.save(out, "ct_organs", organs, table)
    return Case(
        key="ct",
        title="Organs in a CT of chest and belly",
        story="A phantom this package generates, written as a DICOM series the way a scanner would, read "
        f"back, smoothed, and segmented in 3-D by {steps.model_words(model)}, which never saw this one.",
        facts=[
            ("Source", f"DICOM series, {len(list(folder.iterdir()))} files"),
            ("Size", steps.size_words(image)),
            ("Axes lead to", image.geometry.orientation),
        ],
        pictures=_pictures(image, organs, truth),
        legend=steps.legend(truth),
        scores=_scores(truth, organs, classes),
        score_note=f"The bar is the model, the tick Otsu: {_CLASSES} classes of intensity without "
        "the air, each organ given the class that fits it best. The phantom's outlines are exact.",
        table=steps.shown(table),
        timings=clock.timings,
        history=organs.history,
        files=(*files, truth_path.name),
        notices=image.meta.get("notices", ()),
    )


def _pictures(image: MedicalImage, organs: MedicalImage, truth: MedicalImage) -> list[Picture]:
    axial, coronal = fullest_slice(truth), fullest_slice(truth, "coronal")
    return [
        picture(image, organs, f"{MODEL}, axial slice {axial + 1}", at=axial),
        picture(image, truth, "The truth, same slice", at=axial),
        picture(image, organs, f"{MODEL}, coronal", "coronal", coronal),
    ]


def _scores(truth: MedicalImage, organs: MedicalImage, classes: Sequence[Any]) -> list[Score]:
    exact, found = np.asarray(truth.array), np.asarray(organs.array)
    return [
        Score(
            name,
            label,
            steps.dice(exact == label, found == label),
            max(steps.dice(exact == label, mask) for mask in classes),
        )
        for label, name in steps.legend(truth).items()
    ]


def _otsu_classes(volume: Any) -> list[Any]:
    from skimage.filters import threshold_multiotsu

    values = np.clip(volume.astype(np.float32), _AIR_HU, _DENSE_HU)
    thresholds = threshold_multiotsu(values[values > _AIR_HU], classes=_CLASSES)
    levels = np.where(values > _AIR_HU, np.digitize(values, thresholds), -1)
    return [levels == level for level in range(_CLASSES)]
