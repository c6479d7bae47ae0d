"""Labels from a trained network."""

from __future__ import annotations

from typing import Annotated

from annotated_types import Interval

from napari_medai.core.image import MedicalImage
from napari_medai.core.operation import Advanced, IntensityImage, operation
from napari_medai.core.progress import Progress, silent
from napari_medai.models.pipeline import segment_image
from napari_medai.models.store import ModelArgument, as_model


@operation(group="segment", title="Segment with a trained model")
def predict_labels(
    image: IntensityImage,
    model: ModelArgument = "phantom-3d",
    *,
    device: str = "auto",
    overlap: Annotated[float, Interval(ge=0, le=0.9), Advanced()] = 0.5,
    progress: Progress = silent,
) -> MedicalImage:
    """Label an image with a trained network.

    The image is turned to the axes nearest to the patient's, brought to the model's spacing and
    intensities as its description says, and seen by the network in overlapping windows. The class
    probabilities are brought back to the image's own grid before the likeliest class is taken.

    Parameters
    ----------
    image : MedicalImage
        Any size, spacing (mm) and orientation. Time points are labelled one by one; channels or
        colour samples must be the model's input channels.
    model : str or path or Model
        A model's name, the path of a model folder, or a loaded model.
    device : str
        Where the network runs: "auto", "cpu", "cuda" or "mps".
    overlap : float
        The share of a window that the next one covers again. More is smoother and slower.
    progress : Progress
        Hears every step and every batch of windows.

    Returns
    -------
    MedicalImage
        Labels on the grid of ``image``; their names are in ``meta["labels"]``.

    Raises
    ------
    ModelError
        If there is no such model, its folder is damaged, or the image does not fit it.
    MedAIError
        If torch is not installed.

    References
    ----------
    Ronneberger et al. 2015, U-Net, doi 10.1007/978-3-319-24574-4_28.

    Examples
    --------
    >>> from napari_medai.phantoms.torso import ct_torso
    >>> image, _ = ct_torso(0, (20, 48, 48), (12, 7, 7))
    >>> predict_labels(image, "phantom-3d").meta["labels"]["3"]
    'liver'
    """
    return segment_image(as_model(model), image, device=device, overlap=overlap, progress=progress)
