"""Standardised uptake values from activity in PET."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from annotated_types import Ge, Gt

from napari_medai.core.errors import ArgumentError
from napari_medai.core.image import MedicalImage
from napari_medai.core.operation import IntensityImage, operation
from napari_medai.core.progress import Progress, Step, silent

Positive = Annotated[float, Gt(0)]
FLUORINE_18_S = 6586.2


@operation(group="measure", title="Standardised uptake (SUV)")
def compute_suv(
    image: IntensityImage,
    *,
    weight_kg: Positive | None = None,
    dose_mbq: Positive | None = None,
    delay_s: Annotated[float, Ge(0)] = 0.0,
    half_life_s: Positive = FLUORINE_18_S,
    progress: Progress = silent,
) -> MedicalImage:
    """Turn activity (Bq/ml) into uptake by body weight: SUV = activity x weight / dose.

    Without options the factor is the one the reader found in the DICOM tags (``meta["suv"]``). With
    them it is computed: the dose decays from injection to the time the voxels are corrected to.

    Parameters
    ----------
    image : MedicalImage
        PET in Bq/ml.
    weight_kg : float, optional
        The patient's weight (PatientWeight).
    dose_mbq : float, optional
        Injected activity in MBq (RadionuclideTotalDose); give it along with the weight.
    delay_s : float
        Seconds from injection to the time the voxels are corrected to, usually the start of the scan; 0
        where they are corrected to the injection.
    half_life_s : float
        Half-life of the nuclide in seconds; that of fluorine-18 by default. Counts with a delay only.
    progress : Progress
        Hears the start and the end.

    Returns
    -------
    MedicalImage
        SUV in g/ml, float32; ``meta["value_unit"]`` is ``"g/ml"``.

    Raises
    ------
    ArgumentError
        If only one of weight and dose is given, or neither and the tags do not give the factor, or the
        image is in SUV already.

    References
    ----------
    Quantitative Imaging Biomarkers Alliance, "FDG-PET/CT SUV technical confirmation profile", 2013.

    Examples
    --------
    >>> from napari_medai import Geometry
    >>> image = MedicalImage(np.full((1, 1, 1), 5000.0), "zyx", Geometry.from_spacing((1, 1, 1), (3, 2, 2)))
    >>> float(compute_suv(image, weight_kg=70, dose_mbq=350).array.max())
    1.0
    """
    progress(Step(0, 1, "Computing SUV"))
    facts: dict[str, Any] = dict(image.meta.get("suv", {}))
    if str(image.meta.get("value_unit", "")).lower() in ("g/ml", "gml"):
        raise ArgumentError("The image is in SUV (g/ml) already.", hint="Use it as it is.")
    if weight_kg is not None and dose_mbq is not None:
        left = dose_mbq * 1e6 * 0.5 ** (delay_s / half_life_s)
        factor = weight_kg * 1000 / left
    elif weight_kg is None and dose_mbq is None and "body_weight_factor" in facts:
        factor = float(facts["body_weight_factor"])
    else:
        reason = facts.get("unknown", "the image does not say weight and dose")
        raise ArgumentError(
            f"SUV cannot be computed: {reason}.", hint="Give weight_kg and dose_mbq, and the delay."
        )
    values = np.asarray(image.array, dtype=np.float64) * factor
    progress(Step(1, 1, "Computing SUV"))
    meta = {**{k: v for k, v in image.meta.items() if k != "suv"}, "value_unit": "g/ml"}
    return image.with_array(values.astype(np.float32), meta=meta)
