"""The size of a pixel from a ruler of known length."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from annotated_types import Gt

from napari_medai.core.errors import ArgumentError
from napari_medai.core.geometry import Geometry
from napari_medai.core.image import MedicalImage
from napari_medai.core.landmarks import Landmarks
from napari_medai.core.operation import operation
from napari_medai.core.progress import Progress, Step, silent


@operation(group="landmarks", title="Calibrate by a ruler", new_grid=True)
def calibrate_spacing(
    image: MedicalImage,
    ruler: Landmarks,
    *,
    length_mm: Annotated[float, Gt(0)] = 10.0,
    progress: Progress = silent,
) -> MedicalImage:
    """Give an image its pixel size by two points of known distance.

    Parameters
    ----------
    image : MedicalImage
        Usually a picture without a spacing; one with a spacing is recalibrated.
    ruler : Landmarks
        Points along a ruler or a metal pin; the first and the last are its ends.
    length_mm : float
        The true distance of the ends, mm.
    progress : Progress
        Hears one report.

    Returns
    -------
    MedicalImage
        The same values; the grid's spacing is now in mm, its axes and proportions as before.

    Raises
    ------
    ArgumentError
        If there are fewer than two points, or they lie on one spot.

    Examples
    --------
    >>> image = MedicalImage(np.zeros((4, 5)), "yx", Geometry.from_spacing((4, 5)))
    >>> ends = Landmarks(("a", "b"), [[0, 0], [4, 0]], unit="pixel")
    >>> calibrate_spacing(image, ends, length_mm=2).geometry.spacing.tolist()
    [0.5, 0.5]
    """
    progress(Step(0, 1, "Calibrating"))
    if len(ruler) < 2:
        raise ArgumentError(
            f"Found {len(ruler)} point(s); a ruler has two ends.", hint="Place two points, one at each end."
        )
    distance = float(np.linalg.norm(ruler.positions[0] - ruler.positions[-1]))
    if distance <= 0:
        raise ArgumentError("Found both ends of the ruler on one spot.", hint="Move one of them.")
    factor = length_mm / distance
    affine = image.geometry.affine.copy()
    affine[:-1] *= factor
    notices = [n for n in image.meta.get("notices", ()) if "pixel" not in n]
    geometry = Geometry(image.geometry.shape, affine, "mm")
    return image.replace(geometry=geometry, meta={**image.meta, "notices": notices})
