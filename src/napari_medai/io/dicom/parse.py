"""A fast pass over the top level of a little-endian DICOM file: where the wanted elements lie."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import BinaryIO

from napari_medai.io.dicom.tags import PIXELS, WANTED

_LONG = frozenset((b"OB", b"OW", b"OF", b"OD", b"OL", b"OV", b"SQ", b"UT", b"UN", b"UC", b"UR", b"SV", b"UV"))
_SHORT = frozenset(
    (b"AE", b"AS", b"AT", b"CS", b"DA", b"DS", b"DT", b"FL", b"FD", b"IS", b"LO", b"LT", b"PN", b"SH", b"SL",
     b"SS", b"ST", b"TM", b"UI", b"UL", b"US")
)  # fmt: skip
_UNDEFINED = 0xFFFFFFFF
_ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
_LARGEST_ELEMENT = 1 << 26
_DEEPEST = 32
IMPLICIT = "1.2.840.10008.1.2"
EXPLICIT = "1.2.840.10008.1.2.1"
DEFLATED = "1.2.840.10008.1.2.1.99"
BIG_ENDIAN = "1.2.840.10008.1.2.2"
_GE_IMPLICIT_BIG = "1.2.840.113619.5.2"
FIRST_READ = 1 << 14


class ParseError(Exception):
    """The bytes are not what this pass knows; a slower reader may know them."""


@dataclass
class Elements:
    """What the pass found.

    Parameters
    ----------
    syntax : str
        Transfer syntax UID; implicit or explicit little endian where the file does not say.
    values : dict
        Tag -> raw bytes of the wanted elements; sequences as an empty value.
    pixel_name : str
        ``"PixelData"``, ``"FloatPixelData"``, ``"DoubleFloatPixelData"`` or nothing.
    pixel_offset, pixel_length : int
        Where the pixel bytes begin in the file, and how many there are; -1 for encapsulated ones.
    """

    syntax: str
    values: dict[int, bytes] = field(default_factory=dict)
    pixel_name: str = ""
    pixel_offset: int = 0
    pixel_length: int = 0


def parse(stream: BinaryIO, size: int) -> Elements:
    """Read the wanted top-level elements of a file.

    Parameters
    ----------
    stream : binary file
        At its beginning.
    size : int
        The file's length in bytes.

    Returns
    -------
    Elements
        Raw values; nothing is converted.

    Raises
    ------
    ParseError
        For big-endian and deflated files and for whatever does not add up.
    """
    reader = _Reader(stream, size)
    start = 132 if reader.bytes_at(128, 4) == b"DICM" else 0
    try:
        syntax, start = _file_meta(reader, start)
        if syntax in (DEFLATED, BIG_ENDIAN, _GE_IMPLICIT_BIG):
            raise ParseError(syntax)
        elements = Elements(syntax)
        _walk(reader, start, elements, implicit=_is_implicit(reader, start, syntax))
    except (struct.error, IndexError) as error:
        raise ParseError(str(error)) from error
    elements.syntax = elements.syntax or EXPLICIT
    return elements


class _Reader:
    """A growing window on the file from its beginning."""

    def __init__(self, stream: BinaryIO, size: int) -> None:
        self.stream = stream
        self.size = size
        self.data = stream.read(FIRST_READ)

    def need(self, end: int) -> bytes:
        """Return the bytes from the beginning, at least up to ``end``."""
        if end > len(self.data):
            if end > self.size or end > _LARGEST_ELEMENT:
                raise ParseError(f"an element ends at byte {end} of {self.size}")
            self.data += self.stream.read(max(end - len(self.data), 1 << 18))
            if end > len(self.data):
                raise ParseError("the file ends early")
        return self.data

    def bytes_at(self, start: int, count: int) -> bytes:
        return self.data[start : start + count]


def _file_meta(reader: _Reader, position: int) -> tuple[str, int]:
    """Walk group 2 and return the transfer syntax and where the data set begins."""
    syntax = ""
    while reader.bytes_at(position, 2) == b"\x02\x00":
        data = reader.need(position + 12)
        element, vr = struct.unpack_from("<H2s", data, position + 2)
        if vr in _LONG:
            header, length = 12, struct.unpack_from("<I", data, position + 8)[0]
        else:
            header, length = 8, struct.unpack_from("<H", data, position + 6)[0]
        if element == 0x0010:
            data = reader.need(position + header + length)
            value = data[position + header : position + header + length]
            syntax = value.rstrip(b"\0 ").decode("ascii", "replace")
        position += header + length
    return syntax, position


def _is_implicit(reader: _Reader, position: int, syntax: str) -> bool:
    """Trust the first element over the stated transfer syntax: some files state the wrong one."""
    vr = reader.bytes_at(position + 4, 2)
    if vr in _LONG or vr in _SHORT:
        return False
    if syntax in ("", IMPLICIT, EXPLICIT):
        return True
    raise ParseError("no value representation where one was needed")


def _walk(reader: _Reader, position: int, elements: Elements, implicit: bool) -> None:
    previous, size, values = -1, reader.size, elements.values
    data, known = reader.data, len(reader.data)
    while position + 8 <= size:
        if position + 12 > known:
            data = reader.need(min(position + 12, size))
            known = len(data)
        group, element, vr, length = _PREFIX(data, position)
        tag = group << 16 | element
        header = 8
        if implicit:
            vr, length = b"", _LENGTH(data, position + 4)[0]
        elif vr in _LONG:
            header, length = 12, _LENGTH(data, position + 8)[0]
        elif vr not in _SHORT:
            raise ParseError(f"unknown value representation {vr!r}")
        if tag in PIXELS:
            elements.pixel_name = PIXELS[tag]
            elements.pixel_offset = position + header
            elements.pixel_length = -1 if length == _UNDEFINED else length
            return
        if tag < previous or group == 0xFFFE:
            raise ParseError("elements out of order")
        previous = tag
        if length == _UNDEFINED:
            if tag in WANTED:
                values[tag] = b""
            position = _skip_sequence(reader, position + header, implicit or vr == b"UN", 0)
            data, known = reader.data, len(reader.data)
            continue
        end = position + header + length
        if end > size:
            raise ParseError("an element runs past the end")
        if tag in WANTED:
            if end > known:
                data = reader.need(end)
                known = len(data)
            values[tag] = b"" if vr == b"SQ" else data[position + header : end]
        position = end


_PREFIX = struct.Struct("<HH2sH").unpack_from
_LENGTH = struct.Struct("<I").unpack_from


def _element_header(reader: _Reader, position: int, implicit: bool) -> tuple[int, int, bytes]:
    data = reader.need(position + 8)
    if implicit:
        return 8, struct.unpack_from("<I", data, position + 4)[0], b""
    vr = data[position + 4 : position + 6]
    if vr in _SHORT:
        return 8, struct.unpack_from("<H", data, position + 6)[0], vr
    if vr in _LONG:
        data = reader.need(position + 12)
        return 12, struct.unpack_from("<I", data, position + 8)[0], vr
    raise ParseError(f"unknown value representation {vr!r}")


def _skip_sequence(reader: _Reader, position: int, implicit: bool, depth: int) -> int:
    """Return where a sequence of undefined length ends."""
    if depth > _DEEPEST:
        raise ParseError("sequences nested too deep")
    while True:
        tag, length = _item_header(reader, position)
        position += 8
        if tag == _SEQUENCE_END:
            return position
        if tag != _ITEM:
            raise ParseError("an item was expected")
        position = (
            position + length if length != _UNDEFINED else _skip_item(reader, position, implicit, depth)
        )


def _skip_item(reader: _Reader, position: int, implicit: bool, depth: int) -> int:
    while True:
        tag, _ = _item_header(reader, position)
        if tag == _ITEM_END:
            return position + 8
        header, length, vr = _element_header(reader, position, implicit)
        position += header
        if length == _UNDEFINED:
            position = _skip_sequence(reader, position, implicit or vr == b"UN", depth + 1)
        else:
            position += length


def _item_header(reader: _Reader, position: int) -> tuple[int, int]:
    data = reader.need(position + 8)
    group, element, length = struct.unpack_from("<HHI", data, position)
    return group << 16 | element, length
