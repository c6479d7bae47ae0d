"""What a model folder's ``model.json`` may say."""

from __future__ import annotations

import difflib
import json
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    Field,
    JsonValue,
    SerializerFunctionWrapHandler,
    ValidationError,
    model_serializer,
    model_validator,
)

from napari_medai.core.errors import ModelError
from napari_medai.models.agreement import OUTPUTS_OF as OUTPUTS_OF
from napari_medai.models.agreement import (
    check_dimensions,
    check_outputs,
    check_points,
    check_regions,
)
from napari_medai.models.entries import IntensityStep as IntensityStep
from napari_medai.models.entries import NetworkSpec as NetworkSpec
from napari_medai.models.entries import Outputs as Outputs
from napari_medai.models.entries import Preparation as Preparation
from napari_medai.models.entries import Resampling as Resampling
from napari_medai.models.entries import Strict
from napari_medai.models.entries import Text as Text
from napari_medai.models.entries import Windows as Windows
from napari_medai.models.plain_json import parse_json
from napari_medai.models.plain_text import without_commands
from napari_medai.models.points.description import PointsSpec

SCHEMA = "napari-medai/model/1"
MAX_JSON_BYTES = 1_000_000

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_.-]{0,63}$")]
Spacing = Annotated[float, Field(gt=0, le=1000)]
TileSize = Annotated[int, Field(ge=8, le=4096)]
Task = Literal["segmentation", "classification", "landmarks", "regression", "registration"]

LEFT_OUT = ("members", "mirror_axes", "windows", "preparation", "previous")
"""Entries that ``model.json`` has only where they differ from the usual."""


