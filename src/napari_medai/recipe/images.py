"""The images below a folder, each told apart from the others without reading pixels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

from napari_medai.core.progress import Progress, Step, silent
from napari_medai.recipe.counted import counted
from napari_medai.recipe.inputs import IMAGE_SUFFIXES, Spec

BATCH_FILES = ("recipe.yaml", "manifest.json")
"""What tells the output folder of a batch from a folder of images."""


def images_below(root: Path, progress: Progress = silent) -> Iterator[tuple[str, Spec]]:
    """Yield every image file and every DICOM series below a folder, searched deep.

    Parameters
    ----------
    root : Path
        Output folders of batches and what is hidden in it are passed over.
    progress : Progress
        Hears of the files as they are looked at.

    Yields
    ------
    name : str
        For people: relative to the folder.
    spec : str or tuple of str
        How to read it. A file that only claims to be an image is among them: reading it says what is wrong.
    """
    from napari_medai.io.sniff import header_of, sniff, walk

    dicom = []
    for path in sorted(path for path in counted(walk(root), progress) if _counts(path, root)):
        progress(Step(0, 0, f"Looking into {path.name}"))
        if header_of(path) != path:
            continue
        kind = sniff(path)
        if kind == "dicom":
            dicom.append(path)
        elif kind is not None or path.name.lower().endswith(IMAGE_SUFFIXES):
            yield path.relative_to(root).as_posix(), str(path)
    if dicom:
        yield from _series(dicom, root, progress)


def _series(paths: Sequence[Path], root: Path, progress: Progress) -> Iterator[tuple[str, Spec]]:
    from napari_medai.io.dicom.scan import scan

    found = scan(paths, progress)
    files_below = cache(_files_below)
    for series in found.series:
        files = tuple(sorted(str(header.path) for header in series.headers))
        folder = Path(files[0]).parent
        name = f"{folder.relative_to(root).as_posix()}_{series.name}".removeprefix("._")
        count = max(len(series.stacks), 1)
        for number in range(1, count + 1):
            mark = f"-{number}" if count > 1 else ""
            alone = files_below(folder) == set(files)
            yield f"{name}{mark}", _shortest(folder, files, number if count > 1 else 0, alone)
    read = {str(header.path) for series in found.series for header in series.headers}
    without_pixels = {str(header.path) for header in found.others}
    for path in paths:
        if str(path) not in read | without_pixels:
            yield path.relative_to(root).as_posix(), str(path)


def _files_below(folder: Path) -> set[str]:
    return {str(path) for path in folder.rglob("*") if path.is_file()}


def _shortest(folder: Path, files: tuple[str, ...], number: int, alone: bool) -> Spec:
    """Return the folder where the series lies alone in it, else its files."""
    if alone:
        return f"{folder}#{number}" if number else str(folder)
    return (*files, f"#{number}") if number else files


def _counts(path: Path, root: Path) -> bool:
    """Tell whether a file is neither hidden nor the result of a batch."""
    hidden = any(part.startswith(".") for part in path.relative_to(root).parts)
    return not hidden and not _in_batch(path.parent, root)


@cache
def _in_batch(folder: Path, root: Path) -> bool:
    if all((folder / name).is_file() for name in BATCH_FILES):
        return True
    return folder != root and folder != folder.parent and _in_batch(folder.parent, root)
