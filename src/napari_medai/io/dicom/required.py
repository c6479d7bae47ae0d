"""What the standard asks of a derived slice beyond its voxels: the modules of its class, filled or empty."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

CT = "1.2.840.10008.5.1.4.1.1.2"
MR = "1.2.840.10008.5.1.4.1.1.4"
PET = "1.2.840.10008.5.1.4.1.1.128"
SECONDARY = "1.2.840.10008.5.1.4.1.1.7"
_CLASSES = {"CT": CT, "MR": MR, "PT": PET}

_EVERY: Mapping[str, Any] = {
    "StudyID": "", "AccessionNumber": "", "ReferringPhysicianName": "", "PositionReferenceIndicator": "",
    "PatientPosition": "", "Laterality": "", "AcquisitionNumber": "",
}  # fmt: skip
_OF_CLASS: Mapping[str, Mapping[str, Any]] = {
    CT: {"KVP": ""},
    MR: {
        "ScanningSequence": "RM", "SequenceVariant": "NONE", "ScanOptions": "", "MRAcquisitionType": "",
        "RepetitionTime": "", "EchoTime": "", "EchoTrainLength": "",
    },
    SECONDARY: {"ConversionType": "WSD", "PatientOrientation": ""},
}  # fmt: skip
"""Keyword -> what stands there where the source says nothing; "RM" (research) is no known sequence."""
_OF_PET = (
    "SeriesDate", "SeriesTime", "Units", "CountsSource", "SeriesType", "DecayCorrection", "CorrectedImage",
    "CollimatorType", "FrameReferenceTime", "ActualFrameDuration", "AcquisitionDate", "AcquisitionTime",
    "RadiopharmaceuticalInformationSequence", "PatientOrientationCodeSequence",
    "PatientGantryRelationshipCodeSequence", "ReconstructionMethod", "AttenuationCorrectionMethod",
    "ScatterCorrectionMethod", "RandomsCorrectionMethod", "DecayFactor", "ImageIndex", "NumberOfSlices",
)  # fmt: skip
_TYPES = {
    CT: ["DERIVED", "SECONDARY", "AXIAL"],
    MR: ["DERIVED", "SECONDARY", "OTHER"],
    PET: ["DERIVED", "PRIMARY"],
}


def class_of(modality: str, colour: bool, source: Any | None) -> str:
    """Return the SOP class of a derived slice.

    Parameters
    ----------
    modality : str
        ``"CT"``, ``"MR"``, ``"PT"``, ...
    colour : bool
        Whether it holds RGB.
    source : pydicom.Dataset, optional
        A slice it was derived from. A PET image must state how its activity was measured, which nobody
        but its source knows: without one it is a secondary capture.
    """
    if colour or (modality == "PT" and not _is_pet(source)):
        return SECONDARY
    return _CLASSES.get(modality, SECONDARY)


def fill_modules(dataset: Any, source: Any | None) -> None:
    """Add the elements that the class of a data set requires, from its source or as unknown.

    Parameters
    ----------
    dataset : pydicom.Dataset
        With its class; elements that are there stay.
    source : pydicom.Dataset, optional
        A slice it was derived from.
    """
    kind = str(dataset.SOPClassUID)
    same = source if source is not None and str(source.get("SOPClassUID", "")) == kind else {}
    dataset.ImageType = _TYPES.get(kind, ["DERIVED", "SECONDARY"])
    for keyword, unknown in {**_EVERY, **_OF_CLASS.get(kind, {})}.items():
        if keyword in dataset:
            continue
        if keyword in same:
            dataset[keyword] = same[keyword]
        else:
            setattr(dataset, keyword, unknown)
    for keyword in _OF_PET if kind == PET else ():
        if keyword in same:
            dataset[keyword] = same[keyword]


def _is_pet(source: Any | None) -> bool:
    return source is not None and str(source.get("SOPClassUID", "")) == PET
