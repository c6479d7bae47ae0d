"""Labels of several atlases carried onto one image and fused."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

import numpy as np
from annotated_types import Ge, Gt, Le
from numpy.typing import NDArray

from napari_medai.core.errors import ArgumentError
from napari_medai.core.image import MedicalImage
from napari_medai.core.operation import Advanced, IntensityImage, LabelsImage, When, operation
from napari_medai.core.progress import Progress, Step, part, silent
from napari_medai.register.pipeline import Hints, align
from napari_medai.register.prepare import Volume, check_pair
from napari_medai.register.presets import Effort, TransformKind, linear_kind, make_plan


@operation(group="register", title="Segment by atlases")
def fuse_atlases(
    image: IntensityImage,
    atlases: Sequence[IntensityImage],
    atlas_labels: Sequence[LabelsImage],
    *,
    transform: TransformKind = "deformable",
    method: Literal["local", "majority", "staple"] = "local",
    effort: Annotated[Effort, When("transform", ("deformable",))] = "fast",
    radius: Annotated[int, Ge(1), Le(10), Advanced(), When("method", ("local",))] = 2,
    sharpness: Annotated[float, Gt(0), Le(20), Advanced(), When("method", ("local",))] = 2.0,
    device: str = "auto",
    progress: Progress = silent,
) -> MedicalImage:
    """Segment an image by registering labelled atlases to it and letting them vote.

    Parameters
    ----------
    image : MedicalImage
        The image to segment.
    atlases : sequence of MedicalImage
        Images of other subjects.
    atlas_labels : sequence of MedicalImage
        The labels of each atlas, on its grid.
    transform : {"translation", "rigid", "similarity", "affine", "deformable"}
        What may happen to each atlas.
    method : {"local", "majority", "staple"}
        Give an atlas more say where its grey values match the image's around a voxel; the same say
        everywhere; or, label by label, as much as its agreement with the others tells of its reliability.
    effort : {"fast", "standard", "thorough"}
        How long deformations are refined.
    radius : int
        Half the side of the surroundings that are compared, in voxels.
    sharpness : float
        How much more a better match counts; the power to which its correlation is raised.
    device : str
        Where the engine runs.
    progress : Progress
        Hears every step.

    Returns
    -------
    MedicalImage
        Labels on the image's grid.

    Raises
    ------
    ArgumentError
        If the numbers of atlases and label images differ, or an image cannot be registered.
    GeometryError
        If labels do not lie on their atlas's grid.

    References
    ----------
    Artaechevarria et al., Combination Strategies in Multi-Atlas Image Segmentation, IEEE TMI 2009.
    Rohlfing et al., Performance-based classifier combination in atlas-based image segmentation using
    expectation-maximization parameter estimation, IEEE TMI 2004.
    """
    progress(Step(0, 1, "Aligning"))
    if not atlases or len(atlases) != len(atlas_labels):
        raise ArgumentError(
            f"Found {len(atlases)} atlases and {len(atlas_labels)} label images; needed one each."
        )
    for atlas, labels in zip(atlases, atlas_labels, strict=True):
        check_pair(image, atlas)
        atlas.require_same_grid(labels, "label image")
    plan = make_plan(image.spatial_ndim, "intensity", effort, 1.0) if transform == "deformable" else None
    carried, says = [], []
    for index, (atlas, labels) in enumerate(zip(atlases, atlas_labels, strict=True)):
        inner = part(progress, index / len(atlases), (index + 1) / len(atlases), f"Atlas {index + 1}")
        found, _ = align(image, atlas, linear_kind(transform), plan, Hints(), device=device, progress=inner)
        carried.append(np.asarray(found.apply_to_image(labels, image, "smooth_labels").array))
        if method == "local":
            warped = np.asarray(found.apply_to_image(atlas, image).array)
            says.append(local_match(np.asarray(image.array), warped, radius) ** sharpness + 1e-6)
    array = by_reliability(carried) if method == "staple" else by_votes(carried, says)
    like = atlas_labels[0].meta
    names = {"labels": like["labels"]} if "labels" in like else {}
    return MedicalImage(array, image.axes, image.geometry, "labels", "atlas labels", names)


def local_match(one: NDArray[np.generic], two: NDArray[np.generic], radius: int) -> NDArray[np.float32]:
    """Return the squared local correlation of two images, 0 to 1, over boxes of ``2 * radius + 1``."""
    from scipy import ndimage

    def mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(ndimage.uniform_filter(values, 2 * radius + 1, mode="nearest"))

    a, b = (np.asarray(v, dtype=np.float64) for v in (one, two))
    mean_a, mean_b = mean(a), mean(b)
    spread = (mean(a * a) - mean_a**2).clip(min=0) * (mean(b * b) - mean_b**2).clip(min=0)
    together = (mean(a * b) - mean_a * mean_b) ** 2
    floor = 1e-6 * float(a.var() * b.var()) + 1e-12
    return np.asarray(np.clip(together / (spread + floor), 0, 1), dtype=np.float32)


def by_votes(carried: Sequence[Volume], says: Sequence[Volume] = ()) -> Volume:
    """Return the label with the most votes at each voxel; of equals, the smallest.

    Parameters
    ----------
    carried : sequence of array
        The labels of each atlas, all of one shape.
    says : sequence of array
        How much each atlas counts at each voxel; without it, all count alike.
    """
    votes: dict[int, Volume] = {}
    for index, moved in enumerate(carried):
        say = says[index] if says else np.ones(moved.shape, dtype=np.float32)
        for label in np.unique(moved):
            votes.setdefault(int(label), np.zeros_like(say))[moved == label] += say[moved == label]
    numbers = sorted(votes)
    return _numbered(numbers, np.argmax(np.stack([votes[n] for n in numbers]), axis=0))


def by_reliability(carried: Sequence[Volume]) -> Volume:
    """Fuse labels by STAPLE, which estimates the truth and how reliable each atlas is in turn.

    Parameters
    ----------
    carried : sequence of array
        The labels of each atlas, all of one shape. Where none is likeliest, the votes decide.

    References
    ----------
    Warfield et al., Simultaneous truth and performance level estimation (STAPLE), IEEE TMI 2004.
    """
    import SimpleITK as sitk

    numbers = np.unique(np.concatenate([np.unique(c) for c in carried]))
    ranks = [np.searchsorted(numbers, c).astype(np.uint16) for c in carried]
    if len(numbers) == 1:
        return _numbered(numbers.tolist(), ranks[0])
    images = [sitk.GetImageFromArray(r) for r in ranks]
    undecided = len(numbers)
    found = sitk.GetArrayFromImage(sitk.MultiLabelSTAPLE(images, undecided))
    votes = np.searchsorted(numbers, by_votes(carried))
    return _numbered(numbers.tolist(), np.where(found == undecided, votes, found))


def _numbered(numbers: Sequence[int], ranks: Volume) -> Volume:
    """Turn positions in a list of labels into those labels, in the smallest type that holds them."""
    kind = np.min_scalar_type(max(numbers)) if min(numbers) >= 0 else np.dtype(np.int32)
    return np.asarray(np.array(numbers, dtype=kind)[ranks])
