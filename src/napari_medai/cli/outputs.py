"""Results written to files: all of them or none, and never over an existing file unasked."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import numpy as np

from napari_medai.core.boxes import Boxes
from napari_medai.core.errors import WriteError
from napari_medai.core.image import MedicalImage
from napari_medai.core.landmarks import Landmarks
from napari_medai.core.operation import Operation
from napari_medai.core.transform import SpatialTransform

_OWN_SUFFIX: dict[type, str] = {SpatialTransform: ".tfm", Landmarks: ".csv", Boxes: ".json"}


def needs_file(operation: Operation) -> bool:
    """Whether the result cannot be shown as text."""
    return any(t in (MedicalImage, SpatialTransform) for t in _result_parts(operation).values())


def check_free(operation: Operation, out: Path, force: bool) -> None:
    """Refuse an output that exists or has no folder to lie in, before any work is done.

    Raises
    ------
    WriteError
        Naming what stands in the way.
    """
    if not out.parent.is_dir():
        raise WriteError(f"There is no folder {out.parent}.", hint="Create it first, or choose another.")
    if force:
        return
    for name, kind in _result_parts(operation).items():
        path = out if not name else _named(out, name, kind)
        if path.exists():
            raise WriteError(f"{path} exists already.", hint="Choose another name, or pass --force.")


def write_result(result: Any, out: Path, *, force: bool = False) -> list[Path]:
    """Write a result, or each of several with its name added: ``out_warped.nii.gz``.

    Parameters
    ----------
    result : object
        An image, points, a transform, a table, plain values, or a tuple or dataclass of them.
    out : Path
        Where; the suffix says the format of images.
    force : bool
        Whether existing files may be replaced.

    Returns
    -------
    list of Path
        The files written.

    Raises
    ------
    WriteError
        If something is in the way or cannot be written as asked. Nothing is left behind.
    """
    parts = parts_of(result)
    with staged(out.parent, force) as folder:
        for name, value in parts.items():
            target = folder / (out.name if not name else _named(out, name, type(value)).name)
            _write_one(value, target)
        written = sorted(p.name for p in folder.iterdir())
    return [out.parent / name for name in written]


def parts_of(result: Any) -> dict[str, Any]:
    """Return the results by name; one alone has the empty name, and ``None`` is left out."""
    if isinstance(result, tuple):
        names = getattr(result, "_fields", map(str, range(len(result))))
        parts = dict(zip(names, result, strict=True))
    elif is_dataclass(result) and not isinstance(result, (MedicalImage, *_OWN_SUFFIX)):
        parts = {f.name: getattr(result, f.name) for f in fields(result)}
    else:
        return {"": result}
    return {name: value for name, value in parts.items() if value is not None}


def as_text(result: Any) -> str:
    """Write tables as CSV and other values as JSON, for the terminal or a pipe."""
    texts = []
    for name, value in parts_of(result).items():
        text = _csv(value) if is_table(value) else json.dumps(plain(value), indent=2)
        texts.append(f"# {name}\n{text}" if name else text)
    return "\n".join(texts).rstrip("\n")


@contextmanager
def staged(parent: Path, force: bool = False) -> Iterator[Path]:
    """Give a folder to write into; its files move to ``parent`` together once everything went well."""
    folder = Path(tempfile.mkdtemp(prefix=".partial-", dir=parent))
    try:
        yield folder
        entries = list(folder.iterdir())
        for entry in entries if not force else ():
            if (parent / entry.name).exists():
                raise WriteError(f"{parent / entry.name} exists already.", hint="Pass --force to replace it.")
        for entry in entries:
            entry.replace(parent / entry.name)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def is_table(value: Any) -> bool:
    """Whether a value is written as CSV."""
    return isinstance(value, Landmarks) or hasattr(value, "to_csv")


def table_of(value: Any) -> Any:
    """Return a pandas table of a table or of landmarks."""
    if not isinstance(value, Landmarks):
        return value
    import pandas as pd

    table = pd.DataFrame({"name": list(value.names)})
    for axis, letter in enumerate("xyz"[: value.positions.shape[1]]):
        table[f"{letter}_{value.unit}"] = value.positions[:, axis]
    if value.confidence is not None:
        table["confidence"] = value.confidence
    return table


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


def _csv(value: Any) -> str:
    table = table_of(value)
    return str(table.to_csv(index=table.index.name is not None))


def _write_one(value: Any, path: Path) -> None:
    if isinstance(value, MedicalImage):
        from napari_medai.io.write import write

        write(value, path)
    elif isinstance(value, SpatialTransform):
        value.save(path)
    elif is_table(value):
        _require_suffix(path, ".csv", "a table")
        path.write_text(_csv(value), encoding="utf-8")
    else:
        _require_suffix(path, ".json", "values")
        path.write_text(json.dumps(plain(value), indent=2), encoding="utf-8")


def _require_suffix(path: Path, suffix: str, what: str) -> None:
    if path.suffix.lower() != suffix:
        raise WriteError(f"Found {path.name} for {what}; needed a name that ends in {suffix}.")


def _named(out: Path, name: str, kind: Any) -> Path:
    """Return ``out_name.suffix``, with the suffix that kind of result has."""
    stem, suffix = _split_suffix(out)
    if kind is not MedicalImage:
        suffix = _OWN_SUFFIX.get(kind) or (".csv" if hasattr(kind, "to_csv") else ".json")
    return out.with_name(f"{stem}_{name}{suffix}")


def _split_suffix(path: Path) -> tuple[str, str]:
    compressed = path.name.lower().endswith((".nii.gz", ".ome.tif", ".ome.tiff"))
    suffix = "".join(path.suffixes[-2:]) if compressed else path.suffix
    return path.name.removesuffix(suffix), suffix


def _result_parts(operation: Operation) -> dict[str, Any]:
    """Return the declared types of the results by name."""
    kind = operation.result_type
    if get_origin(kind) is tuple:
        return {str(i): t for i, t in enumerate(get_args(kind)) if t is not Ellipsis}
    several = is_dataclass(kind) and kind not in (MedicalImage, *_OWN_SUFFIX)
    if several or hasattr(kind, "_fields"):
        return {name: _without_none(t) for name, t in get_type_hints(kind).items()}
    return {"": _without_none(kind)}


def _without_none(kind: Any) -> Any:
    from napari_medai.core.parameter import Parameter

    return Parameter("result", kind).value_type
