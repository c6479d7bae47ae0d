"""The files of a folder described in a table, patient facts among them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_medai.core.errors import ReadError
from napari_medai.core.operation import operation
from napari_medai.core.progress import Progress, part, silent, track
from napari_medai.explore.images import row_of

if TYPE_CHECKING:
    from pandas import DataFrame

_IDENTITY = {
    "patient_name": "PatientName",
    "patient_id": "PatientID",
    "birth_date": "PatientBirthDate",
    "accession": "AccessionNumber",
    "institution": "InstitutionName",
    "physician": "ReferringPhysicianName",
}
_HARMLESS = {
    "sex": "PatientSex",
    "age": "PatientAge",
    "study": "StudyDescription",
    "series": "SeriesDescription",
    "manufacturer": "Manufacturer",
}
HIDDEN = "(hidden)"


@operation(group="explore", title="Describe a folder")
def describe_files(folder: Path, *, hide_identity: bool = True, progress: Progress = silent) -> DataFrame:
    """Describe every image of a folder, with what DICOM headers say of patient and study.

    Parameters
    ----------
    folder : Path
        A folder, searched deep, or a file.
    hide_identity : bool
        Show "(hidden)" instead of name, number, birth date, accession number, institution and
        physician. Sex, age and the descriptions are shown in any case; descriptions are free text.
    progress : Progress
        Hears one report a file.

    Returns
    -------
    pandas.DataFrame
        The columns of ``describe`` for every image. DICOM images have the patient's and study's facts
        besides, those of all files of their modality; where these differ they are joined by ";".

    Raises
    ------
    ReadError
        If there is nothing to read.
    """
    from pandas import DataFrame

    from napari_medai.io.find import open_sources
    from napari_medai.io.read import read

    images = read(folder, progress=part(progress, 0, 0.8))
    with open_sources(folder) as (sources, _):
        files = [s.path for s in sources if s.format == "dicom"]
        facts = _facts(files, hide_identity, part(progress, 0.8, 1))
    return DataFrame([{**row_of(image), **facts.get(_series_of(image), {})} for image in images])


def _series_of(image: Any) -> str:
    return (
        str(image.meta.get("modality", "")) if image.meta.get("source", {}).get("format") == "dicom" else ""
    )


def _facts(files: list[Path], hide: bool, progress: Progress) -> dict[str, dict[str, str]]:
    """Collect the header's facts by modality; differing ones are joined."""
    found: dict[str, dict[str, set[str]]] = {}
    for path in track(files, progress, "Reading headers"):
        header = _header(path)
        entry = found.setdefault(str(getattr(header, "Modality", "")), {})
        for name, keyword in {**_IDENTITY, **_HARMLESS}.items():
            value = str(getattr(header, keyword, "") or "")
            entry.setdefault(name, set()).add(HIDDEN if hide and value and name in _IDENTITY else value)
    return {m: {k: "; ".join(sorted(v - {""})) for k, v in e.items()} for m, e in found.items()}


def _header(path: Path) -> Any:
    from pydicom import dcmread
    from pydicom.errors import InvalidDicomError

    try:
        return dcmread(path, stop_before_pixels=True, force=True)
    except (InvalidDicomError, OSError) as error:
        raise ReadError(f"{path.name}: its DICOM header cannot be read: {error}.") from error
