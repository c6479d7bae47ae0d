"""The course of a training as TensorBoard reads it, written without TensorBoard."""

from __future__ import annotations

import struct
import time
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from napari_medai.core.errors import WriteError
from napari_medai.train.journal import Epoch

_POLYNOMIAL = 0x82F63B78
"""Of CRC-32C, bits reversed."""


def write_events(epochs: Sequence[Epoch], path: Path) -> None:
    """Write loss, rate and every metric of a training, one scalar an epoch each.

    Parameters
    ----------
    epochs : sequence of Epoch
        The course so far; the earlier file is replaced whole.
    path : path
        The name must hold ``tfevents`` for TensorBoard to look at it.

    Raises
    ------
    WriteError
        If it cannot be written.

    Notes
    -----
    Each record is its length, a masked CRC-32C of that, a protocol buffer ``Event``, and a masked CRC-32C
    of it, as TensorFlow's TFRecord files are.
    """
    began = time.time() - (epochs[-1].seconds if epochs else 0.0)
    records = [_double(1, began) + _text(3, b"brain.Event:2")]
    for epoch in epochs:
        values = {"loss": epoch.loss, "rate": epoch.rate, **epoch.metrics}
        summary = b"".join(_text(1, _text(1, k.encode()) + _float(2, v)) for k, v in values.items())
        records.append(_double(1, began + epoch.seconds) + _number(2, epoch.step) + _text(5, summary))
    beside = path.with_name(f".{path.name}.part")
    try:
        beside.write_bytes(b"".join(map(_framed, records)))
        beside.replace(path)
    except OSError as error:
        raise WriteError(f"{path} could not be written: {error}.", hint="Make room on the disk.") from error


def _framed(record: bytes) -> bytes:
    length = struct.pack("<Q", len(record))
    return length + struct.pack("<I", _masked(length)) + record + struct.pack("<I", _masked(record))


def _masked(data: bytes) -> int:
    crc = crc32c(data)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def crc32c(data: bytes) -> int:
    """Return the Castagnoli checksum (RFC 3720) of some bytes."""
    table, crc = _table(), 0xFFFFFFFF
    for byte in data:
        crc = table[(crc ^ byte) & 0xFF] ^ crc >> 8
    return crc ^ 0xFFFFFFFF


@cache
def _table() -> tuple[int, ...]:
    entries = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (_POLYNOMIAL if value & 1 else 0)
        entries.append(value)
    return tuple(entries)


def _varint(value: int) -> bytes:
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*found, value])


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _double(field: int, value: float) -> bytes:
    return _varint(field << 3 | 1) + struct.pack("<d", value)


def _text(field: int, value: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(value)) + value


def _float(field: int, value: float) -> bytes:
    return _varint(field << 3 | 5) + struct.pack("<f", value)
