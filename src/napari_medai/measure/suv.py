"""Standardised uptake values from activity in PET."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from annotated_types import Gt

from napari_medai.core.errors import ArgumentError
from napari_medai.core.image import MedicalImage
from napari_medai.core.operation import IntensityImage, operation
from napari_medai.core.progress import Progress, Step, silent

Positive = Annotated[float, Gt(0)]


@operation(group="measure", title="Standardised uptake (SUV)")
def compute_suv(
    image: IntensityImage,
    *,
    weight_kg: Positive | None = None,
    dose_mbq: Positive | None = None,
    half_life_s: Positive | None = None,
    delay_s: float | None = None,
    progress: Progress = silent,
) -> MedicalImage:
    """Turn activity (Bq/ml) into uptake by body weight: SUV = activity x weight / dose.

    What is not given comes from the PET facts the reader found in the DICOM tags
    (``meta["pet"]``). Where the scanner corrected the voxels for decay up to the start of the scan, the
    dose is decayed from injection to that start; where it corrected up to the injection, it is not. An
    image that is in SUV already (units GML) comes back unchanged.

    Parameters
    ----------
    image : MedicalImage
        PET in Bq/ml.
    weight_kg : float, optional
        The patient's weight (PatientWeight).
    dose_mbq : float, optional
        Injected activity in MBq (RadionuclideTotalDose).
    half_life_s : float, optional
        Half-life of the nuclide in seconds (RadionuclideHalfLife); 6586 for fluorine-18.
    delay_s : float, optional
        Seconds from injection to the time the voxels are corrected to; 0 where that is the injection.
    progress : Progress
        Hears the start and the end.

    Returns
    -------
    MedicalImage
        SUV in g/ml, float32, ``meta["value_unit"]`` is ``"SUVbw"``.

    Raises
    ------
    ArgumentError
        If weight, dose, half-life or delay is neither given nor in the tags, or the image is in other
        units.

    References
    ----------
    Quantitative Imaging Biomarkers Alliance, "FDG-PET/CT SUV technical confirmation profile", 2013.
    """
    progress(Step(0, 1, "Computing SUV"))
    facts: dict[str, Any] = dict(image.meta.get("pet", {}))
    units = str(facts.get("units", "BQML")).upper()
    if units == "GML":
        return image.with_meta(value_unit="SUVbw")
    if units != "BQML":
        raise ArgumentError(
            f"The image is in {units}; needed activity in Bq/ml (BQML).",
            hint="Export the series decay corrected in Bq/ml.",
        )
    weight = _fact("weight_kg", weight_kg, facts)
    dose = _fact("dose_mbq", dose_mbq, {"dose_mbq": facts["dose_bq"] / 1e6} if "dose_bq" in facts else {})
    dose *= 1e6 * _decay(facts, half_life_s, delay_s)
    values = np.asarray(image.array, dtype=np.float64) * (weight * 1000 / dose)
    progress(Step(1, 1, "Computing SUV"))
    return image.with_array(values.astype(np.float32)).with_meta(value_unit="SUVbw")


def _decay(facts: dict[str, Any], half_life_s: float | None, delay_s: float | None) -> float:
    """Return the share of the dose that is left at the time the voxels are corrected to."""
    correction = str(facts.get("decay_correction", "START")).upper()
    if delay_s is None and correction == "ADMIN":
        return 1.0
    if correction == "NONE":
        raise ArgumentError(
            "The voxels are not corrected for decay.",
            hint="Export the series with decay correction to the start of the scan.",
        )
    delay = _fact("delay_s", delay_s, facts)
    if delay == 0:
        return 1.0
    return float(0.5 ** (delay / _fact("half_life_s", half_life_s, facts)))


def _fact(name: str, given: float | None, facts: dict[str, Any]) -> float:
    value = facts.get(name) if given is None else given
    if value is None:
        raise ArgumentError(
            f"{name} is neither given nor in the image's PET tags.",
            hint=f"Give {name}; SUV without it would be a guess.",
        )
    return float(value)
