"""What a filter sees beyond the image's rim, and convolution under that rule."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from napari_medai.core.errors import ArgumentError
from napari_medai.core.geometry import FloatArray
from napari_medai.core.image import MedicalImage, map_volumes
from napari_medai.core.progress import Progress, Step

Boundary: TypeAlias = Literal["mirror", "nearest", "zero", "periodic"]
Pooling: TypeAlias = Literal["max", "mean", "min"]

_NUMPY = {"mirror": "symmetric", "nearest": "edge", "zero": "constant", "periodic": "wrap"}
_SCIPY = {"mirror": "reflect", "nearest": "nearest", "zero": "constant", "periodic": "wrap"}


def padded(volume: FloatArray, margin: Sequence[int], boundary: Boundary) -> FloatArray:
    """Extend a volume on every side; ``"mirror"`` repeats the outermost voxels first."""
    mode: Any = _NUMPY[boundary]
    return np.pad(volume, [(m, m) for m in margin], mode=mode)


def convolved(volume: FloatArray, kernel: NDArray[Any], boundary: Boundary) -> NDArray[Any]:
    """Convolve a volume with a kernel of odd sides and as many axes, by Fourier transform."""
    from scipy.signal import oaconvolve

    margin = [n // 2 for n in kernel.shape]
    return np.asarray(oaconvolve(padded(volume, margin, boundary), kernel, mode="valid"))


def convolved_along(volume: FloatArray, kernel: FloatArray, axis: int, boundary: Boundary) -> FloatArray:
    """Convolve a volume with a short kernel of odd length along one axis."""
    from scipy import ndimage

    mode = _SCIPY[boundary]
    return np.asarray(ndimage.convolve1d(volume, kernel, axis, np.float64, mode, 0.0, 0))


def pooled(maps: Sequence[FloatArray], pooling: Pooling) -> FloatArray:
    """Bring maps of several orientations together, voxel by voxel."""
    if pooling == "mean":
        return np.asarray(np.mean(maps, axis=0))
    return np.asarray((np.maximum if pooling == "max" else np.minimum).reduce(list(maps)))


def response(
    image: MedicalImage, function: Callable[[FloatArray], FloatArray], name: str, progress: Progress
) -> MedicalImage:
    """Apply a filter to every volume of an image and name the result.

    Raises
    ------
    ArgumentError
        If the image holds NaN or infinities, which a filter would smear over its surroundings.
    """
    progress(Step(0, 1, f"Filtering: {name}"))

    def one(volume: NDArray[Any]) -> NDArray[Any]:
        values = np.asarray(volume, dtype=np.float64)
        if not np.isfinite(values).all():
            raise ArgumentError(
                "Found voxels that are NaN or infinite; a filter would smear them over the image.",
                hint="Replace them first.",
            )
        return function(values).astype(np.float32)

    array = map_volumes(image, one, progress, f"Filtering: {name}")
    kept = {k: v for k, v in image.meta.items() if k not in ("window", "value_unit")}
    return image.with_array(array, name=f"{image.name} {name}".strip(), meta=kept)


def filtered_axes(ndim: int, by_slice: bool) -> tuple[int, ...]:
    """Return the axes a filter works along: all, or those of a slice."""
    return tuple(range(1, ndim)) if by_slice and ndim == 3 else tuple(range(ndim))
