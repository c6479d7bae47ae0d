"""The factor that turns a PET image's activity into standardised uptake values."""

from __future__ import annotations

from typing import Any

import numpy as np

from napari_medai.io.dicom.frames import seconds_of
from napari_medai.io.dicom.header import Header, quiet_pydicom

_DAY_S = 86400.0


def suv_factor(header: Header) -> dict[str, Any]:
    """Return by what a PET image's values are multiplied to give SUV by body weight.

    Parameters
    ----------
    header : Header
        A PET slice in Bq/ml, decay-corrected to the start of the scan or to the injection.

    Returns
    -------
    dict
        ``"body_weight_factor"`` (g/Bq), or ``"unknown"`` with the reason. The values stay in Bq/ml.

    References
    ----------
    QIBA, "PET SUV vendor-neutral pseudo-code": ``SUVbw = value * weight_g / decayed_dose_Bq``.
    """
    if header.text("Units") != "BQML":
        return {"unknown": f"the values are in {header.text('Units') or 'unknown units'}, not in Bq/ml"}
    with quiet_pydicom():
        items = header.sequences.get("RadiopharmaceuticalInformationSequence", None) or [{}]
        dose = _positive(items[0].get("RadionuclideTotalDose", None))
        half_life = _positive(items[0].get("RadionuclideHalfLife", None))
        injected = seconds_of(str(items[0].get("RadiopharmaceuticalStartTime", "") or ""))
    weight = _positive(header.number("PatientWeight"))
    missing = [n for n, v in (("weight", weight), ("dose", dose), ("half-life", half_life)) if v is None]
    if missing or weight is None or dose is None or half_life is None:
        return {"unknown": f"the file does not state the {', '.join(missing)}"}
    correction = header.text("DecayCorrection")
    if correction == "ADMIN":
        return {"body_weight_factor": weight * 1000 / dose}
    start = _scan_start(header)
    if correction != "START" or injected is None or start is None:
        return {"unknown": "the file does not state to what time its decay was corrected"}
    elapsed = (start - injected) % _DAY_S
    return {"body_weight_factor": weight * 1000 / (dose * 2 ** (-elapsed / half_life))}


def _positive(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if np.isfinite(number) and number > 0 else None


def _scan_start(header: Header) -> float | None:
    """Return the series time, the start of the scan; later acquisition times are of single bed positions."""
    series, acquired = seconds_of(header.text("SeriesTime")), seconds_of(header.text("AcquisitionTime"))
    if series is None or acquired is None:
        return series if series is not None else acquired
    return min(series, acquired)
