"""Operations that learn from painted strokes what each voxel is."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import numpy as np
from annotated_types import Gt, Len
from pydantic import BeforeValidator

from napari_medai.core.errors import ArgumentError
from napari_medai.core.image import MedicalImage
from napari_medai.core.operation import Advanced, IntensityImage, LabelsImage, operation
from napari_medai.core.progress import Progress, Step, part, silent
from napari_medai.preprocess.arrays import grey, labels_image
from napari_medai.preprocess.check import require_contrast, require_finite, require_spatial
from napari_medai.segment.learners import Method
from napari_medai.segment.pixel_classifier import PixelClassifier, learn
from napari_medai.segment.strokes import names_of

Scales = Annotated[tuple[Annotated[float, Gt(0)], ...], Len(1, 8)]


def _as_classifier(value: Any) -> Any:
    """Turn a path, JSON content or a history's entry into a classifier."""
    import base64
    import json
    import zlib

    try:
        if isinstance(value, str | Path):
            return PixelClassifier.load(value)
        if isinstance(value, dict) and "packed" in value:
            return PixelClassifier(json.loads(zlib.decompress(base64.b64decode(value["packed"]))))
        return PixelClassifier(value) if isinstance(value, dict) else value
    except ArgumentError as error:
        raise ValueError(str(error)) from error


ClassifierArgument = Annotated[PixelClassifier, BeforeValidator(_as_classifier)]


@operation(group="segment", title="Learn from strokes")
def classify_scribbles(
    image: IntensityImage,
    strokes: LabelsImage,
    *,
    method: Method = "forest",
    scales_mm: Scales = (1.0, 2.0, 4.0),
    seed: Annotated[int, Advanced()] = 0,
    progress: Progress = silent,
) -> MedicalImage:
    """Paint a little of each label and see every voxel labelled; add strokes where it is wrong.

    Parameters
    ----------
    image : MedicalImage
        2-D or 3-D; channels or colours are looked at together. No time axis.
    strokes : MedicalImage
        Two or more painted labels on the same grid.
    method : {"forest", "svm", "neighbours"}
        Random forest, support vector machine, or nearest neighbours.
    scales_mm : sequence of float
        At which sizes intensities, slopes and curvatures are looked at.
    seed : int
        Of every random choice.
    progress : Progress
        Hears several reports.

    Returns
    -------
    MedicalImage
        Every voxel with the number of a stroke. With the same image the next stroke is quick.

    Raises
    ------
    ArgumentError
        If fewer than two labels are painted, or the image is constant, not finite or has a time axis.
    GeometryError
        If the strokes lie on another grid.
    """
    painted = _checked(image, strokes, "classify_scribbles")
    progress(Step(0, 1, "Learning"))
    classifier = learn(
        image, painted, names_of(strokes), method, scales_mm, seed, part(progress, 0, 0.6, "Learning")
    )
    array = classifier.label(image, part(progress, 0.6, 1, "Classifying"))
    return labels_image(_flat(image), array, names_of(strokes))


@operation(group="segment", title="Learn a classifier to keep")
def train_classifier(
    image: IntensityImage,
    strokes: LabelsImage,
    *,
    method: Method = "forest",
    scales_mm: Scales = (1.0, 2.0, 4.0),
    seed: Annotated[int, Advanced()] = 0,
    progress: Progress = silent,
) -> dict[str, Any]:
    """Learn from strokes and return what was learnt as plain values, for ``apply_classifier``.

    Parameters
    ----------
    image : MedicalImage
        2-D or 3-D; channels or colours are looked at together. No time axis.
    strokes : MedicalImage
        Two or more painted labels on the same grid.
    method : {"forest", "svm", "neighbours"}
        Random forest, support vector machine, or nearest neighbours.
    scales_mm : sequence of float
        At which sizes intensities, slopes and curvatures are looked at.
    seed : int
        Of every random choice.
    progress : Progress
        Hears several reports.

    Returns
    -------
    dict
        To be kept as a JSON file. It holds numbers only; loading it runs nothing.

    Raises
    ------
    ArgumentError
        If fewer than two labels are painted, or the image is constant, not finite or has a time axis.
    GeometryError
        If the strokes lie on another grid.
    """
    painted = _checked(image, strokes, "train_classifier")
    progress(Step(0, 1, "Learning"))
    return dict(learn(image, painted, names_of(strokes), method, scales_mm, seed, progress).content)


@operation(group="segment", title="Apply a learnt classifier")
def apply_classifier(
    image: IntensityImage, *, classifier: ClassifierArgument, progress: Progress = silent
) -> MedicalImage:
    """Label an image with what was learnt on another one.

    Parameters
    ----------
    image : MedicalImage
        Of the same kind as the one learnt on: modality, channels, intensity scale.
    classifier : path or dict or PixelClassifier
        The JSON file that ``train_classifier`` was saved to, or what it returned.
    progress : Progress
        Hears several reports.

    Returns
    -------
    MedicalImage
        Every voxel with one of the learnt labels.

    Raises
    ------
    ArgumentError
        If it is no classifier, or the image does not fit it.
    """
    progress(Step(0, 1, "Classifying"))
    require_finite(image, "apply_classifier")
    _refuse_time(image, "apply_classifier")
    array = classifier.label(image, progress)
    names = {int(n): str(name) for n, name in classifier.content["names"].items()}
    return labels_image(_flat(image), array, names)


def _checked(image: MedicalImage, strokes: MedicalImage, operation: str) -> Any:
    require_finite(image, operation)
    require_contrast(np.asarray(image.array), operation)
    _refuse_time(image, operation)
    image.require_same_grid(strokes, "strokes image")
    require_spatial(strokes, operation, "strokes")
    painted = np.asarray(strokes.array)
    count = int(np.count_nonzero(np.unique(painted)))
    if count < 2:
        raise ArgumentError(
            f"{operation}: found {count} painted label{'s' * (count != 1)}; needed two or more.",
            hint="Paint a stroke of one label in the object and of another in the background.",
        )
    return painted


def _refuse_time(image: MedicalImage, operation: str) -> None:
    if "t" in image.axes:
        raise ArgumentError(f"{operation}: found a time axis; needed one point in time.")


def _flat(image: MedicalImage) -> MedicalImage:
    """Return the image without channels or colours."""
    flat = grey(image)
    return flat if "c" not in flat.axes else flat.with_array(np.asarray(flat.array)[0], axes=flat.axes[1:])
