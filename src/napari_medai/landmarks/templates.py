"""Landmarks by template matching: where an image looks most like the surroundings of a known point."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from annotated_types import Gt, Le

from napari_medai.core.errors import ArgumentError
from napari_medai.core.geometry import FloatArray
from napari_medai.core.image import MedicalImage
from napari_medai.core.landmarks import Landmarks
from napari_medai.core.operation import IntensityImage, operation
from napari_medai.core.progress import Progress, silent, track
from napari_medai.preprocess.grid import resample_image

if TYPE_CHECKING:
    from numpy.typing import NDArray

LEAST_MATCH = 0.5
"""Normalised correlation below which a point is called absent."""


@operation(group="landmarks", title="Detect landmarks by templates")
def match_templates(
    image: IntensityImage,
    reference: IntensityImage,
    landmarks: Landmarks,
    *,
    template_mm: Annotated[float, Gt(0), Le(200)] = 20.0,
    search_mm: Annotated[float, Gt(0), Le(400)] = 25.0,
    progress: Progress = silent,
) -> Landmarks:
    """Find the places that look like the surroundings of a reference's points.

    The trivial method, to start without a model and to compare one with. The two images must lie about
    alike; nothing is turned or scaled.

    Parameters
    ----------
    image : MedicalImage
        Where points are wanted: one grey channel.
    reference : MedicalImage
        An image whose points are known.
    landmarks : Landmarks
        The points of ``reference``.
    template_mm : float
        Size of the surroundings that are compared (pixels where images have no spacing).
    search_mm : float
        How far from its place, relative to the image's middle, a point is looked for.
    progress : Progress
        Hears each point.

    Returns
    -------
    Landmarks
        In the image's world. The confidence is the normalised correlation; below 0.5 a point is flagged
        as absent.

    Raises
    ------
    ArgumentError
        If dimensions or units differ, or an image has colours or channels.

    References
    ----------
    Lewis, Fast Normalized Cross-Correlation, 1995.
    """
    _check(image, reference, landmarks)
    turned = image.reoriented(image.geometry.nearest_axes()) if image.spatial_ndim == 3 else image
    known = reference.reoriented(reference.geometry.nearest_axes()) if image.spatial_ndim == 3 else reference
    step = float(np.max(reference.geometry.spacing))
    seen, shown = (_even(i, step) for i in (turned, known))
    matches = [
        _match(seen, shown, point, template_mm / step, search_mm / step)
        for point in track(landmarks.positions, progress, "Matching")
    ]
    index, strength = np.stack([m[0] for m in matches]), np.array([m[1] for m in matches])
    return Landmarks(
        landmarks.names,
        seen.geometry.index_to_world(index),
        confidence=np.clip(strength, 0, 1),
        unit=image.geometry.unit,
        name="matched landmarks",
        absent=strength < LEAST_MATCH,
    )


def _even(image: MedicalImage, step: float) -> MedicalImage:
    """Bring an image to a grid of even spacing."""
    return resample_image(image, image.geometry.with_spacing([step] * image.spatial_ndim), "linear")


def _match(
    seen: MedicalImage, shown: MedicalImage, point: FloatArray, size: float, reach: float
) -> tuple[FloatArray, float]:
    """Best place (fractional voxels) for the surroundings of one point, and its correlation."""
    from skimage.feature import match_template

    at = shown.geometry.world_to_index(point)
    half = max(2, round(size / 2))
    template, offset = _cut(np.asarray(shown.array), np.round(at).astype(int), half)
    start = at + (np.array(seen.array.shape) - np.array(shown.array.shape)) / 2
    area, corner = _cut(np.asarray(seen.array), np.round(start).astype(int), half + round(reach))
    if any(a < t for a, t in zip(area.shape, template.shape, strict=True)) or np.ptp(template) == 0:
        return start, 0.0
    score = match_template(area.astype(float), template.astype(float))
    best = np.array(np.unravel_index(int(score.argmax()), score.shape))
    return corner + best + _below_a_voxel(score, best) + (at - offset), float(score.max())


def _cut(array: NDArray[Any], centre: NDArray[np.intp], half: int) -> tuple[NDArray[Any], NDArray[np.intp]]:
    """A block around a voxel, as far as the array reaches, and its first voxel."""
    low = np.clip(centre - half, 0, np.array(array.shape) - 1)
    high = np.clip(centre + half + 1, low + 1, array.shape)
    return array[tuple(slice(a, b) for a, b in zip(low, high, strict=True))], low


def _below_a_voxel(score: FloatArray, best: NDArray[np.intp]) -> FloatArray:
    """Vertex of the parabola through the best score and its neighbours, axis by axis."""
    shift = np.zeros(len(best))
    for axis, place in enumerate(best):
        if 0 < place < score.shape[axis] - 1:
            before, here, after = (
                score[tuple(best + d * np.eye(len(best), dtype=int)[axis])] for d in (-1, 0, 1)
            )
            bend = before - 2 * here + after
            shift[axis] = 0.5 * (before - after) / bend if bend < 0 else 0.0
    return shift


def _check(image: MedicalImage, reference: MedicalImage, landmarks: Landmarks) -> None:
    for one in (image, reference):
        if one.axes not in ("yx", "zyx"):
            raise ArgumentError(f"Found an image with axes {one.axes}; needed one grey slice or volume.")
    facts = {(one.spatial_ndim, one.geometry.unit) for one in (image, reference)} | {
        (landmarks.positions.shape[1], landmarks.unit)
    }
    if len(facts) > 1:
        said = " and ".join(f"{n}-D in {unit}" for n, unit in sorted(facts))
        raise ArgumentError(f"Found {said}; needed images and points of one kind.")
