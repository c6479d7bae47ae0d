"""CSV whose first line states the frame and the unit of its positions."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from io import StringIO
from pathlib import Path
from typing import get_args

from napari_medai.core.errors import ReadError
from napari_medai.core.geometry import Unit

_MAX_BYTES = 50_000_000
_HEAD = re.compile(r"#\s*frame:\s*(\w+)\s*,\s*unit:\s*(\w+)\s*")


def frame_csv_text(unit: Unit, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return rows as CSV under ``# frame: LPS, unit: mm``; numbers keep every bit."""
    text = StringIO()
    text.write(f"# frame: LPS, unit: {unit}\n")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([repr(float(v)) if not isinstance(v, str) else v for v in row] for row in rows)  # type: ignore[arg-type]
    return text.getvalue()


def read_frame_csv(path: Path) -> tuple[Unit, list[dict[str, str]]]:
    """Read unit and rows.

    Raises
    ------
    ReadError
        If there is no such file, it is not text, or it does not state frame and unit: they are not guessed.
    """
    if not path.is_file():
        raise ReadError(f"Found no file {path.name!r}.", hint="Check the path.")
    if path.stat().st_size > _MAX_BYTES:
        raise ReadError(f"{path.name} is larger than a table of positions can be.")
    try:
        head, _, body = path.read_text(encoding="utf-8-sig").partition("\n")
    except UnicodeDecodeError as error:
        raise ReadError(f"{path.name} is not text.", hint="Give positions as CSV.") from error
    return _unit(head, path.name), list(csv.DictReader(StringIO(body)))


def stated_unit(head: str) -> Unit | None:
    """Return the unit that a first line states for positions in LPS, or nothing."""
    match = _HEAD.fullmatch(head.strip())
    units: dict[str, Unit] = {unit: unit for unit in get_args(Unit)}
    return units.get(match[2]) if match and match[1] == "LPS" else None


def _unit(head: str, name: str) -> Unit:
    unit = stated_unit(head)
    if unit is None:
        raise ReadError(
            f"{name} does not state its frame in the first line.",
            hint="It must begin: # frame: LPS, unit: mm",
        )
    return unit
