"""A model folder packed into one file to travel, and unpacked again."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
import unicodedata
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from napari_medai.core.errors import ModelError
from napari_medai.core.progress import Progress, silent, track
from napari_medai.io.archive import unpacked
from napari_medai.models.folder import load_folder, own_files
from napari_medai.models.plain_text import without_commands

_EPOCH = (1980, 1, 1, 0, 0, 0)


def pack_folder(folder: Path, path: Path, progress: Progress = silent) -> str:
    """Pack a model folder into a zip file, with its checksum in a small file beside it.

    Parameters
    ----------
    folder : pathlib.Path
        A model folder; it is checked first, and only a model's own files are taken.
    path : pathlib.Path
        The zip file to make; it must not exist yet.
    progress : Progress
        Hears each file.

    Returns
    -------
    str
        The file's SHA-256 in hex digits. The same folder gives the same file.

    Raises
    ------
    ModelError
        If the file exists or the folder is no sound model.
    """
    model = load_folder(folder)
    beside = checksum_file(path)
    for file in (path, beside):
        if file.exists():
            raise ModelError(f"{file} exists already.", hint="Choose another name.")
    files = own_files(folder, model.spec)
    with zipfile.ZipFile(path, "x") as archive:
        for file in track(files, progress, "Packing"):
            entry = zipfile.ZipInfo(f"{model.spec.name}/{file.as_posix()}", _EPOCH)
            entry.external_attr = 0o644 << 16
            with (folder / file).open("rb") as source, archive.open(entry, "w", force_zip64=True) as target:
                shutil.copyfileobj(source, target, 2**20)
    digest = file_digest(path)
    beside.write_text(f"{digest}  {path.name}\n", encoding="utf-8")
    return digest


@contextmanager
def unpacked_folder(path: Path, sha256: str = "", progress: Progress = silent) -> Iterator[Path]:
    """Unpack a zip file; its folder is gone afterwards.

    Parameters
    ----------
    path : pathlib.Path
        The zip file.
    sha256 : str
        Its checksum in hex digits; by default that of the small file beside it, where there is one.
    progress : Progress
        Hears each file.

    Yields
    ------
    pathlib.Path
        The folder with the content; the inner one where the file holds a single folder.

    Raises
    ------
    ModelError
        If the checksum is another, or two members have one name.
    ReadError
        If the file is damaged, a member would leave the folder, or it unpacks beyond measure.
    """
    if not zipfile.is_zipfile(path):
        raise ModelError(f"{path} is no zip file.", hint="Give a model folder, or a zip file of one.")
    check_digest(path, sha256 or _stored_digest(path))
    _refuse_doubles(path)
    with unpacked(path, "zip", progress) as folder:
        inner = list(folder.iterdir())
        yield inner[0] if len(inner) == 1 and inner[0].is_dir() else folder


def _refuse_doubles(path: Path) -> None:
    """Refuse an archive of which one program would unpack another file than the next one."""
    seen = set()
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return  # unpacking says what is wrong
    for name in names:
        plain = unicodedata.normalize("NFC", str(PurePosixPath(name.replace("\\", "/")))).casefold()
        if plain in seen:
            raise ModelError(
                f"{path} holds two members of the name {without_commands(name)[:80]!r}, whatever the case "
                "and the spelling of the letters.",
                hint="Do not trust this archive.",
            )
        seen.add(plain)


def file_digest(path: Path) -> str:
    """Return a file's SHA-256 in hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_digest(path: Path, sha256: str, shown: str = "") -> None:
    """Refuse a file whose checksum is not the one given; an empty one asks for nothing.

    Raises
    ------
    ModelError
        Naming both.
    """
    wanted = sha256.strip().lower().removeprefix("sha256:")
    found = file_digest(path) if wanted else ""
    if wanted != found:
        raise ModelError(
            f"{shown or path} has the SHA-256 {found}; needed {wanted}.",
            hint="The file is damaged, or another one than was meant: do not use it.",
        )


def copied_folder(source: Path, place: Path) -> Path:
    """Copy a model folder into a place for models, whole or not at all, under the model's own name.

    Parameters
    ----------
    source : pathlib.Path
        A model folder; it is checked first, and only a model's own files are taken.
    place : pathlib.Path
        Holds model folders; made where there is none.

    Returns
    -------
    pathlib.Path
        The new folder.

    Raises
    ------
    ModelError
        If the source is no sound model, or the place has one of its name.
    """
    model = load_folder(source)
    target = place / model.spec.name
    if target.exists():
        raise ModelError(
            f"There is a model {model.spec.name} in {place} already.",
            hint=f"Remove it first: napari-medai models remove {model.spec.name}",
        )
    place.mkdir(parents=True, exist_ok=True)
    beside = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=place))
    try:
        for file in own_files(source, model.spec):
            (beside / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source / file, beside / file)
        load_folder(beside)
        beside.chmod(0o755)
        beside.rename(target)
    except BaseException:
        shutil.rmtree(beside, ignore_errors=True)
        raise
    return target


def checksum_file(path: Path) -> Path:
    """Return the small file beside a zip file that holds its checksum."""
    return path.with_name(path.name + ".sha256")


def _stored_digest(path: Path) -> str:
    beside = checksum_file(path)
    text = beside.read_text(encoding="utf-8", errors="replace")[:200] if beside.is_file() else ""
    return text.split()[0] if text.split() else ""
