"""Landmarks from a trained network."""

from __future__ import annotations

from typing import Annotated

from annotated_types import Gt, Interval

from napari_medai.core.errors import ArgumentError
from napari_medai.core.landmarks import Landmarks
from napari_medai.core.operation import Advanced, Calibrates, IntensityImage, operation
from napari_medai.core.progress import Progress, silent
from napari_medai.io.point_folder import sized
from napari_medai.models.points.find import find_points
from napari_medai.models.store import ModelArgument, as_model


@operation(group="landmarks", title="Detect landmarks with a trained model")
def detect_landmarks(
    image: IntensityImage,
    model: ModelArgument = "head-phantom",
    *,
    device: str = "auto",
    views: Annotated[int, Interval(ge=1, le=4), Advanced()] = 4,
    spacing_mm: Annotated[float, Gt(0), Advanced(), Calibrates()] | None = None,
    progress: Progress = silent,
) -> Landmarks:
    """Find named anatomical points, each with its error bar.

    The image is turned to the axes nearest to the patient's and seen as a whole on a coarse grid, then
    in windows around each point on a finer one. Points are read from heat maps below the size of a voxel.

    Parameters
    ----------
    image : MedicalImage
        2-D or 3-D, any size, spacing (mm) and orientation, one time point. Only a model that was trained
        on images without a spacing takes an image without one; its answer is in pixels then.
    model : str or path or Model
        A landmark model's name, the path of its folder, or a loaded model.
    device : str
        Where the network runs: "auto", "cpu", "cuda" or "mps".
    views : int
        How often each point is looked at, turned and stretched a little; what the looks disagree by goes
        into the error bar.
    spacing_mm : float, optional
        Pixel size of an image that does not say it; the answer is in mm from its first pixel then. In the
        viewer calibrate the image instead, so that the points lie on it.
    progress : Progress
        Hears every step.

    Returns
    -------
    Landmarks
        All points of the model in world coordinates: position, covariance, confidence (0 to 1), and
        ``absent`` where the image does not seem to show the point; its position is a guess then.
        A point far from where the others put it has a fifth of its confidence.

    Raises
    ------
    ModelError
        If there is no such model, it finds no landmarks, or the image does not fit it.
    ArgumentError
        If the image has a time axis.

    References
    ----------
    Payer et al. 2019, Integrating spatial configuration into heatmap regression based CNNs for landmark
    localization, doi 10.1016/j.media.2019.03.007.

    Examples
    --------
    >>> from napari_medai.phantoms import mr_head
    >>> head = mr_head(0, (67, 86, 64), (3, 3, 3))
    >>> found = detect_landmarks(head.image, "head-phantom", views=1)
    >>> bool(abs(found["pons"] - head.landmarks["pons"]).max() < 3)
    True
    """
    if image.axes.startswith("t"):
        raise ArgumentError(
            f"Found an image with a time axis ({image.axes}); landmarks are found in one time point.",
            hint="Take one time point first.",
        )
    image = sized(image, spacing_mm)
    return find_points(as_model(model), image, device=device, views=views, progress=progress)
