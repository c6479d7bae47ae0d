"""The size of a pixel from a ruler of known length."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from annotated_types import Gt

from napari_medai.core.errors import ArgumentError
from napari_medai.core.geometry import FloatArray, Geometry
from napari_medai.core.image import MedicalImage
from napari_medai.core.landmarks import Landmarks
from napari_medai.core.operation import Calibrates, Drawn, operation
from napari_medai.core.progress import Progress, Step, silent

MOST_APART = 0.1
"""By which share of their mean the lengths of lines may differ."""


@operation(group="landmarks", title="Calibrate by a ruler", new_grid=True)
def calibrate_spacing(
    image: MedicalImage,
    ruler: Annotated[Landmarks, Drawn()],
    *,
    length_mm: Annotated[float, Gt(0), Calibrates()] = 10.0,
    progress: Progress = silent,
) -> MedicalImage:
    """Give an image its pixel size by something of known length in it.

    Parameters
    ----------
    image : MedicalImage
        Usually a picture without a spacing; one with a spacing is recalibrated.
    ruler : Landmarks
        Points along a ruler or a metal pin, the first and the last at its ends; or lines drawn from end to
        end, each of the true length (points called ``... start`` and ``... end`` in turn), whose mean counts.
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
        If there are fewer than two points, both ends lie on one spot, or lines differ by more than a
        tenth in length.

    Examples
    --------
    >>> image = MedicalImage(np.zeros((4, 5)), "yx", Geometry.from_spacing((4, 5)))
    >>> ends = Landmarks(("a", "b"), [[0, 0], [4, 0]], unit="pixel")
    >>> calibrate_spacing(image, ends, length_mm=2).geometry.spacing.tolist()
    [0.5, 0.5]
    """
    progress(Step(0, 1, "Calibrating"))
    lengths = _lengths(ruler)
    distance = float(lengths.mean())
    if lengths.min() <= 0:
        raise ArgumentError("Found both ends of the ruler on one spot.", hint="Move one of them.")
    if np.ptp(lengths) > MOST_APART * distance:
        found = ", ".join(f"{length:.4g}" for length in lengths)
        raise ArgumentError(
            f"Found lines of {found} {ruler.unit}; needed lines that are all {length_mm:g} mm long.",
            hint="Keep the lines along the ruler, each over the same length.",
        )
    factor = length_mm / distance
    affine = image.geometry.affine.copy()
    affine[:-1] *= factor
    notices = [n for n in image.meta.get("notices", ()) if "pixel" not in n]
    geometry = Geometry(image.geometry.shape, affine, "mm")
    return image.replace(geometry=geometry, meta={**image.meta, "notices": notices})


def _lengths(ruler: Landmarks) -> FloatArray:
    """Measure each line, or the way from the first point to the last."""
    at = ruler.present.positions
    if len(at) < 2:
        raise ArgumentError(
            f"Found {len(at)} point(s); a ruler has two ends.",
            hint="Place two points, one at each end, or draw a line.",
        )
    names = ruler.present.names
    lines = [n.removesuffix(" start") for n in names[::2]] == [n.removesuffix(" end") for n in names[1::2]]
    pairs = [(at[0], at[-1])] if not lines else list(zip(at[::2], at[1::2], strict=True))
    return np.array([np.linalg.norm(b - a) for a, b in pairs])
