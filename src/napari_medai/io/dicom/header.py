"""The header of one DICOM file, with typed access to the elements that matter."""

from __future__ import annotations

import struct
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from napari_medai.core.errors import ReadError
from napari_medai.io.dicom.parse import Elements, ParseError, parse
from napari_medai.io.dicom.tags import CREATORS, PIXELS, TAGS, VENDORS

_BINARY = {"US": "H", "SS": "h", "UL": "I", "SL": "i", "FL": "f", "FD": "d"}
_LOCK = threading.RLock()


@dataclass(eq=False)
class Header:
    """What one file says about itself, without its pixels.

    Parameters
    ----------
    path : Path
        The file.
    shown : str
        Its name for messages.
    elements : Elements
        Raw values by tag, and where the pixels lie.
    dataset : pydicom.Dataset or None
        Set where the fast pass did not do and pydicom read the file.
    """

    path: Path
    shown: str
    elements: Elements
    dataset: Any = None
    _floats: dict[str, tuple[float, ...]] = field(default_factory=dict, repr=False)

    @property
    def syntax(self) -> str:
        """Transfer syntax UID."""
        return self.elements.syntax

    @property
    def has_pixels(self) -> bool:
        """Whether the file holds an image."""
        return bool(self.elements.pixel_name)

    def has(self, keyword: str) -> bool:
        """Whether an element is there (it may be empty)."""
        return TAGS[keyword][0] in self.elements.values and self._is_trusted(keyword)

    def raw(self, keyword: str) -> bytes:
        """Return an element's bytes, little endian; nothing where it is missing."""
        value = self.elements.values.get(TAGS[keyword][0])
        if value is None or (keyword in CREATORS and not self._is_trusted(keyword)):
            return b""
        return value

    def text(self, keyword: str) -> str:
        """Return a text element, without padding; empty where it is missing."""
        value = self.raw(keyword).rstrip(b"\0 ")
        if not value:
            return ""
        try:
            return value.decode("ascii").strip()
        except UnicodeDecodeError:
            return self._decoded(value).strip()

    def texts(self, keyword: str) -> tuple[str, ...]:
        """Return the values of a text element with several."""
        text = self.text(keyword)
        return tuple(part.strip() for part in text.split("\\")) if text else ()

    def floats(self, keyword: str) -> tuple[float, ...]:
        """Return an element's numbers; none where it is missing, empty or not numbers."""
        found = self._floats.get(keyword)
        if found is None:
            there = TAGS[keyword][0] in self.elements.values
            found = self._floats[keyword] = self._numbers(keyword) if there else ()
        return found

    def number(self, keyword: str, default: float | None = None) -> float | None:
        """Return an element's first number."""
        values = self.floats(keyword)
        return values[0] if values else default

    def integer(self, keyword: str, default: int = 0) -> int:
        """Return an element's first number as an integer."""
        value = self.number(keyword)
        return default if value is None or value != value or abs(value) > 2**53 else int(value)

    @cached_property
    def sequences(self) -> Any:
        """The whole data set without pixels, read by pydicom when a sequence is first asked for."""
        if self.dataset is not None:
            return self.dataset
        with quiet_pydicom():
            return _read_with_pydicom(self.path, self.shown)

    def _is_trusted(self, keyword: str) -> bool:
        if keyword not in CREATORS:
            return True
        creator = CREATORS[keyword]
        block = self.elements.values.get((TAGS[keyword][0] & 0xFFFF0000) | 0x10)
        if block is None:
            vendor = next(word for start, word in VENDORS.items() if creator.startswith(start))
            return vendor in self.text("Manufacturer").upper()
        return block.rstrip(b"\0 ").decode("ascii", "replace").strip().upper() == creator.upper()

    def _numbers(self, keyword: str) -> tuple[float, ...]:
        value = self.raw(keyword)
        if not value:
            return ()
        vr = TAGS[keyword][1]
        if keyword == "PixelPaddingValue" and self.integer("PixelRepresentation") == 1:
            vr = "SS"
        if vr in _BINARY:
            size = struct.calcsize(_BINARY[vr])
            return tuple(
                struct.unpack(f"<{len(value) // size}{_BINARY[vr]}", value[: len(value) // size * size])
            )
        try:
            return tuple(float(part) for part in value.rstrip(b"\0 ").split(b"\\") if part.strip(b" \0"))
        except ValueError:
            return ()

    def _decoded(self, value: bytes) -> str:
        from pydicom.charset import convert_encodings, decode_bytes

        stated = self.raw("SpecificCharacterSet").rstrip(b"\0 ").decode("ascii", "replace").split("\\")
        with quiet_pydicom():
            try:
                return str(decode_bytes(value, convert_encodings(stated), {"\\", "^", "=", "\r", "\n"}))
            except (LookupError, UnicodeError):
                return value.decode("latin-1")


def read_header(path: Path, shown: str) -> Header:
    """Read the header of a DICOM file.

    Parameters
    ----------
    path : Path
        The file; with or without preamble.
    shown : str
        Its name for messages.

    Raises
    ------
    ReadError
        If it is no DICOM file, or damaged before its pixels.
    """
    try:
        with path.open("rb") as stream:
            size = stream.seek(0, 2)
            stream.seek(0)
            return Header(path, shown, parse(stream, size))
    except ParseError:
        with quiet_pydicom(), reading(shown):
            dataset = _read_with_pydicom(path, shown)
            return Header(path, shown, _elements_of(dataset), dataset)
    except OSError as error:
        raise ReadError(
            f"{shown} could not be read: {error.strerror or error}.", hint="Check its permissions."
        ) from error


@cache
def parse_errors() -> tuple[type[Exception], ...]:
    """Return what pydicom and this package raise on content that makes no sense."""
    from pydicom.errors import BytesLengthException, InvalidDicomError

    return (
        AttributeError, BytesLengthException, EOFError, IndexError, InvalidDicomError, KeyError, MemoryError,
        NotImplementedError, OSError, OverflowError, RecursionError, TypeError, ValueError, struct.error,
    )  # fmt: skip


@contextmanager
def reading(shown: str) -> Iterator[None]:
    """Turn what Python raises on damaged content into an error that names the file.

    Raises
    ------
    ReadError
        Instead of the errors that a file of the wrong content leads to.
    """
    try:
        yield
    except parse_errors() as error:
        said = getattr(error, "strerror", None) or str(error)
        reason = said.split("\n")[0].replace(str(Path(shown).parent), "") or type(error).__name__
        raise ReadError(
            f"{shown} is damaged: {reason}.", hint="Export it again, or take it out of the folder."
        ) from error


@contextmanager
def quiet_pydicom() -> Iterator[None]:
    """Let pydicom read odd values without checking or warning; what matters is checked here.

    pydicom warns about every value that departs from the standard (a UID with a letter, an empty number).
    The elements that an image depends on are checked by this package where they are used, so these warnings
    would only bury the notices that matter. One thread at a time, since the settings are global.
    """
    from pydicom.config import disable_value_validation

    with _LOCK, warnings.catch_warnings(), disable_value_validation():
        warnings.filterwarnings("ignore", module=r"pydicom\.")
        yield


def _read_with_pydicom(path: Path, shown: str) -> Any:
    import zlib

    import pydicom

    try:
        dataset = pydicom.dcmread(path, force=True)
    except (OSError, zlib.error, pydicom.errors.InvalidDicomError, *parse_errors()) as error:
        reason = str(error).replace(str(path), shown) or type(error).__name__
        raise ReadError(
            f"{shown} is damaged and cannot be read as DICOM: {reason}.",
            hint="Export it again, or take it out of the folder.",
        ) from error
    return dataset


def _elements_of(dataset: Any) -> Elements:
    """Put a pydicom data set into the form of the fast pass."""
    meta = getattr(dataset, "file_meta", {})
    elements = Elements(str(meta.get("TransferSyntaxUID", "") or ""))
    for keyword, (tag, vr) in TAGS.items():
        value = _element_value(dataset, tag)
        if value is not _MISSING:
            elements.values[tag] = _as_bytes(value, vr)
            block = (tag & 0xFFFF0000) | 0x10
            if keyword in CREATORS and block in dataset:
                elements.values[block] = str(_element_value(dataset, block)).encode()
    elements.values[TAGS["SpecificCharacterSet"][0]] = b"ISO_IR 192"
    for tag, name in PIXELS.items():
        if tag in dataset:
            elements.pixel_name, elements.pixel_length = name, -1
    return elements


_MISSING = object()


def _element_value(dataset: Any, tag: int) -> Any:
    """Return an element's value; one that pydicom cannot make sense of counts as missing."""
    if tag not in dataset:
        return _MISSING
    try:
        return dataset[tag].value
    except parse_errors():
        return _MISSING


def _as_bytes(value: Any, vr: str) -> bytes:
    if value is None or vr == "SQ":
        return b""
    if isinstance(value, bytes):
        return value
    values = value if isinstance(value, list | tuple) or hasattr(value, "append") else [value]
    if vr in _BINARY:
        try:
            return b"".join(struct.pack("<" + _BINARY[vr], _fitting(v, vr)) for v in values)
        except (ValueError, TypeError, OverflowError):
            return b""
    return "\\".join(str(v) for v in values).encode()


def _fitting(value: Any, vr: str) -> Any:
    if vr in ("FL", "FD"):
        return float(value)
    bits = struct.calcsize(_BINARY[vr]) * 8
    return int(value) & ((1 << bits) - 1)
