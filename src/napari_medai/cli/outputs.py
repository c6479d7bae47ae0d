"""Where the results of one operation go, and how they look as text."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

from napari_medai.core.errors import WriteError
from napari_medai.core.image import MedicalImage
from napari_medai.core.operation import Operation
from napari_medai.core.parameter import Parameter
from napari_medai.core.transform import SpatialTransform
from napari_medai.measure.mesh import Mesh
from napari_medai.recipe.results import (
    OWN_SUFFIX,
    csv_of,
    is_single,
    is_table,
    parts_of,
    plain,
    staged,
    write_value,
)


def needs_file(operation: Operation) -> bool:
    """Whether the result cannot be shown as text."""
    return any(t in (MedicalImage, SpatialTransform, Mesh) for t in _result_parts(operation).values())


IMAGE_SUFFIX = ".nii.gz"
OTHER_SUFFIXES = {*OWN_SUFFIX.values(), ".csv", ".json"}
"""Suffixes that no image can have: beside a table an image gets one of its own."""


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
    with staged(out.parent, force=force) as folder:
        for name, value in parts_of(result).items():
            write_value(value, folder / (out if not name else _named(out, name, type(value))).name)
        written = sorted(p.name for p in folder.iterdir())
    return [out.parent / name for name in written]


def as_text(result: Any) -> str:
    """Write tables as CSV and other values as JSON, for the terminal or a pipe."""
    texts = []
    for name, value in parts_of(result).items():
        text = csv_of(value) if is_table(value) else json.dumps(plain(value), indent=2)
        texts.append(f"# {name}\n{text}" if name else text)
    return "\n".join(texts).rstrip("\n")


def _named(out: Path, name: str, kind: Any) -> Path:
    """Return ``out_name.suffix``, with the suffix that kind of result has."""
    stem, suffix = _split_suffix(out)
    if kind is MedicalImage:
        suffix = IMAGE_SUFFIX if suffix in OTHER_SUFFIXES else suffix
    else:
        suffix = OWN_SUFFIX.get(kind) or (".csv" if hasattr(kind, "to_csv") else ".json")
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
    if not is_single(kind):
        return {name: Parameter(name, t).value_type for name, t in _hints(kind).items()}
    return {"": Parameter("result", kind).value_type}


def _hints(kind: Any) -> dict[str, Any]:
    """Resolve the fields of a result; pandas is imported only where one of them is a table."""
    names: dict[str, Any] = {}
    if "DataFrame" in str(kind.__annotations__):
        from pandas import DataFrame

        names["DataFrame"] = DataFrame
    return get_type_hints(kind, localns=names)
