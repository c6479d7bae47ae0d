"""The recorded intensity recipe, carried out by the registered operations."""

from __future__ import annotations

from functools import cache

import numpy as np

from napari_medai.core.errors import ArgumentError, ModelError
from napari_medai.core.image import MedicalImage
from napari_medai.core.lazy import import_modules
from napari_medai.core.operation import Operation, registered
from napari_medai.core.progress import Progress, part, silent
from napari_medai.models.spec import IntensityStep, ModelSpec

GROUP = "preprocess"
"""The only group whose operations a recipe may name: they turn an image into an image, no more."""


def check_recipe(spec: ModelSpec) -> None:
    """Check that every step names a known operation with arguments it takes.

    Raises
    ------
    ModelError
        Naming the step and what is known.
    """
    for step in spec.intensity:
        operation = _operation(spec, step)
        try:
            known = {p.name: p for p in operation.options}
            _refuse_unknown(step, list(known))
            for name, value in step.arguments.items():
                known[name].validate(value)
        except ArgumentError as error:
            raise ModelError(f"Model {spec.name}: {step.operation}: {error.message}", error.hint) from error


def apply_recipe(spec: ModelSpec, image: MedicalImage, progress: Progress = silent) -> MedicalImage:
    """Apply the recipe's steps in order.

    Parameters
    ----------
    spec : ModelSpec
        Whose ``intensity`` is carried out.
    image : MedicalImage
        On the grid the network sees.
    progress : Progress
        Hears each step.
    """
    count = len(spec.intensity)
    for k, step in enumerate(spec.intensity):
        operation = _operation(spec, step)
        inner = part(progress, k / count, (k + 1) / count, operation.title)
        extra = {"progress": inner} if operation.reports_progress else {}
        seen = image if step.channels is None else _taken(spec, image, step.channels)
        done = operation.function(seen, **step.arguments, **extra)
        image = done if step.channels is None else _put_back(image, done, step.channels)
    return image


def _taken(spec: ModelSpec, image: MedicalImage, channels: tuple[int, ...]) -> MedicalImage:
    if not image.axes.startswith("c") or max(channels) >= image.array.shape[0]:
        raise ModelError(f"Model {spec.name}: a step is for the channels {channels}; there are not so many.")
    return image.with_array(image.array[list(channels)])


def _put_back(image: MedicalImage, done: MedicalImage, channels: tuple[int, ...]) -> MedicalImage:
    array = np.array(image.array, dtype=np.float32)
    array[list(channels)] = done.array
    return image.with_array(array)


def _operation(spec: ModelSpec, step: IntensityStep) -> Operation:
    known = _known_operations()
    if step.operation not in known:
        raise ModelError(
            f"Model {spec.name} is prepared with {step.operation!r}; known: {', '.join(sorted(known))}.",
            hint="A newer napari-medai may have that operation.",
        )
    return known[step.operation]


@cache
def _known_operations() -> dict[str, Operation]:
    import_modules(f"napari_medai.{GROUP}")
    return {o.name: o for o in registered().values() if o.group == GROUP}


def _refuse_unknown(step: IntensityStep, known: list[str]) -> None:
    unknown = [name for name in step.arguments if name not in known]
    if unknown:
        raise ArgumentError(f"has no option {unknown[0]!r}.", hint=f"Known: {', '.join(known)}.")
