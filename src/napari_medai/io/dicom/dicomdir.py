"""The table of contents of a DICOM medium, read for the files it lists."""

from __future__ import annotations

from pathlib import Path

from napari_medai.core.errors import ReadError
from napari_medai.io.dicom.header import quiet_pydicom

CLASS = "1.2.840.10008.1.3.10"


def is_dicomdir(path: Path) -> bool:
    """Tell whether a file is a DICOMDIR, by its name or by its class."""
    if path.name.upper() == "DICOMDIR":
        return True
    with path.open("rb") as stream:
        return CLASS.encode() + b"\0" in stream.read(512)


def listed_files(path: Path) -> list[Path]:
    """Return the files that a DICOMDIR lists and that are there.

    Parameters
    ----------
    path : Path
        The DICOMDIR.

    Raises
    ------
    ReadError
        If it is damaged, or none of its files is there. Entries that lead out of its folder are left out.
    """
    import pydicom

    root = path.parent.resolve()
    with quiet_pydicom():
        try:
            records = pydicom.dcmread(path, force=True).get("DirectoryRecordSequence", None) or []
            names = [_parts(record) for record in records]
        except Exception as error:
            raise ReadError(f"{path.name} is damaged: {error}.", hint="Read its folder instead.") from error
    found = []
    for parts in filter(None, names):
        file = _existing(root, parts)
        if file is not None and file.resolve().is_relative_to(root):
            found.append(file)
    if not found:
        raise ReadError(
            f"{path.name} lists {len(list(filter(None, names)))} files, none of which is there.",
            hint="Copy the whole medium, or read the folder that holds the images.",
        )
    return found


def _parts(record: object) -> list[str]:
    value = record.get("ReferencedFileID", None)  # type: ignore[attr-defined]
    if not value:
        return []
    return [str(part) for part in ([value] if isinstance(value, str) else value)]


def _existing(root: Path, parts: list[str]) -> Path | None:
    """Find a listed file; media are often copied to lower-case names."""
    for change in (str, str.lower):
        file = root.joinpath(*[change(part) for part in parts])
        if file.is_file():
            return file
    return None
