"""Paths turned into the files worth reading, archives opened on the way."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from napari_medai.core.errors import ReadError
from napari_medai.core.progress import Progress, silent
from napari_medai.io.archive import unpacked
from napari_medai.io.files import Skipped, Source, shown_name
from napari_medai.io.sniff import COMPANIONS, format_by_name, header_of, is_gzipped, read_head, sniff, walk

Paths = str | Path | Sequence[str | Path]
_ARCHIVES = ("zip", "tar")


@contextmanager
def open_sources(path: Paths, progress: Progress = silent) -> Iterator[tuple[list[Source], list[Skipped]]]:
    """List the files at a path that hold images; archives stay unpacked until the block is left.

    Parameters
    ----------
    path : path or sequence of paths
        A file, a folder (searched deep), an archive, or several.
    progress : Progress
        Hears of the unpacking of archives.

    Yields
    ------
    sources : list of Source
        Files whose bytes are known here.
    skipped : list of Skipped
        The others.

    Raises
    ------
    ReadError
        If a path does not exist, or a single file is of no known format.
    """
    with ExitStack() as archives:
        yield find_sources(path, archives, progress)


def find_sources(
    path: Paths, archives: ExitStack, progress: Progress = silent
) -> tuple[list[Source], list[Skipped]]:
    """List files as :func:`open_sources` does; unpacked archives live as long as ``archives``."""
    entries = [path] if isinstance(path, str | Path) else path
    sources: list[Source] = []
    skipped: list[Skipped] = []
    for entry in entries:
        found, left_out = _find_one(Path(entry))
        skipped += left_out
        for source in found:
            sources += _opened(source, archives, progress, skipped)
    return sources, skipped


def _opened(source: Source, archives: ExitStack, progress: Progress, skipped: list[Skipped]) -> list[Source]:
    """Return a source, or what lies in it where it is an archive; archives in archives stay closed."""
    kind = source.format if source.format in _ARCHIVES else ""
    if source.format == "dicom" and is_gzipped(source.path):
        kind = "gzip"
    if not kind:
        return [source]
    folder = archives.enter_context(unpacked(source.path, kind, progress))
    found, left_out = _find_in_folder(folder)
    skipped += [Skipped(f"{source.shown}/{s.shown}", s.reason) for s in left_out]
    found = [s for s in found if s.format not in _ARCHIVES]
    return [Source(s.path, f"{source.shown}/{s.shown}", s.format, stays=False) for s in found]


def _find_one(path: Path) -> tuple[list[Source], list[Skipped]]:
    if path.is_dir():
        return _find_in_folder(path)
    if not path.exists():
        raise ReadError(f"Found no file or folder {path.name or str(path)!r}.", hint="Check the path.")
    header = header_of(path)
    found = sniff(header)
    if found is None:
        raise unknown_file(path)
    if found == "dicom":
        return _find_on_medium(header), []
    return [Source(header, header.name, found)], []


def _find_on_medium(path: Path) -> list[Source]:
    from napari_medai.io.dicom.dicomdir import is_dicomdir, listed_files

    if not is_dicomdir(path):
        return [Source(path, path.name, "dicom")]
    root = path.parent.resolve()
    return [Source(p, shown_name(p, root), "dicom") for p in listed_files(path)]


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
