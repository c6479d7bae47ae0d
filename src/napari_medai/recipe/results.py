"""Results of steps written to files: all of them or none."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np

from napari_medai.core.boxes import Boxes
from napari_medai.core.errors import WriteError
from napari_medai.core.files import write_text
from napari_medai.core.image import MedicalImage
from napari_medai.core.landmarks import Landmarks
from napari_medai.core.transform import SpatialTransform
from napari_medai.measure.mesh import Mesh

OWN_SUFFIX: dict[type, str] = {SpatialTransform: ".tfm", Landmarks: ".csv", Boxes: ".csv", Mesh: ".ply"}


def is_single(kind: Any) -> bool:
    """Tell whether a type of result is one thing and not several under their names."""
    return kind in (MedicalImage, *OWN_SUFFIX) or not (is_dataclass(kind) or hasattr(kind, "_fields"))


def parts_of(result: Any) -> dict[str, Any]:
    """Return the results by name; one alone has the empty name, and ``None`` is left out."""
    if isinstance(result, tuple):
        names = getattr(result, "_fields", map(str, range(len(result))))
        parts = dict(zip(names, result, strict=True))
    elif not is_single(type(result)):
        parts = {f.name: getattr(result, f.name) for f in fields(result)}
    else:
        return {"": result}
    return {name: value for name, value in parts.items() if value is not None}


def write_value(value: Any, path: Path) -> None:
    """Write one result.

    Parameters
    ----------
    value : object
        An image, a transform, a mesh, landmarks, boxes, a table, or plain values.
    path : Path
        Its suffix must be one for that kind of result.

    Raises
    ------
    WriteError
        If it is not, or the file cannot be written.
    """
    if isinstance(value, MedicalImage):
        from napari_medai.io.write import write

        write(value, path)
    elif isinstance(value, SpatialTransform | Mesh):
        value.save(path)
    elif is_table(value):
        _require_suffix(path, ".csv", "a table")
        write_text(path, csv_of(value))
    else:
        _require_suffix(path, ".json", "values")
        write_text(path, json.dumps(plain(value), indent=2))


def suffix_of(value: Any, image_suffix: str = ".nii.gz") -> str:
    """Return the suffix a result gets where nobody chose one."""
    if isinstance(value, MedicalImage):
        return image_suffix
    return OWN_SUFFIX.get(type(value)) or (".csv" if is_table(value) else ".json")


@contextmanager
def staged(parent: Path, *, force: bool = False) -> Iterator[Path]:
    """Give a folder to write into; its files move to ``parent`` together once everything went well.

    Parameters
    ----------
    parent : Path
        Where the files shall be.
    force : bool
        Whether existing files may be replaced.

    Raises
    ------
    WriteError
        If a file of that name exists; nothing is left behind.
    """
    folder = Path(tempfile.mkdtemp(prefix=".partial-", dir=parent))
    try:
        yield folder
        entries = list(folder.iterdir())
        for entry in entries if not force else ():
            if (parent / entry.name).exists():
                raise WriteError(f"{parent / entry.name} exists already.", hint="Choose another name.")
        for entry in entries:
            entry.replace(parent / entry.name)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def is_table(value: Any) -> bool:
    """Whether a value is written as CSV."""
    return isinstance(value, Landmarks | Boxes) or hasattr(value, "to_csv")


def csv_of(value: Any) -> str:
    """Return a table, landmarks or boxes as CSV; a table's index that has a name becomes a column."""
    if isinstance(value, Landmarks):
        from napari_medai.io.points import landmarks_text

        return landmarks_text(value)
    if isinstance(value, Boxes):
        from napari_medai.io.boxes import boxes_text

        return boxes_text(value)
    return str(value.to_csv(index=value.index.name is not None))


def plain(value: Any) -> Any:
    """Return a value as JSON can hold it."""
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    if is_dataclass(value) and not isinstance(value, type):
        entries = {f.name: getattr(value, f.name) for f in fields(value)}
        return plain({k: v for k, v in entries.items() if k != "history"})
    return value if isinstance(value, str | int | float | bool) or value is None else str(value)


def _require_suffix(path: Path, suffix: str, what: str) -> None:
    if path.suffix.lower() != suffix:
        raise WriteError(f"Found {path.name} for {what}; needed a name that ends in {suffix}.")
