"""DICOM files copied without what tells who the patient is."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from napari_medai.core.errors import MedAIError, ReadError, WriteError
from napari_medai.core.files import written_beside
from napari_medai.core.progress import Progress, silent, track
from napari_medai.io.dicom.header import quiet_pydicom
from napari_medai.io.dicom.identity import Options, cleaned
from napari_medai.io.files import Skipped
from napari_medai.io.find import open_sources

_OFTEN_BURNED_IN = ("US", "ES", "XC", "OT", "SC", "RF", "XA", "DX", "CR", "GM", "OP")


@dataclass(frozen=True)
class DeidentificationReport:
    """What was done.

    Parameters
    ----------
    files : int
        Files written.
    removed, emptied, replaced : mapping
        Element keyword -> in how many files it was removed, emptied or given another value.
    warnings : tuple of str
        What a person must still look at: text that may be burned into pictures.
    skipped : tuple of Skipped
        Files that were not copied.
    """

    files: int
    removed: Mapping[str, int] = field(default_factory=dict)
    emptied: Mapping[str, int] = field(default_factory=dict)
    replaced: Mapping[str, int] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    skipped: tuple[Skipped, ...] = ()


def deidentify(
    folder: str | Path,
    out: str | Path,
    *,
    dates: str = "remove",
    keep_descriptions: bool = False,
    keep_patient_characteristics: bool = False,
    secret: str | None = None,
    progress: Progress = silent,
) -> DeidentificationReport:
    """Copy DICOM files without identity, after the basic profile of DICOM PS3.15 annex E.

    Stricter than the profile's list: every free text, person, address and date is removed unless it is known
    to be about the machine or the image; every private element is removed. Files get new names.

    Parameters
    ----------
    folder : path
        A file or folder of DICOM files.
    out : path
        A folder that does not exist yet.
    dates : {"remove", "shift"}
        Dates emptied, or moved into the past by a number of days that is the same for all files of a patient.
    keep_descriptions : bool
        Keep study, series and protocol descriptions; they may name people, so look at them.
    keep_patient_characteristics : bool
        Keep sex, age, size and weight (needed for PET uptake values).
    secret : str, optional
        Makes UIDs, patient codes and date shifts the same over several calls; random otherwise.
    progress : Progress
        Hears one report a file; a cancel leaves nothing behind.

    Returns
    -------
    DeidentificationReport
        What was removed, and what to look at.

    Raises
    ------
    ReadError
        If there is no DICOM file.
    WriteError
        If ``out`` exists.

    References
    ----------
    DICOM PS3.15, table E.1-1.
    """
    target = Path(out)
    if target.exists():
        raise WriteError(f"{target.name} exists already.", hint="Choose the name of a new folder.")
    if dates not in ("remove", "shift"):
        raise WriteError(f"Found dates={dates!r}; needed 'remove' or 'shift'.")
    options = Options(
        dates == "shift", keep_descriptions, keep_patient_characteristics, secret or secrets.token_hex(16)
    )
    counts: dict[str, Counter[str]] = {"removed": Counter(), "emptied": Counter(), "replaced": Counter()}
    warnings: Counter[str] = Counter()
    with open_sources(folder) as (sources, skipped), written_beside(target) as partial:
        dicom = [source for source in sources if source.format == "dicom"]
        if not dicom:
            raise ReadError(
                f"Found no DICOM file in {Path(folder).name}.", hint="Choose the folder of the scan."
            )
        left_out = [*skipped, *(Skipped(s.shown, "not DICOM") for s in sources if s.format != "dicom")]
        partial.mkdir()
        for number, source in enumerate(track(dicom, progress, "Removing identity"), start=1):
            try:
                warnings.update(_copy(source.path, partial / f"{number:06d}.dcm", options, counts))
            except MedAIError as error:
                left_out.append(Skipped(source.shown, error.message))
        files = len(list(partial.iterdir()))
    said = tuple(f"{text} ({count} files)" for text, count in warnings.items())
    return DeidentificationReport(
        files,
        dict(counts["removed"]),
        dict(counts["emptied"]),
        dict(counts["replaced"]),
        said,
        tuple(left_out),
    )


def _copy(path: Path, target: Path, options: Options, counts: dict[str, Counter[str]]) -> list[str]:
    """Write one file without identity; return what must be said about it."""
    import pydicom

    with quiet_pydicom():
        try:
            dataset = pydicom.dcmread(path, force=True)
            if "SOPClassUID" not in dataset:
                raise ReadError("not a DICOM object", hint="Leave it out.")
            warnings = _pixel_warnings(dataset)
            clean = cleaned(dataset, options, counts)
            clean.save_as(target, enforce_file_format=True)
        except (AttributeError, ValueError, TypeError, KeyError, IndexError, NotImplementedError) as error:
            target.unlink(missing_ok=True)
            raise ReadError(f"damaged: {type(error).__name__}", hint="Export it again.") from error
    return warnings


def _pixel_warnings(dataset: Any) -> list[str]:
    if "PixelData" not in dataset or str(dataset.get("BurnedInAnnotation", "")) == "NO":
        return []
    modality = str(dataset.get("Modality", ""))
    if str(dataset.get("BurnedInAnnotation", "")) == "YES":
        return [f"{modality} pictures say that text is burned into them: look for names"]
    if modality in _OFTEN_BURNED_IN or "SECONDARY" in (dataset.get("ImageType", None) or []):
        return [f"{modality} pictures may have text burned into them: look for names"]
    return []
