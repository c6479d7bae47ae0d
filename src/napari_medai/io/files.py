"""Files found, and named without betraying where they lie."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from napari_medai.core.errors import ReadError

COMPRESSION_LIMIT = 1040
"""No deflate stream holds more than this many bytes a byte."""


@dataclass(frozen=True)
class Source:
    """One file to read.

    Parameters
    ----------
    path : Path
        Where it lies.
    shown : str
        How it is called in messages: relative to what was asked for.
    format : str
        What its bytes say it is.
    stays : bool
        Whether it will still be there later; what an archive was unpacked to will not.
    """

    path: Path
    shown: str
    format: str
    stays: bool = True


@dataclass(frozen=True)
class Skipped:
    """A file that was looked at and left out.

    Parameters
    ----------
    shown : str
        How it is called in messages.
    reason : str
        Why it was left out.
    """

    shown: str
    reason: str


def shown_name(path: Path, root: Path | None = None) -> str:
    """Return the name of a file for messages: relative to ``root``, or its last part."""
    if root is not None and path != root:
        try:
            return path.relative_to(root).as_posix()
        except ValueError:
            pass
    return path.name or str(path)


def stem(path: Path) -> str:
    """Return a file's name without its suffixes ``.nii.gz``, ``.tar.gz``, ``.tif`` and the like."""
    name = path.name
    if name.lower().endswith(".gz"):
        name = name[:-3]
    base = name.rsplit(".", 1)[0] if "." in name[1:] else name
    return base or path.name


def read_exactly(stream: BinaryIO, buffer: memoryview, shown: str) -> None:
    """Fill a buffer from a stream.

    Raises
    ------
    ReadError
        If the stream ends early or its compression is damaged.
    """
    import zlib

    done = 0
    try:
        while done < len(buffer):
            count = stream.readinto(buffer[done : done + (1 << 24)])  # type: ignore[attr-defined]
            if not count:
                break
            done += count
    except (EOFError, zlib.error, OSError) as error:
        raise ReadError(
            f"{shown} is cut short or damaged: {error} after {done} of {len(buffer)} bytes of voxels.",
            hint="Copy the file again from where it came.",
        ) from error
    if done < len(buffer):
        raise ReadError(
            f"{shown} is cut short: it holds {done} of the {len(buffer)} bytes of voxels it promises.",
            hint="Copy the file again from where it came.",
        )


def require_plausible_size(shown: str, wanted: int, available: int, compressed: bool) -> None:
    """Refuse a header that promises more than its file can hold, before anything is allocated.

    Parameters
    ----------
    shown : str
        The file's name for messages.
    wanted : int
        Bytes of voxels by the header.
    available : int
        Bytes of the file that can hold them.
    compressed : bool
        Whether those bytes are deflated.

    Raises
    ------
    ReadError
        If they cannot.
    """
    limit = available * COMPRESSION_LIMIT if compressed else available
    if wanted > limit:
        raise ReadError(
            f"{shown} promises {readable_size(wanted)} of voxels but holds {readable_size(available)}"
            f"{' compressed' if compressed else ''}: it is damaged or cut short.",
            hint="Copy the file again from where it came.",
        )


def readable_size(count: int) -> str:
    """Return a number of bytes as people write it."""
    size = float(count)
    for unit in ("bytes", "KB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.3g} TB"
