"""What a classifier says of a whole image, as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from annotated_types import Interval

from napari_medai.core.operation import Advanced, IntensityImage, operation
from napari_medai.core.progress import Progress, part, silent
from napari_medai.models.prepare import time_points
from napari_medai.models.store import ModelArgument, as_model
from napari_medai.models.task import require_task
from napari_medai.models.whole import Combine, image_scores

if TYPE_CHECKING:
    from pandas import DataFrame


@operation(group="explain", title="Classify an image")
def classify_image(
    image: IntensityImage,
    model: ModelArgument = "lesion-2d",
    *,
    device: str = "auto",
    overlap: Annotated[float, Interval(ge=0, le=0.9), Advanced()] = 0.5,
    combine: Annotated[Combine, Advanced()] = "mean",
    progress: Progress = silent,
) -> DataFrame:
    """Say to which class an image belongs, and how likely each class is, by a trained network.

    A model that names a spacing sees the image at that spacing, in windows where the image is larger
    than the model's window. A model that names none sees the whole image in one window.

    Parameters
    ----------
    image : MedicalImage
        Any size and orientation. Time points are classified one by one.
    model : str or path or Model
        A classification model: its name, its folder, or the loaded model.
    device : str
        Where the network runs: "auto", "cpu", "cuda" or "mps".
    overlap : float
        The share of a window that the next one covers again.
    combine : {"mean", "strongest"}
        Several windows: the mean of their probabilities, or the window in which the first class
        (usually "none") is least likely.
    progress : Progress
        Hears the preparation and every window.

    Returns
    -------
    pandas.DataFrame
        One row a class and time point. Columns: time, class, probability (0 to 1), chosen, windows.

    Raises
    ------
    ModelError
        If the model's task is another, or the image does not fit it.

    Examples
    --------
    >>> from napari_medai.phantoms import tissue_with_lesion
    >>> image, _ = tissue_with_lesion(1, 2, lesion=True)
    >>> table = classify_image(image, "lesion-2d")
    >>> table.loc[table["chosen"], "class"].item()
    'lesion'
    """
    from pandas import DataFrame

    loaded = as_model(model)
    require_task(loaded.spec, "classification")
    rows = []
    frames = time_points(image)
    for time, frame in enumerate(frames):
        inner = part(progress, time / len(frames), (time + 1) / len(frames))
        shares, windows = image_scores(
            loaded, frame, device=device, overlap=overlap, combine=combine, progress=inner
        )
        best = int(shares.argmax())
        for index, name in enumerate(loaded.spec.outputs.classes):
            rows.append((time, name, float(shares[index]), index == best, windows))
    return DataFrame(rows, columns=["time", "class", "probability", "chosen", "windows"])
