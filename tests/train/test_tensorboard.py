"""Event files are what TensorBoard reads: framed, checked, with every scalar at its step."""

import struct

from napari_medai.train.journal import Epoch
from napari_medai.train.tensorboard import crc32c, write_events


def fields_of(message):
    """Read a protocol buffer's fields as (number, value) pairs."""
    found, at = [], 0

    def varint():
        nonlocal at
        value = shift = 0
        while True:
            byte = message[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while at < len(message):
        key = varint()
        kind = key & 7
        size = {1: 8, 5: 4}.get(kind) or (varint() if kind == 2 else 0)
        value = message[at : at + size] if size else varint()
        at += size
        found.append((key >> 3, value))
    return found


def records_of(data):
    while data:
        (length,) = struct.unpack("<Q", data[:8])
        yield data[8:12], data[:8]
        yield data[12 + length : 16 + length], data[12 : 12 + length]
        data = data[16 + length :]


def test_the_checksum_is_that_of_rfc_3720():
    assert crc32c(b"123456789") == 0xE3069283
    assert crc32c(bytes(32)) == 0x8A9136AA


def test_every_scalar_is_there_with_its_step_and_every_record_with_its_checksum(tmp_path):
    epochs = [Epoch(k, 10 * k, 2.0 * k, 0.1, 1 / k, {"dice liver": 0.5 + k / 10}) for k in (1, 2)]
    path = tmp_path / "log.tfevents"
    write_events(epochs, path)
    records = list(records_of(path.read_bytes()))
    for stored, data in records:
        crc = crc32c(data)
        assert struct.unpack("<I", stored)[0] == ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF
    events = [dict(fields_of(data)) for _, data in records[1::2]]
    assert events[0][3] == b"brain.Event:2"
    assert [event[2] for event in events[1:]] == [10, 20]
    scalars = {}
    for _, value in fields_of(events[2][5]):
        entry = dict(fields_of(value))
        scalars[entry[1].decode()] = round(struct.unpack("<f", entry[2])[0], 4)
    assert scalars == {"loss": 0.5, "rate": 0.1, "dice liver": 0.7}
