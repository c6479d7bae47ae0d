"""What a file is, told by its bytes and not by its name."""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from time import monotonic

_HEAD = 1024
_GZIP = b"\x1f\x8b"
_FOLDER_FILES = 200
_FOLDER_SECONDS = 0.05

_MAGIC = {
    b"NRRD000": "nrrd",
    b"\x89PNG\r\n\x1a\n": "picture",
    b"\xff\xd8\xff": "picture",
    b"GIF8": "picture",
    b"II*\x00": "tiff",
    b"MM\x00*": "tiff",
    b"II+\x00": "tiff",
    b"MM\x00+": "tiff",
    b"PK\x03\x04": "zip",
    b"CDF\x01": "minc",
    b"CDF\x02": "minc",
    b"# === DATA DESCRIPTION FILE": "parrec",
}
_SUFFIXES = {
    ".nii": "nifti",
    ".nii.gz": "nifti",
    ".dcm": "dicom",
    ".nrrd": "nrrd",
    ".nhdr": "nrrd",
    ".mha": "metaimage",
    ".mhd": "metaimage",
    ".tif": "tiff",
    ".tiff": "tiff",
    ".png": "picture",
    ".jpg": "picture",
    ".jpeg": "picture",
    ".bmp": "picture",
    ".gif": "picture",
    ".gipl": "gipl",
    ".mgz": "mgh",
    ".mgh": "mgh",
    ".mnc": "minc",
}
COMPANIONS = {".img": ".hdr", ".rec": ".par", ".brik": ".head", ".raw": ".mhd", ".zraw": ".mhd"}
"""Suffixes of files that hold the voxels of a header file, with that header's suffix."""


def sniff(path: Path) -> str | None:
    """Tell the format of a file.

    Parameters
    ----------
    path : Path
        A file.

    Returns
    -------
    str or None
        ``"dicom"``, ``"nifti"``, ``"nifti_pair"``, ``"analyze"``, ``"nrrd"``, ``"metaimage"``, ``"gipl"``,
        ``"tiff"``, ``"picture"``, ``"mgh"``, ``"minc"``, ``"parrec"``, ``"afni"``, ``"zip"``, ``"tar"``,
        or ``None`` for anything else and for what cannot be opened.
    """
    head = read_head(path)
    return sniff_bytes(head, path.name) if head else None


def is_gzipped(path: Path) -> bool:
    """Tell whether a file is gzipped, by its bytes."""
    with path.open("rb") as stream:
        return stream.read(2) == _GZIP


def read_head(path: Path) -> bytes:
    """Return the first bytes of a file, unpacked if it is gzipped; none if it cannot be opened."""
    try:
        with path.open("rb") as stream:
            head = stream.read(_HEAD)
    except OSError:
        return b""
    if not head.startswith(_GZIP):
        return head
    try:
        return zlib.decompressobj(wbits=31).decompress(head, _HEAD)
    except zlib.error:
        return b""


def sniff_bytes(head: bytes, name: str = "") -> str | None:
    """Tell the format from the first 1024 bytes of a file; the name decides only where bytes cannot."""
    lower = name.lower()
    for test, found in _BYTE_TESTS:
        if test(head):
            return found
    for named_test, found in _NAMED_TESTS:
        if named_test(head, lower):
            return found
    return next((found for magic, found in _MAGIC.items() if head.startswith(magic)), None)


def format_by_name(path: Path) -> str | None:
    """Return the format a file's name claims."""
    lower = path.name.lower()
    return next((found for suffix, found in _SUFFIXES.items() if lower.endswith(suffix)), None)


def header_of(path: Path) -> Path:
    """Return the header file where ``path`` holds only the voxels of one, else ``path`` itself."""
    lower = path.name.lower()
    for suffix, header in COMPANIONS.items():
        for ending in (suffix, suffix + ".gz"):
            if lower.endswith(ending):
                base = path.name[: -len(ending)]
                found = (path.with_name(base + e) for e in (header, header.upper(), header + ".gz"))
                return next((p for p in found if p.is_file()), path)
    return path


def can_read(path: str | Path | Sequence[str | Path]) -> bool:
    """Tell quickly whether :func:`~napari_medai.io.read.read` knows what ``path`` is.

    Parameters
    ----------
    path : path or sequence of paths
        A file, a folder, or several files. Of a folder only the first files are looked at, for at most
        50 ms: a folder with no image among them is declined.
    """
    if not isinstance(path, str | Path):
        return len(path) > 0 and all(can_read(p) for p in path)
    place = Path(path)
    if place.is_dir():
        return _folder_has_images(place)
    return place.is_file() and sniff(header_of(place)) is not None


