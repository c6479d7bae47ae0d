"""Usual windows (level and width of grey values) of each modality."""

from __future__ import annotations

from collections.abc import Mapping

PRESETS: Mapping[str, Mapping[str, tuple[float, float]]] = {
    "CT": {
        "brain": (40.0, 80.0),
        "subdural": (75.0, 215.0),
        "stroke": (32.0, 8.0),
        "soft tissue": (50.0, 400.0),
        "mediastinum": (50.0, 350.0),
        "liver": (60.0, 160.0),
        "lung": (-600.0, 1500.0),
        "bone": (400.0, 1800.0),
        "temporal bone": (600.0, 2800.0),
        "angiography": (300.0, 600.0),
    },
    "PT": {"uptake, SUV 0-5": (2.5, 5.0), "uptake, SUV 0-10": (5.0, 10.0), "uptake, SUV 0-20": (10.0, 20.0)},
}
"""Modality -> name -> (centre, width): Hounsfield units for CT, standardised uptake values for PET."""


def presets(modality: str) -> Mapping[str, tuple[float, float]]:
    """Return the usual windows of a modality; none for modalities without an absolute scale, such as MR.

    Parameters
    ----------
    modality : str
        As in ``image.meta["modality"]``.

    Returns
    -------
    mapping
        Name -> (centre, width). PET windows are in SUV: divide them by
        ``image.meta["suv"]["body_weight_factor"]`` for an image in Bq/ml.
    """
    return PRESETS.get(modality, {})
