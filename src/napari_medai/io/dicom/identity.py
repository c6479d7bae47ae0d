"""Which elements of a DICOM data set tell who the patient is, and what becomes of them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any

_STANDARD_ROOT = "1.2.840.10008."
_TEXT = frozenset(("AE", "LO", "LT", "PN", "SH", "ST", "UC", "UR", "UT"))
_DATES = frozenset(("DA", "DT"))
_BYTES = frozenset(("OB", "OW", "OF", "OD", "OL", "OV", "UN"))
_CHARACTERISTICS = frozenset(("PatientSex", "PatientAge", "PatientSize", "PatientWeight"))
_DESCRIPTIONS = frozenset(("StudyDescription", "SeriesDescription", "ProtocolName", "SequenceName"))
_EMPTIED = frozenset(
    ("PatientBirthDate", "PatientSex", "StudyDate", "StudyTime", "AccessionNumber", "ReferringPhysicianName",
     "StudyID", "ContentDate", "ContentTime")
)  # fmt: skip
"""Elements that a valid file must have, if only empty (type 2)."""
_HARMLESS_TEXT = frozenset(
    ("Manufacturer", "ManufacturerModelName", "SoftwareVersions", "RescaleType", "LUTExplanation", "LUTLabel",
     "CodeValue", "CodingSchemeDesignator", "CodingSchemeVersion", "CodeMeaning", "LongCodeValue",
     "SegmentLabel", "SegmentAlgorithmName", "StackID", "ContrastBolusAgent", "Radiopharmaceutical",
     "ReceiveCoilName", "TransmitCoilName", "ConvolutionKernel", "FilterType", "PulseSequenceName",
     "DimensionDescriptionLabel", "ROIName", "StructureSetLabel", "OpticalPathIdentifier", "ImagedNucleus")
)  # fmt: skip
_PIXEL_BYTES = frozenset(
    ("PixelData", "FloatPixelData", "DoubleFloatPixelData", "LUTData", "OverlayData",
     "RedPaletteColorLookupTableData", "GreenPaletteColorLookupTableData", "BluePaletteColorLookupTableData",
     "SegmentedRedPaletteColorLookupTableData", "SegmentedGreenPaletteColorLookupTableData",
     "SegmentedBluePaletteColorLookupTableData", "ICCProfile", "ExtendedOffsetTable",
     "ExtendedOffsetTableLengths")
)  # fmt: skip
_DROPPED = frozenset(
    ("IconImageSequence", "OriginalAttributesSequence", "RequestAttributesSequence",
     "InstitutionCodeSequence", "ReferencedPatientSequence", "PerformedProtocolCodeSequence",
     "EncryptedAttributesSequence", "DigitalSignaturesSequence", "MACParametersSequence",
     "ContentCreatorIdentificationCodeSequence")
)  # fmt: skip
_NUMBERS_OF_PATIENTS = frozenset(("PatientBirthDate", "AccessionNumber", "StudyID"))
_DROPPED_GROUPS = (0x0010, 0x0032, 0x0038, 0x4008, 0x4000)


@dataclass(frozen=True)
class Options:
    """What may stay.

    Parameters
    ----------
    shift_dates : bool
        Move dates instead of removing them.
    keep_descriptions : bool
        Keep study and series descriptions.
    keep_characteristics : bool
        Keep sex, age, size and weight.
    secret : str
        Makes hashes that nobody without it can reproduce.
    """

    shift_dates: bool
    keep_descriptions: bool
    keep_characteristics: bool
    secret: str


def cleaned(dataset: Any, options: Options, counts: dict[str, Counter[str]]) -> Any:
    """Return a data set without identity.

    Parameters
    ----------
    dataset : pydicom.FileDataset
        Changed in place.
    options : Options
        What may stay.
    counts : dict
        ``"removed"``, ``"emptied"`` and ``"replaced"`` count keywords.
    """
    patient = str(dataset.get("PatientID", "") or dataset.get("PatientName", "") or "")
    days = 1 + int(_hash(f"days {patient}", options), 16) % 3650
    _clean(dataset, options, counts, days)
    dataset.PatientName = dataset.PatientID = "ANON-" + _hash(f"patient {patient}", options)[:10].upper()
    counts["replaced"].update(("PatientName", "PatientID"))
    for keyword in _EMPTIED:
        if keyword not in dataset:
            setattr(dataset, keyword, "")
    dataset.PatientIdentityRemoved = "YES"
    dataset.DeidentificationMethod = "napari-medai: basic profile of PS3.15, default-deny of free text"
    dataset.DeidentificationMethodCodeSequence = _codes(options)
    _clean_file_meta(dataset)
    return dataset


def _clean(dataset: Any, options: Options, counts: dict[str, Counter[str]], days: int) -> None:
    for tag in list(dataset.keys()):
        try:
            element = dataset[tag]
            keyword, vr = element.keyword, element.VR
        except (ValueError, TypeError, KeyError, AttributeError, IndexError, NotImplementedError):
            del dataset[tag]
            counts["removed"].update((str(tag),))
            continue
        fate = _fate(element, keyword, vr, options)
        if fate == "remove":
            del dataset[tag]
            counts["removed"].update((keyword or str(tag),))
        elif fate == "empty":
            element.value = ""
            counts["emptied"].update((keyword,))
        elif fate == "uid":
            element.value = _new_uids(element.value, options)
            counts["replaced"].update((keyword,))
        elif fate == "date":
            element.value = _shifted(element.value, days)
            counts["replaced"].update((keyword,))
        elif vr == "SQ":
            for item in element.value:
                _clean(item, options, counts, days)


def _fate(element: Any, keyword: str, vr: str, options: Options) -> str:
    """Tell what becomes of an element: ``"keep"``, ``"remove"``, ``"empty"``, ``"uid"`` or ``"date"``."""
    if keyword in _CHARACTERISTICS and options.keep_characteristics:
        return "keep"
    if keyword in _DESCRIPTIONS and options.keep_descriptions:
        return "keep"
    if vr in _DATES and options.shift_dates and element.tag.group != 0x0010:
        return "date"
    if keyword in _EMPTIED and not (vr == "TM" and options.shift_dates):
        return "empty"
    if element.tag.is_private or not keyword or keyword in _DROPPED or _is_personal_group(element.tag):
        return "remove"
    if vr == "UI":
        return "uid"
    if vr in _DATES or (vr == "TM" and not options.shift_dates and keyword != "SeriesTime"):
        return "remove"
    if vr in _TEXT:
        return "keep" if keyword in _HARMLESS_TEXT else "remove"
    if vr in _BYTES or " or " in vr:
        return "keep" if keyword in _PIXEL_BYTES or vr == "US or SS" else "remove"
    return "keep"


def is_personal(element: Any) -> bool:
    """Tell whether an element's value could tell a reader of the screen who the patient is.

    Names, free text, private text and everything about the patient and the request count; sizes of the body,
    descriptions, dates of the study and UIDs do not.
    """
    keyword, vr = element.keyword, element.VR
    if keyword in _CHARACTERISTICS or keyword in _DESCRIPTIONS or keyword in _HARMLESS_TEXT:
        return False
    if keyword in _DROPPED or _is_personal_group(element.tag) or keyword in _NUMBERS_OF_PATIENTS:
        return True
    return vr in _TEXT and not _reserves_block(element.tag)


def _reserves_block(tag: Any) -> bool:
    return bool(tag.is_private and tag.element < 0x100)


def _is_personal_group(tag: Any) -> bool:
    """Tell whether an element belongs to the patient, a visit, a request or a curve."""
    requests = tag.group == 0x0040 and (tag.element < 0x0300 or 0x1000 <= tag.element < 0x5000)
    return tag.group in _DROPPED_GROUPS or requests or 0x5000 <= tag.group < 0x5100


def _hash(text: str, options: Options) -> str:
    return blake2b(text.encode(), key=options.secret.encode()[:64], digest_size=16).hexdigest()


def _new_uids(value: Any, options: Options) -> Any:
    """Replace UIDs of instances; those of the standard (classes, syntaxes) stay."""
    if value is None or value == "":
        return value
    if not isinstance(value, str):
        return [_new_uids(str(entry), options) for entry in value]
    return value if value.startswith(_STANDARD_ROOT) else f"2.25.{int(_hash(value, options), 16)}"


def _shifted(value: Any, days: int) -> Any:
    """Move a date, or the date of a date and time, into the past; empty where it is none."""
    if not isinstance(value, str) and hasattr(value, "__iter__"):
        return [_shifted(str(entry), days) for entry in value]
    text = str(value or "")
    try:
        moved = datetime.strptime(text[:8], "%Y%m%d") - timedelta(days=days)
    except (ValueError, OverflowError):
        return ""
    return moved.strftime("%Y%m%d") + text[8:]


def _codes(options: Options) -> list[Any]:
    from pydicom.dataset import Dataset

    codes = [("113100", "Basic Application Confidentiality Profile")]
    if options.shift_dates:
        codes.append(("113107", "Retain Longitudinal Temporal Information Modified Dates Option"))
    if options.keep_characteristics:
        codes.append(("113108", "Retain Patient Characteristics Option"))
    items = []
    for value, meaning in codes:
        item = Dataset()
        item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, "DCM", meaning
        items.append(item)
    return items


def _clean_file_meta(dataset: Any) -> None:
    """Keep only what a file needs to be read."""
    from pydicom.dataset import FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

    old = getattr(dataset, "file_meta", {})
    meta = FileMetaDataset()
    implicit = dataset.original_encoding[0]
    default = ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian
    meta.TransferSyntaxUID = old.get("TransferSyntaxUID", None) or default
    meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.file_meta = meta
    dataset.preamble = b"\0" * 128
