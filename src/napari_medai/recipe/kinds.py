"""What an input or a result of a recipe is, held against what a step takes, before anything is run."""

from __future__ import annotations

from typing import Any, get_args, get_origin

from napari_medai.core.boxes import Boxes
from napari_medai.core.errors import ArgumentError
from napari_medai.core.image import MedicalImage
from napari_medai.core.landmarks import Landmarks
from napari_medai.core.operation import Operation
from napari_medai.core.parameter import INPUT_TYPES, Parameter
from napari_medai.core.transform import SpatialTransform
from napari_medai.recipe.recipe import RecipeInput

Offer = RecipeInput | Operation
"""Where a value comes from: an input of the recipe, or an earlier step."""

_TYPES: dict[str, type] = {"landmarks": Landmarks, "boxes": Boxes, "transform": SpatialTransform}
_WORDS = {MedicalImage: "an image", Landmarks: "landmarks", Boxes: "boxes", SpatialTransform: "a transform"}


def check_kind(parameter: Parameter, reference: str, offer: Offer, place: str) -> None:
    """Refuse a value that a step's input cannot be; what shows only when the step is run passes.

    Parameters
    ----------
    parameter : Parameter
        An input of the step's operation.
    reference : str
        What the recipe gives it.
    offer : RecipeInput or Operation
        Where that comes from.
    place : str
        Of the step, for the message.

    Raises
    ------
    ArgumentError
        Naming the step, its input, what is given and what is needed.
    """
    found = _found(reference, offer)
    needed: Any = parameter.input_type
    if found is None or needed is None:
        return
    if found is not needed:
        raise _wrong(parameter, reference, _WORDS.get(found, "a table"), _WORDS[needed], place)
    kinds = {parameter.image_kind, offer.kind if isinstance(offer, RecipeInput) else None}
    if kinds == {"labels", "intensity"}:
        given = offer.kind if isinstance(offer, RecipeInput) else ""
        raise _wrong(parameter, reference, f"{given}", f"{parameter.image_kind}", place)


def _found(reference: str, offer: Offer) -> Any:
    """Return the type of a value, or nothing where it shows only when the step is run."""
    if isinstance(offer, RecipeInput):
        return _TYPES.get(offer.kind, MedicalImage)
    result = offer.result_type
    if "." in reference or get_origin(result) is not None or get_args(result):
        return None
    return result if result in INPUT_TYPES or getattr(result, "__name__", "") == "DataFrame" else None


def _wrong(parameter: Parameter, reference: str, found: str, needed: str, place: str) -> ArgumentError:
    return ArgumentError(
        f"{place}: the input {parameter.name} is given {reference!r}, which is {found}; needed {needed}.",
        parameter.description,
    )
