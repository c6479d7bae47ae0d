"""Operations that sort voxels into classes by likeness alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import numpy as np
from annotated_types import Ge, Interval

from napari_medai.core.errors import ArgumentError
from napari_medai.core.image import MedicalImage
from napari_medai.core.operation import Advanced, IntensityImage, LabelsImage, operation
from napari_medai.core.progress import Progress, Step, part, silent, track
from napari_medai.preprocess.arrays import FloatVolume, grey, labels_image
from napari_medai.preprocess.background import in_background
from napari_medai.preprocess.check import mask_array, require_contrast, require_finite
from napari_medai.segment.cluster_features import cluster_features
from napari_medai.segment.fuzzy import FuzzyMeans

_SAMPLE = 100_000
_CHUNK = 500_000

Classes = Annotated[int, Interval(ge=2, le=20)]
Smooth = Annotated[float, Interval(ge=0, le=50)]
Weight = Annotated[float, Ge(0), Advanced()]
Restarts = Annotated[int, Interval(ge=1, le=50), Advanced()]
Make = Callable[[int, int, int], Any]


@operation(group="segment", title="Cluster: k-means")
def cluster_kmeans(
    image: IntensityImage,
    mask: LabelsImage | None = None,
    *,
    classes: Classes = 3,
    smooth_mm: Smooth = 0.0,
    position_weight: Weight = 0.0,
    restarts: Restarts = 4,
    seed: int = 0,
    progress: Progress = silent,
) -> MedicalImage:
    """Sort voxels into classes so that each is near its class's mean (k-means).

    Parameters
    ----------
    image : MedicalImage
        2-D or 3-D; channels and colours are features together. No time axis.
    mask : MedicalImage, optional
        Labels on the same grid; only voxels inside are sorted.
    classes : int
        How many.
    smooth_mm : float
        Add the intensities smoothed by a Gaussian of this standard deviation as features; 0 adds none.
    position_weight : float
        Add the place as a feature: this many standard deviations of intensity across the image; 0 adds
        none.
    restarts : int
        From how many random starts the best is taken.
    seed : int
        Of the random starts.
    progress : Progress
        Hears several reports.

    Returns
    -------
    MedicalImage
        Labels 1, 2, ... by rising mean intensity (of the first channel).

    Raises
    ------
    ArgumentError
        If the image is constant, not finite or has a time axis.
    GeometryError
        If the mask lies on another grid.
    """
    from sklearn.cluster import KMeans

    def make(count: int, starts: int, number: int) -> Any:
        return KMeans(count, n_init=starts, random_state=number)

    settings = (classes, smooth_mm, position_weight, restarts, seed)
    return _clustered("cluster_kmeans", make, image, mask, *settings, progress=progress)


@operation(group="segment", title="Cluster: Gaussian mixture")
def cluster_gaussian(
    image: IntensityImage,
    mask: LabelsImage | None = None,
    *,
    classes: Classes = 3,
    smooth_mm: Smooth = 0.0,
    position_weight: Weight = 0.0,
    restarts: Restarts = 2,
    seed: int = 0,
    progress: Progress = silent,
) -> MedicalImage:
    """Sort voxels into classes, each a Gaussian with its own spread and frequency.

    Parameters
    ----------
    image : MedicalImage
        2-D or 3-D; channels and colours are features together. No time axis.
    mask : MedicalImage, optional
        Labels on the same grid; only voxels inside are sorted.
    classes : int
        How many.
    smooth_mm : float
        Add the intensities smoothed by a Gaussian of this standard deviation as features; 0 adds none.
    position_weight : float
        Add the place as a feature: this many standard deviations of intensity across the image; 0 adds
        none.
    restarts : int
        From how many random starts the best is taken.
    seed : int
        Of the random starts.
    progress : Progress
        Hears several reports.

    Returns
    -------
    MedicalImage
        Labels 1, 2, ... by rising mean intensity (of the first channel).

    Raises
    ------
    ArgumentError
        If the image is constant, not finite or has a time axis.
    GeometryError
        If the mask lies on another grid.
    """
    from sklearn.mixture import GaussianMixture

    def make(count: int, starts: int, number: int) -> Any:
        return GaussianMixture(count, n_init=starts, random_state=number)

    settings = (classes, smooth_mm, position_weight, restarts, seed)
    return _clustered("cluster_gaussian", make, image, mask, *settings, progress=progress)


@operation(group="segment", title="Cluster: fuzzy c-means")
def cluster_fuzzy(
    image: IntensityImage,
    mask: LabelsImage | None = None,
    *,
    classes: Classes = 3,
    fuzziness: Annotated[float, Interval(gt=1, le=5)] = 2.0,
    smooth_mm: Smooth = 0.0,
    position_weight: Weight = 0.0,
    restarts: Restarts = 2,
    seed: int = 0,
    progress: Progress = silent,
) -> MedicalImage:
    """Sort voxels into classes to which they may belong in part; the label is the largest part.

    Parameters
    ----------
    image : MedicalImage
        2-D or 3-D; channels and colours are features together. No time axis.
    mask : MedicalImage, optional
        Labels on the same grid; only voxels inside are sorted.
    classes : int
        How many.
    fuzziness : float
        Near 1 the classes are sharp, higher they blend.
    smooth_mm : float
        Add the intensities smoothed by a Gaussian of this standard deviation as features; 0 adds none.
    position_weight : float
        Add the place as a feature: this many standard deviations of intensity across the image; 0 adds
        none.
    restarts : int
        From how many random starts the best is taken.
    seed : int
        Of the random starts.
    progress : Progress
        Hears several reports.

    Returns
    -------
    MedicalImage
        Labels 1, 2, ... by rising mean intensity (of the first channel).

    Raises
    ------
    ArgumentError
        If the image is constant, not finite or has a time axis.
    GeometryError
        If the mask lies on another grid.

    References
    ----------
    Bezdek, Ehrlich and Full 1984, FCM: the fuzzy c-means clustering algorithm,
    doi 10.1016/0098-3004(84)90020-7.
    """

    def make(count: int, starts: int, number: int) -> Any:
        return FuzzyMeans(count, starts, number, fuzziness)

    settings = (classes, smooth_mm, position_weight, restarts, seed)
    return _clustered("cluster_fuzzy", make, image, mask, *settings, progress=progress)


def _clustered(
    operation: str,
    make: Make,
    image: MedicalImage,
    mask: MedicalImage | None,
    classes: int,
    smooth_mm: float,
    position_weight: float,
    restarts: int,
    seed: int,
    *,
    progress: Progress,
) -> MedicalImage:
    progress(Step(0, 1, "Clustering"))
    require_finite(image, operation)
    if "t" in image.axes:
        raise ArgumentError(f"{operation}: found a time axis; needed one point in time.")
    require_contrast(np.asarray(image.array), operation)
    inside = mask_array(image, mask, operation)
    features = cluster_features(image, inside, smooth_mm, position_weight)
    model = make(classes, restarts, seed)
    drawn = _drawn(features, seed)
    if len(np.unique(drawn[:, 0])) < classes:
        raise ArgumentError(f"{operation}: found fewer values than {classes} classes.")
    in_background(lambda: model.fit(drawn), part(progress, 0, 0.7), "Clustering")
    numbers = _predicted(model, features, part(progress, 0.7, 1))
    order = np.argsort(
        [features[numbers == k, 0].mean() if (numbers == k).any() else np.inf for k in range(classes)]
    )
    rank = np.empty(classes, dtype=np.uint8)
    rank[order] = np.arange(1, classes + 1)
    array = np.zeros(image.spatial_shape, dtype=np.uint8)
    array[np.ones_like(array, dtype=bool) if inside is None else inside] = rank[numbers]
    flat = grey(image)
    base = flat if "c" not in flat.axes else flat.with_array(np.asarray(flat.array)[0], axes=flat.axes[1:])
    return labels_image(base, array, {k: f"class {k}" for k in range(1, classes + 1)})


def _drawn(features: FloatVolume, seed: int) -> FloatVolume:
    """Return a random sample of rows, so that large volumes cost no more."""
    if len(features) <= _SAMPLE:
        return features
    chosen = np.random.default_rng(seed).choice(len(features), _SAMPLE, replace=False)
    return features[np.sort(chosen)]


def _predicted(model: Any, features: FloatVolume, progress: Progress) -> Any:
    chunks = range(0, len(features), _CHUNK)
    return np.concatenate(
        [model.predict(features[k : k + _CHUNK]) for k in track(chunks, progress, "Sorting voxels")]
    )
