"""Paths turned into the files worth reading."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from napari_medai.core.errors import ReadError
from napari_medai.io.files import Skipped, Source, shown_name
from napari_medai.io.sniff import COMPANIONS, format_by_name, header_of, read_head, sniff, walk

Paths = str | Path | Sequence[str | Path]


def find_sources(path: Paths) -> tuple[list[Source], list[Skipped]]:
    """List the files at a path that hold images.

    Parameters
    ----------
    path : path or sequence of paths
        A file, a folder (searched deep) or several.

    Returns
    -------
    sources : list of Source
        Files whose bytes are known here.
    skipped : list of Skipped
        The others.

    Raises
    ------
    ReadError
        If a path does not exist, or a single file is of no known format.
    """
    if isinstance(path, str | Path):
        return _find_one(Path(path))
    sources: list[Source] = []
    skipped: list[Skipped] = []
    for entry in path:
        found, left_out = _find_one(Path(entry))
        sources += found
        skipped += left_out
    return sources, skipped


def _find_one(path: Path) -> tuple[list[Source], list[Skipped]]:
    if path.is_dir():
        return _find_in_folder(path)
    if not path.exists():
        raise ReadError(f"Found no file or folder {path.name or str(path)!r}.", hint="Check the path.")
    header = header_of(path)
    found = sniff(header)
    if found is None:
        raise unknown_file(path)
    return [Source(header, header.name, found)], []


def _find_in_folder(folder: Path) -> tuple[list[Source], list[Skipped]]:
    sources, skipped = [], []
    for path in walk(folder):
        shown = shown_name(path, folder)
        found = sniff(path)
        if found is not None:
            sources.append(Source(path, shown, found))
        elif not _is_companion(path):
            skipped.append(Skipped(shown, "not an image"))
    return sources, skipped


def _is_companion(path: Path) -> bool:
    """Tell whether a file holds the voxels of a header file beside it."""
    lower = path.name.lower().removesuffix(".gz")
    return any(lower.endswith(suffix) for suffix in COMPANIONS) and header_of(path) != path


def unknown_file(path: Path) -> ReadError:
    """Return the error for a file that holds no image known here."""
    claimed = format_by_name(path)
    if path.stat().st_size == 0:
        return ReadError(f"{path.name} is empty (0 bytes).", hint="Copy the file again from where it came.")
    head = read_head(path)
    content = (
        "text" if head and all(32 <= byte < 127 or byte in b"\t\r\n" for byte in head) else "unknown data"
    )
    if not head:
        content = "a damaged gzip stream"
    if claimed:
        return ReadError(
            f"{path.name} is named like {_NAMES[claimed]} but holds {content}.",
            hint="Check that the file is what its name says, or copy it again.",
        )
    return ReadError(
        f"{path.name} holds {content}, not an image of a known format.",
        hint="Known are DICOM, NIfTI, NRRD, MetaImage, GIPL, ANALYZE, MGH, MINC, PAR/REC, AFNI, TIFF, PNG.",
    )


_NAMES = {
    "nifti": "NIfTI", "dicom": "DICOM", "nrrd": "NRRD", "metaimage": "MetaImage", "tiff": "TIFF",
    "picture": "a picture", "gipl": "GIPL", "mgh": "MGH", "minc": "MINC",
}  # fmt: skip
