"""What a recipe may say: named inputs, steps with their options, and which results are kept."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from napari_medai.core.errors import ArgumentError

SCHEMA = "napari-medai/recipe/1"

Name = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]{0,63}$")]
Reference = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]{0,63}(\.[A-Za-z0-9_]{1,64})?$")]
Text = Annotated[str, Field(max_length=4000)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, populate_by_name=True)


class RecipeInput(_Strict):
    """One input of a recipe.

    Parameters
    ----------
    kind : {"intensity", "labels", "image", "landmarks", "boxes", "transform"}
        What it must be; ``"image"`` is an image of either kind.
    match : str or None
        File names that are this input in a folder of cases: ``"*_T1w.nii.gz"``. The part that ``*``
        stands for names the case, so that several inputs find each other.
    about : str
        For people.
    """

    kind: Literal["intensity", "labels", "image", "landmarks", "boxes", "transform"] = "image"
    match: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    about: Text = ""


class RecipeStep(_Strict):
    """One step of a recipe.

    Parameters
    ----------
    id : str
        How later steps and the outputs refer to its result.
    operation : str
        The operation's name.
    inputs : mapping
        From the operation's inputs to an input of the recipe or the id of an earlier step; one of
        several results is named after a dot (``"align.warped"``); a list where it takes many.
    options : mapping
        The operation's options; those left out have their defaults.
    """

    id: Name
    operation: Annotated[str, Field(min_length=1, max_length=100)]
    inputs: dict[str, Reference | list[Reference]] = {}
    options: dict[str, JsonValue] = {}


class Recipe(_Strict):
    """Steps to repeat. Names only: no voxels, no paths.

    Parameters
    ----------
    schema : str
        The version of this format.
    name, about : str
        For people.
    made_with : str
        The version of napari-medai that saved it.
    inputs : mapping
        Name to :class:`RecipeInput`.
    steps : sequence of RecipeStep
        In the order they are taken.
    outputs : sequence of str
        Which results are kept; the last step's where none is named.
    """

    schema_: Literal["napari-medai/recipe/1"] = Field(default="napari-medai/recipe/1", alias="schema")
    name: Annotated[str, Field(max_length=200)] = ""
    about: Text = ""
    made_with: Annotated[str, Field(max_length=64)] = ""
    inputs: Annotated[dict[Name, RecipeInput], Field(min_length=1, max_length=100)]
    steps: Annotated[tuple[RecipeStep, ...], Field(min_length=1, max_length=1000)]
    outputs: tuple[Reference, ...] = ()

    @property
    def kept(self) -> tuple[str, ...]:
        """The references of the results that are kept."""
        return self.outputs or (self.steps[-1].id,)

    def to_json(self) -> dict[str, Any]:
        """Return the recipe as plain JSON values, what is empty left out."""
        entry = self.model_dump(mode="json", by_alias=True)
        return {"schema": SCHEMA, **_without_empty(entry)}

    @classmethod
    def from_json(cls, entry: Any) -> Recipe:
        """Read plain JSON values.

        Raises
        ------
        ArgumentError
            Naming the place, what was found and what was needed.
        """
        return _read(entry)

    @property
    def digest(self) -> str:
        """A fingerprint of what the recipe does; its name and description do not count."""
        entry = self.to_json()
        does = json.dumps([entry["inputs"], entry["steps"], list(self.kept)], sort_keys=True)
        return sha256(does.encode()).hexdigest()[:16]


def json_schema() -> dict[str, Any]:
    """Return the JSON schema of a recipe file."""
    return {"$id": SCHEMA, **Recipe.model_json_schema(by_alias=True)}


def nearest(name: str, known: Iterable[str]) -> str:
    """Return a hint that names the known name nearest to one that is not known."""
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.4)
    return f"Did you mean {close[0]}?" if close else f"Known: {', '.join(names)}."


def _read(entry: Any) -> Recipe:
    if not isinstance(entry, Mapping):
        raise ArgumentError(
            f"Found {type(entry).__name__} where a recipe was needed.", hint=f"It begins: schema: {SCHEMA}"
        )
    version = entry.get("schema", "nothing")
    if version != SCHEMA:
        raise ArgumentError(
            f"Found a recipe of schema {version!r}; needed {SCHEMA!r}.",
            hint="A newer napari-medai may have written it." if "recipe/" in str(version) else "",
        )
    _refuse_unknown_keys(entry)
    try:
        return Recipe.model_validate(dict(entry))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the recipe"
        raise ArgumentError(f"Recipe, {place}: found {first['input']!r}; needed: {first['msg']}.") from error


def _refuse_unknown_keys(entry: Mapping[str, Any]) -> None:
    _check_keys(entry, Recipe, "Recipe")
    inputs, steps = entry.get("inputs"), entry.get("steps")
    for name, item in inputs.items() if isinstance(inputs, Mapping) else ():
        _check_keys(item, RecipeInput, f"Recipe, input {name}")
    for number, item in enumerate(steps if isinstance(steps, list) else (), 1):
        _check_keys(item, RecipeStep, f"Recipe, step {number}")


def _check_keys(entry: Any, model: type[BaseModel], place: str) -> None:
    known = [field.alias or name for name, field in model.model_fields.items()]
    for key in entry if isinstance(entry, Mapping) else ():
        if key not in known:
            raise ArgumentError(f"{place}: found the unknown key {key!r}.", hint=nearest(str(key), known))


def _without_empty(value: Any) -> Any:
    """Drop empty texts, lists and mappings of the recipe itself; options keep whatever they hold."""
    if isinstance(value, dict):
        cleaned = {k: v if k == "options" else _without_empty(v) for k, v in value.items()}
        return {k: v for k, v in cleaned.items() if v not in ("", [], None) and (v != {} or k == "inputs")}
    return [_without_empty(v) for v in value] if isinstance(value, list) else value
