"""Probabilities and doubts of a trained network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from annotated_types import Interval

from napari_medai.core.image import MedicalImage
from napari_medai.core.operation import Advanced, IntensityImage, operation
from napari_medai.core.progress import Progress, silent
from napari_medai.models.channels import joined_channels
from napari_medai.models.engine import How, Quality
from napari_medai.models.kept import kept_with
from napari_medai.models.maps import Measure, class_numbers, probability_maps, uncertainty_map
from napari_medai.models.store import ModelArgument, as_model


@operation(group="segment", title="Probabilities of a trained model")
def predict_probabilities(
    image: IntensityImage,
    model: ModelArgument = "phantom-3d",
    channels: Sequence[IntensityImage] = (),
    *,
    target: str = "",
    quality: Quality = "balanced",
    device: str = "auto",
    overlap: Annotated[float, Interval(ge=0, le=0.9), Advanced()] = 0.5,
    progress: Progress = silent,
) -> MedicalImage:
    """Show how likely each label is at every voxel, as a trained network says.

    The network's numbers are no frequencies: a trained network is often surer than it is right.

    Parameters
    ----------
    image : MedicalImage
        Any size, spacing and orientation; no time axis.
    model : str or path or Model
        A segmentation model.
    channels : sequence of MedicalImage
        The model's second input channel and those after it, where they are images of their own.
    target : str
        Names or numbers of labels, separated by commas. Empty: all but the background.
    quality : str
        exact: every window in full precision, mirrored where the model allows it. balanced: the
        fastest way that gives the same labels, and not where the image is filled up with one value.
        fast: less overlap, and air left out.
    device : str
        Where the network runs: "auto", "cpu", "cuda" or "mps".
    overlap : float
        The share of a window that the next one covers again.
    progress : Progress
        Hears every batch of windows.

    Returns
    -------
    MedicalImage
        Probabilities, 0 to 1, float32, on the grid of ``image``; one channel for each of several labels,
        their names in ``meta["channels"]``.

    Raises
    ------
    ArgumentError
        If the model has no such label, or the image is a time series.
    ModelError
        If the image does not fit the model.

    References
    ----------
    Guo et al. 2017, On calibration of modern neural networks, arXiv 1706.04599.
    """
    loaded = as_model(model)
    how = How(device, overlap, quality)
    with kept_with(image, *channels):
        joined = joined_channels(image, channels)
        return probability_maps(loaded, joined, class_numbers(loaded, target), how, progress)


@operation(group="segment", title="Uncertainty of a trained model")
def predict_uncertainty(
    image: IntensityImage,
    model: ModelArgument = "phantom-3d",
    channels: Sequence[IntensityImage] = (),
    *,
    measure: Measure = "entropy",
    quality: Quality = "exact",
    device: str = "auto",
    overlap: Annotated[float, Interval(ge=0, le=0.9), Advanced()] = 0.5,
    progress: Progress = silent,
) -> MedicalImage:
    """Show where a trained network is unsure of its label.

    Parameters
    ----------
    image : MedicalImage
        Any size, spacing and orientation; no time axis.
    model : str or path or Model
        A segmentation model.
    channels : sequence of MedicalImage
        The model's second input channel and those after it, where they are images of their own.
    measure : str
        entropy: how evenly the blended probabilities are spread. disagreement: how unlike the
        predictions are that are blended: of overlapping windows, and of mirrored copies and members of
        an ensemble where the model has them.
    quality : str
        exact: every window in full precision, mirrored where the model allows it. balanced and fast are
        as for labels; they mirror nothing.
    device : str
        Where the network runs: "auto", "cpu", "cuda" or "mps".
    overlap : float
        The share of a window that the next one covers again.
    progress : Progress
        Hears every batch of windows.

    Returns
    -------
    MedicalImage
        From 0, sure, to 1, all labels equally likely; float32, on the grid of ``image``.

    Raises
    ------
    ArgumentError
        If the image is a time series.
    ModelError
        If the image does not fit the model.

    References
    ----------
    Lakshminarayanan et al. 2017, Deep ensembles, arXiv 1612.01474.
    """
    how = How(device, overlap, quality)
    with kept_with(image, *channels):
        return uncertainty_map(as_model(model), joined_channels(image, channels), measure, how, progress)
