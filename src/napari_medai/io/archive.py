"""Archives unpacked into a temporary folder: nothing outside it, nothing without bounds."""

from __future__ import annotations

import gzip
import lzma
import shutil
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Any

from napari_medai.core.errors import ReadError
from napari_medai.core.progress import Progress, Step, silent, track
from napari_medai.io.files import readable_size

_MOST_FILES = 200_000
_ALWAYS_ALLOWED = 1 << 28
_LARGEST_GROWTH = 60
_BLOCK = 1 << 20


@contextmanager
def unpacked(path: Path, kind: str, progress: Progress = silent) -> Iterator[Path]:
    """Unpack an archive into a folder that is gone afterwards.

    Parameters
    ----------
    path : Path
        The archive.
    kind : {"zip", "tar", "gzip"}
        What it is; ``"gzip"`` is a single packed file.
    progress : Progress
        Hears one report a member.

    Yields
    ------
    Path
        The folder.

    Raises
    ------
    ReadError
        If the archive is damaged or encrypted, a member would land outside the folder, or it grows beyond
        60 times its size (and 256 MB): such archives are made to fill disks.
    """
    folder = Path(tempfile.mkdtemp(prefix="napari-medai-"))
    try:
        allowed = max(_ALWAYS_ALLOWED, _LARGEST_GROWTH * path.stat().st_size)
        budget = _Budget(min(allowed, shutil.disk_usage(folder).free // 2), path.name)
        try:
            _UNPACKERS[kind](path, folder, budget, progress)
        except (*_DAMAGES, RuntimeError, NotImplementedError) as error:
            raise ReadError(
                f"{path.name} is damaged or encrypted and cannot be unpacked: {error}.",
                hint="Unpack it with another program, and read the folder.",
            ) from error
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class _Budget:
    """How many bytes and files an archive may still give."""

    def __init__(self, count: int, shown: str) -> None:
        self.left, self.files, self.shown = count, _MOST_FILES, shown
        self.total = count

    def spend(self, count: int) -> None:
        self.left -= count
        if self.left < 0:
            raise ReadError(
                f"{self.shown} unpacks to more than {readable_size(self.total)}, far beyond its own size.",
                hint="If you trust it, unpack it with another program, and read the folder.",
            )

    def spend_file(self) -> None:
        self.files -= 1
        if self.files < 0:
            raise ReadError(f"{self.shown} holds more than {_MOST_FILES} files.", hint="Unpack a part of it.")


def _unpack_zip(path: Path, folder: Path, budget: _Budget, progress: Progress) -> None:
    with zipfile.ZipFile(path) as archive:
        members = [m for m in archive.infolist() if not m.is_dir()]
        for member in track(members, progress, "Unpacking"):
            target = _target(folder, member.filename, path.name)
            with archive.open(member) as stream:
                _copy(stream, target, budget)


def _unpack_tar(path: Path, folder: Path, budget: _Budget, progress: Progress) -> None:
    with tarfile.open(path) as archive:
        for member in track(archive, progress, "Unpacking", total=1):
            if not member.isfile():
                continue
            target = _target(folder, member.name, path.name)
            stream = archive.extractfile(member)
            if stream is not None:
                with stream:
                    _copy(stream, target, budget)


def _unpack_gzip(path: Path, folder: Path, budget: _Budget, progress: Progress) -> None:
    progress(Step(0, 1, "Unpacking"))
    name = path.name[:-3] if path.name.lower().endswith(".gz") else path.name
    with gzip.open(path) as stream:
        _copy(stream, folder / name, budget)


def _target(folder: Path, name: str, shown: str) -> Path:
    """Return where a member goes; refuse one that would leave the folder."""
    parts = PurePosixPath(name.replace("\\", "/")).parts
    if not parts or ".." in parts or parts[0].startswith("/") or ":" in parts[0]:
        raise ReadError(
            f"{shown} holds a member that would be written outside its folder.",
            hint="Do not trust this archive.",
        )
    return folder.joinpath(*parts)


def _copy(stream: IO[bytes] | gzip.GzipFile, target: Path, budget: _Budget) -> None:
    budget.spend_file()
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("wb") as out:
        while block := stream.read(_BLOCK):
            budget.spend(len(block))
            out.write(block)


_UNPACKERS: dict[str, Any] = {"zip": _unpack_zip, "tar": _unpack_tar, "gzip": _unpack_gzip}
_DAMAGES = (zipfile.BadZipFile, tarfile.TarError, EOFError, zlib.error, lzma.LZMAError, OSError, ValueError)
