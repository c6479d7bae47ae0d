"""The self-check: does a model still say what it said where it was made?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_medai.core.device import resolve_device
from napari_medai.core.errors import ModelError
from napari_medai.core.image import MedicalImage
from napari_medai.core.progress import Progress, silent
from napari_medai.models.case import labels_digest
from napari_medai.models.displacing import displacement_between
from napari_medai.models.model import CheckCase, Model
from napari_medai.models.pipeline import segment_image
from napari_medai.models.points.find import examine
from napari_medai.models.task import require_task
from napari_medai.models.whole import image_scores

LEAST_AGREEMENT = 0.999
"""Share of equal voxels that still passes: processors differ in the last bits, so near-ties may flip."""

NEAR = 1e-3
"""How far a number may be off, as a share of the largest."""


@dataclass(frozen=True)
class CheckResult:
    """The outcome of a self-check.

    Parameters
    ----------
    exact : bool
        Whether every voxel has the expected label, or every number the expected value.
    agreement : float
        Share of voxels that have it, or of numbers that lie within a thousandth of the largest, 0 to 1.
    what : {"labels", "numbers"}
        What was compared.
    """

    exact: bool
    agreement: float
    what: str = "labels"

    @property
    def passed(self) -> bool:
        """Whether all is equal, or nearly so."""
        return self.exact or self.agreement >= LEAST_AGREEMENT

    def __str__(self) -> str:
        verdict = "passed" if self.passed else "failed"
        of = "voxels" if self.what == "labels" else "numbers"
        how = "exactly" if self.exact else f"in {self.agreement:.3%} of the {of}"
        return f"{verdict}: equal to the expected {self.what} {how}"


def check_model(model: Model, *, device: str = "cpu", progress: Progress = silent) -> CheckResult:
    """Run a model on its own small input.

    Parameters
    ----------
    model : Model
        A loaded model.
    device : str
        Where to run it.
    progress : Progress
        Hears every batch of windows.

    Raises
    ------
    ModelError
        If the model's folder holds no check.
    """
    if model.case is None:
        raise ModelError(f"Model {model.reference} has no self-check: its folder holds no check/.")
    place = resolve_device(device)
    if model.case.labels is None:
        return _check_numbers(model, place, progress)
    labels = segment_image(model, model.case.image, device=place, progress=progress)
    exact = labels_digest(labels) == labels_digest(model.case.labels)
    agreement = float(np.mean(labels.array == model.case.labels.array))
    return CheckResult(exact, agreement)


def make_case(model: Model, image: MedicalImage) -> CheckCase:
    """Make the self-check of a model from a small image: what the model says about it here and now.

    Raises
    ------
    ModelError
        If the model's task gives neither labels nor numbers for a whole image.
    """
    require_task(model.spec, "segmentation", "classification", "regression", "landmarks", "registration")
    if model.spec.task == "segmentation":
        return CheckCase(image, segment_image(model, image))
    return CheckCase(image, numbers=_numbers(model, image, "cpu", silent))


def _check_numbers(model: Model, device: str, progress: Progress) -> CheckResult:
    case = model.case
    if case is None or case.numbers is None:
        raise ModelError(f"The self-check of model {model.reference} expects nothing.")
    found = _numbers(model, case.image, device, progress)
    if found.shape != case.numbers.shape:
        return CheckResult(False, 0.0, "numbers")
    near = np.abs(found - case.numbers) <= NEAR * max(float(np.abs(case.numbers).max()), 1e-6)
    return CheckResult(bool(np.array_equal(found, case.numbers)), float(near.mean()), "numbers")


def _numbers(model: Model, image: MedicalImage, device: str, progress: Progress) -> NDArray[np.float32]:
    if model.spec.task == "landmarks":
        return np.asarray(examine(model, image, device=device, progress=progress).world.ravel(), np.float32)
    if model.spec.task == "registration":
        return displacement_between(model, image, device=device, progress=progress)[0].ravel()
    scores, _ = image_scores(model, image, device=device, progress=progress)
    return np.asarray(scores, np.float32)