def walk(folder: Path) -> Iterator[Path]:
    """Yield the files below a folder in the order of their names, each real folder once."""
    seen: set[tuple[int, int]] = set()
    pending = [folder]
    while pending:
        current = pending.pop()
        try:
            status = current.stat()
            entries = sorted(os.scandir(current), key=lambda e: e.name)
        except OSError:
            continue
        if (status.st_dev, status.st_ino) in seen and status.st_ino:
            continue
        seen.add((status.st_dev, status.st_ino))
        folders = []
        for entry in entries:
            if entry.name.startswith((".partial-", "._", ".DS_Store")):
                continue
            if entry.is_dir():
                folders.append(Path(entry.path))
            elif entry.is_file():
                yield Path(entry.path)
        pending.extend(reversed(folders))


def _folder_has_images(folder: Path) -> bool:
    deadline = monotonic() + _FOLDER_SECONDS
    for path in islice(walk(folder), _FOLDER_FILES):
        if sniff(path) is not None:
            return True
        if monotonic() > deadline:
            return False
    return False


def _is_dicom(head: bytes) -> bool:
    return head[128:132] == b"DICM" or head[:4] == b"DICM" or _is_bare_dicom(head)


def _is_bare_dicom(head: bytes) -> bool:
    """Recognise a data set without preamble: two elements in a row, in order, with credible lengths."""
    if len(head) < 16 or head[:2] not in (b"\x02\x00", b"\x08\x00", b"\x00\x08"):
        return False
    order = ">" if head[:2] == b"\x00\x08" else "<"
    position, previous = 0, (0, -1)
    for _ in range(2):
        if position + 8 > len(head):
            return False
        tag = struct.unpack_from(order + "HH", head, position)
        vr = head[position + 4 : position + 6]
        explicit = vr.isalpha() and vr.isupper()
        length = struct.unpack_from(
            order + ("H" if explicit else "I"), head, position + (6 if explicit else 4)
        )[0]
        if tag <= previous or tag[0] not in (2, 8) or length > 512 or length % 2:
            return False
        position, previous = position + 8 + length, tag
    return True


def _nifti_magic(head: bytes) -> bytes:
    if len(head) >= 348 and head[:4] in (b"\x5c\x01\x00\x00", b"\x00\x00\x01\x5c"):
        return head[344:348]
    if len(head) >= 540 and head[:4] in (b"\x1c\x02\x00\x00", b"\x00\x00\x02\x1c"):
        return head[4:8]
    return b""


def _is_nifti(head: bytes) -> bool:
    return _nifti_magic(head) in (b"n+1\0", b"n+2\0")


def _is_nifti_pair(head: bytes) -> bool:
    return _nifti_magic(head) in (b"ni1\0", b"ni2\0")


def _is_analyze(head: bytes) -> bool:
    if len(head) < 348 or head[:4] not in (b"\x5c\x01\x00\x00", b"\x00\x00\x01\x5c"):
        return False
    order = "<" if head[0] == 0x5C else ">"
    ndim, *sizes = struct.unpack_from(order + "8h", head, 40)
    return 1 <= ndim <= 7 and all(n > 0 for n in sizes[:ndim])


def _is_metaimage(head: bytes, name: str) -> bool:
    if not name.endswith((".mha", ".mhd")):
        return head.startswith((b"ObjectType = Image", b"NDims = "))
    return b"NDims" in head and b"=" in head


def _is_gipl(head: bytes) -> bool:
    return len(head) >= 256 and head[252:256] in (b"\x2a\xe3\x89\xb8", b"\xef\xff\xe9\xb0")


def _is_mgh(head: bytes, name: str) -> bool:
    return name.endswith((".mgh", ".mgz", ".mgh.gz")) and head[:4] == b"\x00\x00\x00\x01"


def _is_minc(head: bytes, name: str) -> bool:
    return head.startswith(b"\x89HDF\r\n\x1a\n") and name.endswith(".mnc")


def _is_afni(head: bytes, name: str) -> bool:
    return name.endswith(".head") and b"type" in head and b"name" in head and b"count" in head


def _is_bitmap(head: bytes) -> bool:
    return (
        head[:2] == b"BM" and len(head) >= 18 and head[6:10] == b"\0\0\0\0" and head[14:16] in _BITMAP_HEADERS
    )


def _is_tar(head: bytes) -> bool:
    return head[257:262] == b"ustar"


_BITMAP_HEADERS = (b"\x0c\0", b"\x28\0", b"\x34\0", b"\x38\0", b"\x6c\0", b"\x7c\0")
_BYTE_TESTS: tuple[tuple[Callable[[bytes], bool], str], ...] = (
    (_is_dicom, "dicom"),
    (_is_nifti, "nifti"),
    (_is_nifti_pair, "nifti_pair"),
    (_is_tar, "tar"),
    (_is_analyze, "analyze"),
    (_is_gipl, "gipl"),
    (_is_bitmap, "picture"),
)
_NAMED_TESTS: tuple[tuple[Callable[[bytes, str], bool], str], ...] = (
    (_is_metaimage, "metaimage"),
    (_is_mgh, "mgh"),
    (_is_minc, "minc"),
    (_is_afni, "afni"),
)
