"""Labels from a trained network."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, TypeAlias

from annotated_types import Interval
from pydantic import AfterValidator

from napari_medai.core.boxes import Boxes
from napari_medai.core.image import MedicalImage
from napari_medai.core.operation import Advanced, IntensityImage, LabelsImage, operation
from napari_medai.core.progress import Progress, silent
from napari_medai.models.channels import joined_channels
from napari_medai.models.engine import How, Quality
from napari_medai.models.kept import kept_with
from napari_medai.models.model import Model
from napari_medai.models.pipeline import segment_image
from napari_medai.models.store import ModelArgument, as_model


def _or_none(model: str | Path | Model) -> str | Model:
    return "" if model == "" else as_model(model)


FinderArgument: TypeAlias = Annotated[str | Path | Model, AfterValidator(_or_none)]
"""A model's name, folder or the model itself; empty for none."""


@operation(group="segment", title="Segment with a trained model")
def predict_labels(
    image: IntensityImage,
    model: ModelArgument = "phantom-3d",
    channels: Sequence[IntensityImage] = (),
    region: LabelsImage | None = None,
    boxes: Boxes | None = None,
    *,
    quality: Quality = "balanced",
    finder: Annotated[FinderArgument, Advanced()] = "",
    device: str = "auto",
    overlap: Annotated[float, Interval(ge=0, le=0.9), Advanced()] = 0.5,
    allow_cpu: Annotated[bool, Advanced()] = False,
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
    channels : sequence of MedicalImage
        The model's second input channel and those after it, in its order, where they are images of their
        own, on the grid of the first. Empty: ``image`` holds them all.
    region : MedicalImage, optional
        Only voxels above 0 are labelled, and only windows that hold some are looked at.
    boxes : Boxes, optional
        World boxes: only voxels in one of them are labelled, and only windows there are looked at.
    quality : str
        exact: every window in full precision, mirrored where the model allows it. balanced: by the
        fastest way that gave the same labels on the model's own check case, and not where the image is
        filled up with one value, as around a brain without its skull. fast: so too, with an overlap of
        0.25 at most, and only where a first look at half the resolution finds something, or where there
        is more than air if the model does not know its objects at that size.
    finder : str or path or Model
        A coarser model: the chosen one looks only where this one finds something. Empty: none.
    device : str
        Where the network runs: "auto", "cpu", "cuda" or "mps".
    overlap : float
        The share of a window that the next one covers again. More is smoother and slower.
    allow_cpu : bool
        Whether to go on on the processor where the graphics card has too little memory.
    progress : Progress
        Hears every step and every batch of windows.

    Returns
    -------
    MedicalImage
        Labels on the grid of ``image``; their names are in ``meta["labels"]``, and how the network was
        run in ``meta["engine"]``.

    Raises
    ------
    ModelError
        If there is no such model, its folder is damaged, or the image does not fit it.
    MedAIError
        If torch is not installed, or memory runs out whatever is given up.

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
    how = How(device, overlap, quality, cpu_allowed=allow_cpu)
    first = finder if isinstance(finder, Model) else None
    with kept_with(image, *channels):
        return segment_image(
            as_model(model),
            joined_channels(image, channels),
            how=how,
            region=region,
            boxes=boxes,
            finder=first,
            progress=progress,
        )
