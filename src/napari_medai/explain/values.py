"""What a regression model says of a whole image, as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from annotated_types import Interval

from napari_medai.core.operation import Advanced, IntensityImage, operation
from napari_medai.core.progress import Progress, part, silent
from napari_medai.models.prepare import time_points
from napari_medai.models.store import ModelArgument, as_model
from napari_medai.models.task import require_task
from napari_medai.models.whole import image_scores

if TYPE_CHECKING:
    from pandas import DataFrame


@operation(group="explain", title="Estimate a value of an image")
def estimate_value(
    image: IntensityImage,
    model: ModelArgument = "lesion-size-2d",
    *,
    device: str = "auto",
    overlap: Annotated[float, Interval(ge=0, le=0.9), Advanced()] = 0.5,
    progress: Progress = silent,
) -> DataFrame:
    """Say how much of something an image shows (a size, an age, a score), by a trained network.

    A model that names a spacing sees the image at that spacing, in windows where the image is larger
    than the model's window: their mean counts. A model that names none sees the whole image in one
    window. `explain_prediction` shows where a network looked when it gave the value.

    Parameters
    ----------
    image : MedicalImage
        Any size and orientation. Time points are judged one by one.
    model : str or path or Model
        A regression model: its name, its folder, or the loaded model.
    device : str
        Where the network runs: "auto", "cpu", "cuda" or "mps".
    overlap : float
        The share of a window that the next one covers again.
    progress : Progress
        Hears the preparation and every window.

    Returns
    -------
    pandas.DataFrame
        One row a value and time point. Columns: time, quantity (with its unit, as the model names it),
        value, windows.

    Raises
    ------
    ModelError
        If the model's task is another, or the image does not fit it.

    Examples
    --------
    >>> from napari_medai.phantoms import tissue_with_lesion
    >>> image, _ = tissue_with_lesion(1, 2, lesion=True)
    >>> estimate_value(image, "lesion-size-2d")["quantity"].item()
    'lesion diameter [mm]'
    """
    from pandas import DataFrame

    loaded = as_model(model)
    require_task(loaded.spec, "regression")
    rows = []
    frames = time_points(image)
    for time, frame in enumerate(frames):
        inner = part(progress, time / len(frames), (time + 1) / len(frames))
        found, windows = image_scores(loaded, frame, device=device, overlap=overlap, progress=inner)
        rows += [
            (time, name, float(value), windows)
            for name, value in zip(loaded.spec.outputs.values, found, strict=True)
        ]
    return DataFrame(rows, columns=["time", "quantity", "value", "windows"])
