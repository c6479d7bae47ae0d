"""Every element of a DICOM file as rows of text, the patient's identity hidden unless asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from napari_medai.io.dicom.header import Header, parse_errors, quiet_pydicom
from napari_medai.io.dicom.identity import is_personal

HIDDEN = "(hidden)"
_LONGEST = 400
_DEEPEST = 8
_MOST_ITEMS = 64
_IDENTITY = ("PatientName", "PatientID", "PatientBirthDate")


@dataclass(frozen=True)
class TagRow:
    """One element.

    Parameters
    ----------
    path : str
        Where it stands: ``"(0028,0030)"``, or ``"(5200,9229)[1](0028,9110)[1](0028,0030)"`` in sequences.
    name : str
        What the standard calls it; nothing for private elements without a known name.
    vr : str
        Value representation.
    value : str
        As text, shortened where it is long; :data:`HIDDEN` where it tells who the patient is.
    """

    path: str
    name: str
    vr: str
    value: str

    @property
    def depth(self) -> int:
        """How many sequences it stands in."""
        return self.path.count("[")


@dataclass(frozen=True)
class Difference:
    """One element in two files."""

    path: str
    name: str
    vr: str
    first: str
    second: str

    @property
    def is_equal(self) -> bool:
        """Whether both files say the same."""
        return self.first == self.second


def tag_rows(header: Header, identity: bool = False) -> list[TagRow]:
    """Return the elements of a file in its order, sequences opened.

    Parameters
    ----------
    header : Header
        A file; it is read again, without its pixels.
    identity : bool
        Whether to show what tells who the patient, the physician or the place is.
    """
    with quiet_pydicom():
        dataset = header.sequences
        meta = getattr(dataset, "file_meta", None)
        rows = list(_rows(meta, "", identity, 0)) if meta is not None else []
        return rows + list(_rows(dataset, "", identity, 0))


def compare_rows(first: Sequence[TagRow], second: Sequence[TagRow]) -> list[Difference]:
    """Put the elements of two files beside each other; what one lacks is empty.

    Parameters
    ----------
    first, second : sequence of TagRow
        From :func:`tag_rows`, both with identity or both without.
    """
    ours = {row.path: row for row in first}
    others = {row.path: row for row in second}
    differences = []
    for path in sorted({**ours, **others}):
        row = ours.get(path) or others[path]
        values = [found[path].value if path in found else "" for found in (ours, others)]
        differences.append(Difference(path, row.name, row.vr, *values))
    return differences


def patient_of(header: Header) -> tuple[str, str]:
    """Return a patient's key, which tells files of one patient together, and what identifies them.

    Both are for showing a person who asks; neither may be stored.
    """
    with quiet_pydicom():
        dataset = header.sequences
        values = [str(_value_of(dataset, keyword) or "").strip() for keyword in _IDENTITY]
    return "|".join(values), ", ".join(value for value in values if value)


def _value_of(dataset: Any, keyword: str) -> Any:
    try:
        return dataset.get(keyword, "")
    except parse_errors():
        return ""


def _rows(dataset: Any, above: str, identity: bool, depth: int) -> Iterator[TagRow]:
    for tag in sorted(dataset.keys()):
        try:
            element = dataset[tag]
        except parse_errors():
            yield TagRow(f"{above}{_written(tag)}", "", "??", "(damaged)")
            continue
        path = f"{above}{_written(tag)}"
        hidden = not identity and is_personal(element)
        if element.VR != "SQ":
            yield TagRow(path, element.name, element.VR, HIDDEN if hidden else _text(element))
            continue
        items = element.value or []
        yield TagRow(path, element.name, "SQ", HIDDEN if hidden else f"{len(items)} items")
        if not hidden and depth < _DEEPEST:
            for number, item in zip_longest(range(1, min(len(items), _MOST_ITEMS) + 1), items[:_MOST_ITEMS]):
                yield from _rows(item, f"{path}[{number}]", identity, depth + 1)


def _written(tag: Any) -> str:
    number = int(tag)
    return f"({number >> 16:04x},{number & 0xFFFF:04x})"


def _text(element: Any) -> str:
    value = element.value
    if isinstance(value, bytes):
        return f"{len(value)} bytes"
    text = str(value) if not hasattr(value, "append") else "\\".join(map(str, value))
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}… ({len(text)} characters)"
