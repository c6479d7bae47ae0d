"""Separable wavelets without decimation: detail and coarseness along each axis."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from annotated_types import Interval

from napari_medai.core.errors import ArgumentError
from napari_medai.core.geometry import FloatArray
from napari_medai.core.image import MedicalImage
from napari_medai.core.operation import IntensityImage, When, operation
from napari_medai.core.progress import Progress, silent
from napari_medai.measure.radiomics.filters.boundary import (
    Boundary,
    Pooling,
    convolved_along,
    filtered_axes,
    pooled,
    response,
)
from napari_medai.measure.radiomics.filters.orientations import turned

_ROOT2, _ROOT3, _ROOT7, _ROOT10 = np.sqrt([2.0, 3.0, 7.0, 10.0])
_INNER = np.sqrt(5 + 2 * _ROOT10)

SCALING = {
    "haar": np.array([1, 1]) / _ROOT2,
    "db2": np.array([1 + _ROOT3, 3 + _ROOT3, 3 - _ROOT3, 1 - _ROOT3]) / (4 * _ROOT2),
    "db3": np.array([
        1 + _ROOT10 + _INNER, 5 + _ROOT10 + 3 * _INNER, 10 - 2 * _ROOT10 + 2 * _INNER,
        10 - 2 * _ROOT10 - 2 * _INNER, 5 + _ROOT10 - 3 * _INNER, 1 + _ROOT10 - _INNER,
    ]) / (16 * _ROOT2),
    "coif1": np.array([
        1 - _ROOT7, 5 + _ROOT7, 14 + 2 * _ROOT7, 14 - 2 * _ROOT7, 1 - _ROOT7, -3 + _ROOT7,
    ]) / (16 * _ROOT2),
}  # fmt: skip
"""Scaling filters, in closed form (Daubechies, Ten lectures on wavelets, 1992)."""


@operation(group="measure", title="Response map: wavelet")
def filter_wavelet(
    image: IntensityImage,
    *,
    wavelet: Literal["haar", "db2", "db3", "coif1"] = "db3",
    level: Annotated[int, Interval(ge=1, le=6)] = 1,
    bands: str = "LLH",
    rotation_invariant: bool = True,
    pooling: Annotated[Pooling, When("rotation_invariant", (True,))] = "max",
    by_slice: bool = False,
    boundary: Boundary = "mirror",
    progress: Progress = silent,
) -> MedicalImage:
    """Filter with one band of an undecimated separable wavelet (IBSI-2).

    Parameters
    ----------
    image : MedicalImage
        The intensities.
    wavelet : {"haar", "db2", "db3", "coif1"}
        The family.
    level : int
        Which level of the decomposition; the filters of level n are spread by 2 to the (n - 1).
    bands : str
        Low (L) or high (H) pass for each axis, x first, then y, then z; for two axes the first two count.
    rotation_invariant : bool
        Pool the responses of all right-angled turns of the filter.
    pooling : {"max", "mean", "min"}
        How.
    by_slice : bool
        Filter within slices along the first spatial axis only.
    boundary : {"mirror", "nearest", "zero", "periodic"}
        What lies beyond the image's rim.
    progress : Progress
        Hears one report a volume.

    Returns
    -------
    MedicalImage
        The response map, float32.

    Raises
    ------
    ArgumentError
        If the bands are no row of L and H, or the image holds NaN.

    References
    ----------
    Daubechies, "Ten lectures on wavelets", 1992. Whybra et al., Radiology 310(2):e231319, 2024;
    arXiv:2006.05470.
    """
    axes = filtered_axes(image.spatial_ndim, by_slice)
    wanted = bands.upper()[: len(axes)]
    if set(bands.upper()) - {"L", "H"} or len(wanted) < len(axes):
        raise ArgumentError(f"Found bands {bands!r}; needed {len(axes)} letters L or H.", hint="LLH")
    turns = turned if rotation_invariant else _unturned
    steps = []
    for number in range(1, level + 1):
        low, high = filters(wavelet, number)
        last = number == level
        steps.append(turns(tuple(high if last and c == "H" else low for c in wanted[::-1])))

    def banded(volume: FloatArray) -> FloatArray:
        return pooled([_in_turn(volume, turn, axes, boundary) for turn in zip(*steps, strict=True)], pooling)

    return response(image, banded, f"{wavelet} {wanted} {level}", progress)


def filters(wavelet: str, level: int = 1) -> tuple[FloatArray, FloatArray]:
    """Return the low and the high pass filter of a wavelet at a level of the decomposition.

    The entries lie 2 to the (level - 1) apart; a last zero makes the length odd, so that the filter has a
    centre about which it can be turned.
    """
    scaling = SCALING[wavelet]
    alternating = scaling * (-1.0) ** np.arange(1, len(scaling) + 1)
    return _spread(scaling[::-1], level), _spread(alternating, level)


def _spread(kernel: FloatArray, level: int) -> FloatArray:
    step = 2 ** (level - 1)
    wide = np.zeros(len(kernel) * step + 1)
    wide[:-1:step] = kernel
    return wide


def _unturned(kernels: tuple[FloatArray, ...]) -> list[tuple[FloatArray, ...]]:
    return [kernels]


def _in_turn(
    volume: FloatArray, steps: tuple[tuple[FloatArray, ...], ...], axes: tuple[int, ...], boundary: Boundary
) -> FloatArray:
    """Convolve along each axis with the kernels of one level after the other."""
    for kernels in steps:
        for axis, kernel in zip(axes, kernels, strict=True):
            volume = convolved_along(volume, kernel, axis, boundary)
    return volume
