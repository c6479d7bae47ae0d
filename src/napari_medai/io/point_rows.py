"""Tables of landmarks on many images: a row a point, or a row an image."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from napari_medai.core.errors import ReadError
from napari_medai.core.geometry import FloatArray

IMAGE_COLUMNS = (
    "image", "file", "filename", "file name", "image file", "image_file", "picture", "scan", "case", "id",
)  # fmt: skip
NAME_COLUMNS = ("name", "label", "landmark", "point")
READER_COLUMNS = ("reader", "observer", "annotator", "rater")
SIZE_COLUMNS = ("spacing", "spacing(mm)", "spacing_mm", "pixel_mm", "pixel_size", "pixel size")
IMAGES = (
    ".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".nii", ".nii.gz", ".nrrd", ".mha", ".mhd", ".dcm",
    ".gif",
)  # fmt: skip
BESIDE = (".mrk.json", ".fcsv", ".csv", ".json", ".txt")
_AXIS = re.compile(
    r"(?:(?P<name>.+?)[\s_.\-]*)?(?P<axis>[xyz])(?P<kind>_mm|_pixel|_px|_lps_mm|_ras_mm)?", re.IGNORECASE
)

Row: TypeAlias = Mapping[str, str]
Place: TypeAlias = tuple[str, FloatArray]
"""What the columns mean ("", "_mm", "_pixel", "_lps_mm", "_ras_mm"), and x, y(, z)."""


def plain_stem(path: Path | str) -> str:
    """Return a file's name without folder and known suffix."""
    name = Path(path).name
    for suffix in (*BESIDE, *sorted(IMAGES, key=len, reverse=True)):
        if name.lower().endswith(suffix):
            return name[: -len(suffix)]
    return name


def is_table(path: Path) -> bool:
    """Tell whether a CSV has a column for images."""
    try:
        return _column(_rows(path)[:1], IMAGE_COLUMNS) is not None
    except (UnicodeDecodeError, csv.Error):
        return False


def _rows(path: Path) -> list[dict[str, str]]:
    text = path.read_text(encoding="utf-8-sig")
    head = text[:4000].split("\n", 1)[0]
    mark = max(",;\t", key=head.count)
    rows = csv.DictReader(io.StringIO(text), delimiter=mark)
    return [{_header(k or ""): v.strip() for k, v in row.items() if isinstance(v, str)} for row in rows]


def _header(word: str) -> str:
    """Known headers in small letters, so that they are found; names of points as they are written."""
    plain = word.strip()
    known = (*IMAGE_COLUMNS, *NAME_COLUMNS, *READER_COLUMNS, *SIZE_COLUMNS)
    match = _AXIS.fullmatch(plain)
    return plain.lower() if plain.lower() in known or (match and not match["name"]) else plain


def _column(rows: Sequence[Row], names: Sequence[str]) -> str | None:
    return next((c for c in names if rows and c in rows[0]), None)


def read_point_rows(path: Path, images: Sequence[Path]) -> dict[Path, list[Any]]:
    """From each image of a table to its readers' points."""
    if not path.is_file():
        raise ReadError(f"There is no table {path}.", hint="Check the path.")
    rows = _rows(path)
    column = _column(rows, IMAGE_COLUMNS)
    if column is None:
        raise ReadError(
            f"{path.name} has no column for images.", hint="Call it image; its entries are file names."
        )
    by_name = {p.name.lower(): p for p in images} | {plain_stem(p).lower(): p for p in images}
    reader, size = _column(rows, READER_COLUMNS), _column(rows, SIZE_COLUMNS)
    marks: dict[Path, dict[str, Any]] = {}
    for row in rows:
        word = row[column].replace("\\", "/")
        image = by_name.get(Path(word).name.lower()) or by_name.get(plain_stem(word).lower())
        if image is None:
            raise ReadError(
                f"{path.name} names the image {word!r}, which is not in the folder.",
                hint="Names are compared without folder and, if need be, without suffix.",
            )
        points = marks.setdefault(image, {}).setdefault(
            row.get(reader or "", ""), {"points": {}, "size": None}
        )
        _add(points["points"], _places(row, (column, reader, size)), f"{path.name}: {word}")
        points["size"] = float(row[size]) if size and row[size] else None
    return {image: list(readers.values()) for image, readers in marks.items()}


def _add(points: dict[str, Place | None], new: Mapping[str, Place | None], where: str) -> None:
    twice = [name for name in new if name in points]
    if twice:
        raise ReadError(
            f"{where} has the point {twice[0]!r} twice.",
            hint="Keep one of them, or add a column reader where two people marked it.",
        )
    points.update(new)


def _places(row: Row, others: Sequence[str | None]) -> dict[str, Place | None]:
    """The points of one row: one by name, or all of an image."""
    name_column = next((c for c in NAME_COLUMNS if c in row), None)
    found: dict[str, dict[str, tuple[str, str]]] = {}
    for column, value in row.items():
        match = _AXIS.fullmatch(column)
        if match is None or column in others or column == name_column:
            continue
        owner = row[name_column] if name_column and not match["name"] else match["name"] or ""
        if owner:
            found.setdefault(owner, {})[match["axis"].lower()] = ((match["kind"] or "").lower(), value)
    return {name: _place(name, axes) for name, axes in found.items() if len(axes) >= 2}


def _place(name: str, axes: Mapping[str, tuple[str, str]]) -> Place | None:
    words = [axes[a][1] for a in "xyz" if a in axes]
    if not all(words) or any(w.lower() in ("nan", "na", "none") for w in words):
        return None
    try:
        return axes["x"][0], np.array([float(w) for w in words])
    except (KeyError, ValueError) as error:
        raise ReadError(f"The point {name!r} has {', '.join(words)} for a place; needed numbers.") from error