class ModelSpec(Strict):
    """Everything about a model but its weights, as in ``model.json``.

    Parameters
    ----------
    schema : str
        The version of this format.
    name, version : str
        How people and histories refer to the model; the version is ``MAJOR.MINOR.PATCH``.
    licence, citation : str
        The terms of the weights, and what to cite for them.
    task : {"segmentation", "classification", "landmarks", "regression", "registration"}
        What the model does.
    network : NetworkSpec
        The network, by name.
    channels : tuple of str
        The name of each input channel, in order.
    spacing : tuple of float or None
        Voxel size (z, y, x) in mm of the grid the network sees; none: the image's own grid.
    intensity : tuple of IntensityStep
        Preprocessing operations applied in order on that grid.
    tile : tuple of int
        Window size (z, y, x) or (y, x); its length is the network's number of dimensions.
    outputs : Outputs
        The classes.
    training : dict
        A summary of data, method and measured figures.
    parent : str or None
        Hash of the model this one was fine-tuned from.
    members : int
        Networks whose scores are averaged: ``weights.safetensors``, ``weights-1.safetensors`` and so on.
    mirror_axes : tuple of int
        Spatial axes of the window that may be mirrored in a prediction; counted from 0.
    windows : Windows
        How windows are laid and blended.
    preparation : Preparation
        How an image is brought to the network's grid, where that differs from the usual.
    previous : tuple of str
        Labels of a first model, in the folder ``previous``, whose masks follow the image's channels.
    points : PointsSpec or None
        Landmarks: the stages, the calibration and the shape prior.
    """

    schema_: Literal["napari-medai/model/1"] = Field(alias="schema")
    name: Name
    version: Annotated[str, Field(pattern=r"^\d+\.\d+\.\d+$", max_length=32)]
    licence: Text
    citation: Text
    task: Task
    network: NetworkSpec
    channels: Annotated[tuple[Text, ...], Field(min_length=1, max_length=64)]
    spacing: Annotated[tuple[Spacing, ...], Field(min_length=2, max_length=3)] | None = None
    intensity: Annotated[tuple[IntensityStep, ...], Field(max_length=20)] = ()
    tile: Annotated[tuple[TileSize, ...], Field(min_length=2, max_length=3)]
    outputs: Outputs
    training: dict[str, JsonValue] = Field(default_factory=dict)
    parent: Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")] | None = None
    members: Annotated[int, Field(ge=1, le=20)] = 1
    mirror_axes: Annotated[tuple[Annotated[int, Field(ge=0, le=2)], ...], Field(max_length=3)] = ()
    windows: Windows = Windows()
    preparation: Preparation = Preparation()
    previous: Annotated[tuple[Text, ...], Field(max_length=999)] = ()
    points: PointsSpec | None = Field(default=None, exclude_if=lambda value: value is None)

    @model_validator(mode="after")
    def _entries_agree(self) -> ModelSpec:
        for check in (check_dimensions, check_outputs, check_regions, check_points):
            check(self)
        return self

    @model_serializer(mode="wrap")
    def _without_usual(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        usual = {n for n in LEFT_OUT if getattr(self, n) == type(self).model_fields[n].default}
        return {name: value for name, value in handler(self).items() if name not in usual}

    @property
    def inputs(self) -> int:
        """Number of input channels of the network: the image's, and those of a first model's labels."""
        return len(self.channels) * (1 + 2 * self.preparation.neighbours) + len(self.previous)

    @property
    def ndim(self) -> int:
        """Number of spatial dimensions of the network: 2 or 3."""
        return len(self.tile)

    @property
    def image_ndim(self) -> int:
        """Number of spatial dimensions of the images: 3 where a 2-D network goes slice by slice."""
        return 3 if self.preparation.slicewise else len(self.tile)

    @property
    def results(self) -> tuple[str, ...]:
        """What the model finds: the names of its outputs, without a background."""
        return self.outputs.names[1:] if self.task == "segmentation" else self.outputs.names

    @property
    def label_names(self) -> dict[str, str]:
        """From label value to name, background left out, as in ``image.meta["labels"]``."""
        return {str(value): name for value, name in enumerate(self.outputs.labels) if value > 0}

    def to_json(self) -> str:
        """Return the text of ``model.json``."""
        return json.dumps(self.model_dump(mode="json", by_alias=True), indent=2, ensure_ascii=False) + "\n"


def parse_spec(text: str | bytes, where: str = "model.json") -> ModelSpec:
    """Check the text of a ``model.json``.

    Parameters
    ----------
    text : str or bytes
        The JSON text, at most a megabyte.
    where : str
        What error messages call it.

    Raises
    ------
    ModelError
        If the text is too long, is no JSON, or says something unknown; every fault is named.
    """
    if len(text) > MAX_JSON_BYTES:
        raise ModelError(
            f"{where} is {len(text)} bytes long; needed at most {MAX_JSON_BYTES}.",
            hint="A model description is a page of text; this file is something else.",
        )
    data = parse_json(text, where)
    _refuse_newer(data, where)
    try:
        return ModelSpec.model_validate(data)
    except ValidationError as error:
        raise explain(error, where) from error


def _refuse_newer(data: Any, where: str) -> None:
    """Say so where a description is of a later format than this one knows."""
    schema = str(data.get("schema", "")) if isinstance(data, dict) else ""
    family, _, number = schema.rpartition("/")
    if family == SCHEMA.rpartition("/")[0] and number.isdecimal() and int(number[:9]) > 1:
        raise ModelError(
            f"{where} is written in the format {schema[:60]!r}; this version knows {SCHEMA!r}.",
            hint="Get a newer version: pip install -U napari-medai.",
        )


def read_spec(path: Path) -> ModelSpec:
    """Read and check a ``model.json`` file.

    Raises
    ------
    ModelError
        If it is missing, too long or wrong.
    """
    if not path.is_file():
        raise ModelError(
            f"{path.parent} has no model.json, so it is not a model folder.",
            hint="Choose the folder that holds model.json and weights.safetensors.",
        )
    with path.open("rb") as file:
        return parse_spec(file.read(MAX_JSON_BYTES + 1), str(path))


def explain(error: ValidationError, where: str, known: tuple[str, ...] = ()) -> ModelError:
    """Turn pydantic's findings into one readable error.

    Parameters
    ----------
    error : pydantic.ValidationError
        What was found.
    where : str
        The file or network the findings are about.
    known : tuple of str
        Names to suggest from for an unknown key, where the specification's own do not apply.
    """
    faults = [_fault(entry, known) for entry in error.errors(include_url=False)[:5]]
    hint = "Correct the file, or get the model folder again."
    return ModelError(f"{where}: {'; '.join(faults)}.", hint)


def _fault(entry: Any, known: tuple[str, ...]) -> str:
    place = without_commands(".".join(str(part) for part in entry["loc"])) or "the whole"
    if entry["type"] in ("extra_forbidden", "unexpected_keyword_argument"):
        names = list(known) or _known_keys(entry["loc"])
        close = difflib.get_close_matches(str(entry["loc"][-1]), names, n=1, cutoff=0.4)
        return f"{place} is not a known entry; " + (
            f"did you mean {close[0]}?" if close else f"known: {', '.join(names)}"
        )
    found = "" if entry["type"] == "missing" else f", found {_short(entry['input'])}"
    return f"{place}: {entry['msg']}{found}"


def _known_keys(place: tuple[str | int, ...]) -> list[str]:
    parts: dict[str, type[BaseModel]] = {
        "network": NetworkSpec,
        "intensity": IntensityStep,
        "outputs": Outputs,
        "windows": Windows,
        "preparation": Preparation,
        "points": PointsSpec,
    }
    kind = parts.get(str(place[0]), ModelSpec) if len(place) > 1 else ModelSpec
    return [field.alias or name for name, field in kind.model_fields.items()]


def _short(value: Any, limit: int = 60) -> str:
    text = repr(value)
    return text if len(text) <= limit else text[: limit - 3] + "..."
