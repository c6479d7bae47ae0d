"""The self-check: does a model still give the labels it gave where it was made?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_medai.core.device import resolve_device
from napari_medai.core.errors import ModelError
from napari_medai.core.image import MedicalImage
from napari_medai.core.progress import Progress, silent
from napari_medai.models.case import labels_digest
from napari_medai.models.model import CheckCase, Model
from napari_medai.models.pipeline import segment_image

LEAST_AGREEMENT = 0.999
"""Share of equal voxels that still passes: processors differ in the last bits, so near-ties may flip."""


@dataclass(frozen=True)
class CheckResult:
    """The outcome of a self-check.

    Parameters
    ----------
    exact : bool
        Whether every voxel has the expected label.
    agreement : float
        Share of voxels that have it, 0 to 1.
    """

    exact: bool
    agreement: float

    @property
    def passed(self) -> bool:
        """Whether the labels are equal, or nearly so."""
        return self.exact or self.agreement >= LEAST_AGREEMENT

    def __str__(self) -> str:
        verdict = "passed" if self.passed else "failed"
        how = "exactly" if self.exact else f"in {self.agreement:.3%} of the voxels"
        return f"{verdict}: equal to the expected labels {how}"


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
    labels = segment_image(model, model.case.image, device=place, progress=progress)
    exact = labels_digest(labels) == labels_digest(model.case.labels)
    agreement = float(np.mean(labels.array == model.case.labels.array))
    return CheckResult(exact, agreement)


def make_case(model: Model, image: MedicalImage) -> CheckCase:
    """Make the self-check of a model from a small image: what the model says about it here and now."""
    labels = segment_image(model, image)
    return CheckCase(image, labels)
