"""The self-check's small input and what is expected of it, on disk."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from napari_medai.core.errors import MedAIError, ModelError
from napari_medai.core.geometry import Geometry
from napari_medai.core.image import MedicalImage
from napari_medai.models.model import CheckCase
from napari_medai.models.plain_json import parse_json
from napari_medai.models.spec import MAX_JSON_BYTES, ModelSpec, explain

MAX_CASE_BYTES = 500_000_000
GRID, ARRAYS = "case.json", "case.safetensors"

Row = Annotated[tuple[float, ...], Field(min_length=3, max_length=4)]


class _Grid(BaseModel):
    """Axes and place of the input, and the digest of what is expected."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
    axes: Annotated[str, Field(pattern=r"^c?z?yxs?$")]
    affine: Annotated[tuple[Row, ...], Field(min_length=3, max_length=4)]
    unit: Literal["mm", "pixel"]
    digest: Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]


def labels_digest(labels: MedicalImage) -> str:
    """Return ``sha256:`` over shape and values of a labels image, whatever its integer type."""
    values = np.ascontiguousarray(labels.array, dtype="<u4")
    return f"sha256:{hashlib.sha256(str(values.shape).encode() + values.tobytes()).hexdigest()}"


def numbers_digest(numbers: NDArray[np.float32]) -> str:
    """Return ``sha256:`` over the bits of some numbers."""
    return f"sha256:{hashlib.sha256(np.ascontiguousarray(numbers, dtype='<f4').tobytes()).hexdigest()}"


def write_case(case: CheckCase, folder: Path) -> None:
    """Write a check case as ``case.json`` and ``case.safetensors`` in a new folder."""
    from safetensors.numpy import save_file

    folder.mkdir()
    grid = _Grid(
        axes=case.image.axes,
        affine=case.image.geometry.affine.tolist(),
        unit=case.image.geometry.unit,
        digest=_expected_digest(case),
    )
    (folder / GRID).write_text(json.dumps(grid.model_dump(mode="json"), indent=1) + "\n", encoding="utf-8")
    arrays = {"image": np.ascontiguousarray(case.image.array)}
    if case.labels is not None:
        arrays["labels"] = np.ascontiguousarray(case.labels.array)
    if case.numbers is not None:
        arrays["numbers"] = np.ascontiguousarray(case.numbers, dtype=np.float32)
    save_file(arrays, folder / ARRAYS)


def read_case(folder: Path, spec: ModelSpec) -> CheckCase | None:
    """Read a check case, or nothing where the model has none.

    Raises
    ------
    ModelError
        If the case is damaged, or what it expects is not what its digest was taken of.
    """
    if not folder.is_dir():
        return None
    grid = _read_grid(folder / GRID)
    arrays = _read_arrays(folder / ARRAYS)
    try:
        shape = tuple(n for n, a in zip(arrays["image"].shape, grid.axes, strict=True) if a in "zyx")
        geometry = Geometry(shape, np.array(grid.affine), grid.unit)
        image = MedicalImage(arrays["image"], grid.axes, geometry, name="check")
        case = CheckCase(image, _labels(arrays, grid, geometry, spec), arrays.get("numbers"))
    except (MedAIError, ValueError) as error:
        raise ModelError(f"{folder}: the self-check does not fit together: {error}") from error
    if _expected_digest(case) != grid.digest:
        what = "labels" if case.labels is not None else "numbers"
        raise ModelError(
            f"{folder}: the expected {what} are not those of the digest.", hint="Get the model folder again."
        )
    return case


def _labels(
    arrays: dict[str, NDArray[Any]], grid: _Grid, geometry: Geometry, spec: ModelSpec
) -> MedicalImage | None:
    if "labels" not in arrays:
        return None
    names = {"labels": spec.label_names}
    return MedicalImage(arrays["labels"], grid.axes.strip("cs"), geometry, "labels", "expected", names)


def _expected_digest(case: CheckCase) -> str:
    if case.labels is not None:
        return labels_digest(case.labels)
    return numbers_digest(np.zeros(0, np.float32) if case.numbers is None else case.numbers)


def _read_grid(path: Path) -> _Grid:
    if not path.is_file() or path.stat().st_size > MAX_JSON_BYTES:
        raise ModelError(f"{path} is missing or too long.", hint="Get the model folder again.")
    try:
        return _Grid.model_validate(parse_json(path.read_bytes(), str(path)))
    except ValidationError as error:
        raise explain(error, str(path), tuple(_Grid.model_fields)) from error


def _read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    if path.is_file() and path.stat().st_size > MAX_CASE_BYTES:
        raise ModelError(f"{path} is larger than {MAX_CASE_BYTES / 1e6:.0f} MB; a check is a small image.")
    try:
        arrays: dict[str, NDArray[Any]] = load_file(path)
    except (SafetensorError, OSError) as error:
        raise ModelError(f"{path} cannot be read as safetensors: {error}.") from error
    if set(arrays) not in ({"image", "labels"}, {"image", "numbers"}):
        raise ModelError(f"{path} holds {sorted(arrays)}; needed image and labels, or image and numbers.")
    return arrays
