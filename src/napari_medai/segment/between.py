"""Slices painted here and there, joined to a solid."""

from __future__ import annotations

from itertools import pairwise
from typing import Literal

import numpy as np

from napari_medai.core.errors import ArgumentError
from napari_medai.core.image import MedicalImage
from napari_medai.core.operation import LabelsImage, operation
from napari_medai.core.progress import Progress, Step, silent, track
from napari_medai.preprocess.arrays import FloatVolume, Volume
from napari_medai.preprocess.check import require_spatial, require_volume
from napari_medai.preprocess.shapes import signed_depth


@operation(group="segment", title="Interpolate between painted slices")
def interpolate_slices(
    labels: LabelsImage, *, axis: Literal["z", "y", "x"] = "z", progress: Progress = silent
) -> MedicalImage:
    """Fill the slices between painted ones by the shapes on both sides.

    Parameters
    ----------
    labels : MedicalImage
        A volume in which some slices are painted; each label on its own.
    axis : {"z", "y", "x"}
        Across which slices are painted.
    progress : Progress
        Hears one report a label.

    Returns
    -------
    MedicalImage
        The painted slices as they were, those between them filled.

    Raises
    ------
    ArgumentError
        If the image is 2-D, has time or channels, or no label is painted on two slices.

    References
    ----------
    Raya and Udupa 1990, Shape-based interpolation of multidimensional objects, doi 10.1109/42.52980.
    """
    progress(Step(0, 1, "Interpolating"))
    require_volume(labels, "interpolate_slices")
    require_spatial(labels, "interpolate_slices")
    place = "zyx".index(axis)
    volume = np.moveaxis(np.asarray(labels.array), place, 0)
    spacing = np.delete(labels.geometry.spacing, place)
    result = np.array(volume)
    depth = np.zeros(volume.shape, dtype=np.float32)
    numbers = [n for n in np.unique(volume) if n != 0]
    joined = 0
    for number in track(numbers, progress, "Interpolating"):
        painted = np.flatnonzero((volume == number).any(axis=(1, 2)))
        joined += len(painted) > 1
        _join(volume == number, painted, spacing, number, result, depth)
    if not joined:
        raise ArgumentError(
            f"interpolate_slices: found no label painted on two slices along {axis}.",
            hint="Paint the object on at least two slices with a gap between them.",
        )
    result[(volume != 0).any(axis=(1, 2))] = volume[(volume != 0).any(axis=(1, 2))]
    return labels.with_array(np.moveaxis(result, 0, place))


def _join(
    region: Volume, painted: Volume, spacing: Volume, number: int, result: Volume, depth: FloatVolume
) -> None:
    """Blend the signed distances of neighbouring painted slices, in place."""
    for first, last in pairwise(painted):
        if last - first < 2:
            continue
        ends = [signed_depth(region[k], spacing) for k in (first, last)]
        for k in range(first + 1, last):
            share = (k - first) / (last - first)
            blend = (1 - share) * ends[0] + share * ends[1]
            wins = blend > depth[k]
            result[k][wins], depth[k][wins] = number, blend[wins]
