"""Tables of landmarks on many images: a row a point, or a row an image."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from napari_medai.core.errors import ReadError
from napari_medai.core.geometry import FloatArray

IMAGE_COLUMNS = (
    "image", "imagefile", "imagename", "imagepath", "imageid", "img", "imgname", "imgpath", "file",
    "filename", "filepath", "path", "picture", "scan", "case", "caseid", "id",
)  # fmt: skip
NAME_COLUMNS = ("name", "label", "landmark", "landmarkname", "landmarkid", "point", "pointname", "pointid")
READER_COLUMNS = ("reader", "observer", "annotator", "rater")
SIZE_COLUMNS = ("spacing", "spacingmm", "pixelmm", "pixelsize", "pixelsizemm", "pixelspacing", "mmperpixel")
"""Headers without capitals, blanks and signs; those before are taken first."""
IMAGES = (
    ".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".nii", ".nii.gz", ".nrrd", ".mha", ".mhd", ".dcm",
    ".gif",
)  # fmt: skip
BESIDE = (".mrk.json", ".fcsv", ".csv", ".json", ".txt")
_KIND = r"(?:[\s_]*[(\[]?(?P<kind>lps[\s_]mm|ras[\s_]mm|mm|pixels?|px)[)\]]?)?"
_AXIS = re.compile(
    rf"(?:(?P<name>.+?)(?P<gap>[\s_.(\[\-]*))??[(\[]?(?P<axis>[xyz])[)\]]?{_KIND}", re.IGNORECASE
)
_AXIS_FIRST = re.compile(rf"(?P<axis>[xyz])(?:[\s_.\-]+(?P<name>.+?)|(?P<number>\d+)){_KIND}", re.IGNORECASE)
_NO_PLACE = ("", "nan", "na", "n/a", "none", "null", "-")

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
    except (ReadError, csv.Error):
        return False


def _rows(path: Path) -> list[dict[str, str]]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ReadError(
            f"{path.name} is no text in UTF-8.", hint="Save it as CSV UTF-8; a workbook (.xlsx) is no CSV."
        ) from error
    head = text[:4000].split("\n", 1)[0]
    mark = max(",;\t", key=head.count)
    rows = csv.DictReader(io.StringIO(text), delimiter=mark)
    return [
        {(k or "").strip(): _decimal(v.strip(), mark) for k, v in row.items() if isinstance(v, str)}
        for row in rows
    ]


def _decimal(word: str, mark: str) -> str:
    """Return a number with a decimal point where it has a comma, as half of Europe writes it."""
    return word.replace(",", ".") if mark != "," and re.fullmatch(r"-?\d+,\d+", word) else word


def _plain(header: str) -> str:
    return re.sub(r"[\s_.()\[\]\-]", "", header).lower()


def _column(rows: Sequence[Row], names: Sequence[str]) -> str | None:
    """Find the column of one of these names, however it is written."""
    headers = {_plain(c): c for c in reversed(list(rows[0]))} if rows else {}
    return next((headers[name] for name in names if name in headers), None)


def _axis_of(header: str) -> tuple[str, str, str] | None:
    """Read a header as name (empty: of no point), axis and kind; None if it is no coordinate.

    ``x_apex`` is the x of the apex, as ``apex_x`` is, and not of something called ``x_ape``.
    """
    last, first = _AXIS.fullmatch(header), _AXIS_FIRST.fullmatch(header)
    apart = last is not None and (not last["name"] or last["gap"])
    match = last if apart or first is None else first
    if match is None:
        return None
    parts = match.groupdict()
    kind = re.sub(r"\s", "_", (parts["kind"] or "").lower()).removesuffix("s")
    name = (parts["name"] or parts.get("number") or "").strip()
    return name, parts["axis"].lower(), f"_{kind}" if kind else ""


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
    reader, size = _column(rows, READER_COLUMNS), _column(rows, SIZE_COLUMNS)
    marks: dict[Path, dict[str, Any]] = {}
    named = lru_cache(maxsize=None)(lambda word: find_named(word, images, path.name))
    for row in rows:
        word = row[column].replace("\\", "/")
        if not word:
            continue
        image = named(word)
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


def find_named(word: str, images: Sequence[Path], where: str) -> Path:
    """Find the image that an entry of a table means.

    Parameters
    ----------
    word : str
        A file name, maybe with folders, maybe without suffix, maybe a number without leading zeros.
    images : sequence of Path
        To choose from.
    where : str
        What messages call the table.

    Raises
    ------
    ReadError
        If there is none, or more than one.
    """
    name, stem = Path(word).name.lower(), plain_stem(word).lower()
    tests = (
        lambda p: p.name.lower() == name,
        lambda p: plain_stem(p).lower() == stem,
        lambda p: stem.isdigit() and plain_stem(p).isdigit() and int(plain_stem(p)) == int(stem),
    )
    for test in tests:
        found = [p for p in images if test(p)]
        if len(found) > 1:
            found = [p for p in found if p.as_posix().lower().endswith("/" + word.lower())] or found
        if len(found) == 1:
            return found[0]
        if found:
            raise ReadError(
                f"{where} names the image {word!r}, and there are {len(found)} of that name: "
                f"{', '.join(str(p) for p in found[:3])}.",
                hint="Write the folder before the name, or keep the images in folders of their own.",
            )
    raise ReadError(
        f"{where} names the image {word!r}, which is not in the folder.",
        hint="Names are compared without folder and, if need be, without suffix.",
    )


def _places(row: Row, others: Sequence[str | None]) -> dict[str, Place | None]:
    """The points of one row: one by name, or all of an image."""
    name_column = _column([row], NAME_COLUMNS)
    found: dict[str, dict[str, tuple[str, str]]] = {}
    for column, value in row.items():
        axis = None if column in others or column == name_column else _axis_of(column)
        if axis is None:
            continue
        owner = row[name_column] if name_column and not axis[0] else axis[0]
        if owner:
            found.setdefault(owner, {})[axis[1]] = (axis[2], value)
    return {name: _place(name, axes) for name, axes in found.items() if len(axes) >= 2}


def _place(name: str, axes: Mapping[str, tuple[str, str]]) -> Place | None:
    words = [axes[a][1] for a in "xyz" if a in axes]
    if any(w.lower() in _NO_PLACE for w in words):
        return None
    try:
        return axes["x"][0], np.array([float(w) for w in words])
    except (KeyError, ValueError) as error:
        raise ReadError(f"The point {name!r} has {', '.join(words)} for a place; needed numbers.") from error
