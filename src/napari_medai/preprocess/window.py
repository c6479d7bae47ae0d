"""Grey-level windows: what a radiologist sees between black and white."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

import numpy as np
from annotated_types import Gt

from napari_medai.core.errors import ArgumentError
from napari_medai.core.image import MedicalImage, map_volumes
from napari_medai.core.operation import IntensityImage, When, operation
from napari_medai.core.progress import Progress, silent
from napari_medai.preprocess.arrays import Volume, as_float, like_input, new_meta
from napari_medai.preprocess.check import require_contrast, require_finite, require_grey
from napari_medai.preprocess.slabs import filter_image

Preset: TypeAlias = Literal[
    "auto", "soft tissue", "lung", "bone", "brain", "liver", "mediastinum", "angiography", "stroke", "custom"
]

CT_PRESETS: dict[str, tuple[float, float]] = {
    "soft tissue": (40, 400),
    "lung": (-600, 1500),
    "bone": (400, 1800),
    "brain": (40, 80),
    "liver": (60, 160),
    "mediastinum": (50, 350),
    "angiography": (300, 600),
    "stroke": (35, 35),
}
"""Centre and width in HU, as customary in radiology."""


@operation(group="preprocess", title="Window and level")
def window_intensity(
    image: IntensityImage,
    *,
    preset: Preset = "auto",
    center: Annotated[float, When("preset", ("custom",))] = 40.0,
    width: Annotated[float, Gt(0), When("preset", ("custom",))] = 400.0,
    low: float = 0.0,
    high: float = 1.0,
    progress: Progress = silent,
) -> MedicalImage:
    """Map the intensities of a window to a range and clip what lies beyond it.

    Parameters
    ----------
    image : MedicalImage
        CT in HU for the named presets; any modality for "auto" and "custom".
    preset : str
        A named CT window; "auto" takes the window stored with the image, else soft tissue for CT, else
        the 1st to 99th percentile; "custom" takes ``center`` and ``width``.
    center : float
        Middle of the window, in the image's intensities; for "custom".
    width : float
        Width of the window, in the image's intensities; for "custom".
    low, high : float
        What the two ends of the window become.
    progress : Progress
        Hears one report a slab.

    Returns
    -------
    MedicalImage
        float32 between ``low`` and ``high``.

    Raises
    ------
    ArgumentError
        If a CT preset is asked for on an image known to be another modality, or values are not finite.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_medai import Geometry
    >>> image = MedicalImage(np.array([[-1000.0, 40.0, 1000.0]]), "yx", Geometry.from_spacing((1, 3)))
    >>> window_intensity(image, preset="soft tissue").array.tolist()
    [[0.0, 0.5, 1.0]]
    """
    require_grey(image, "window_intensity")
    require_finite(image, "window_intensity")
    middle, span = _window(image, preset, center, width)
    start = middle - span / 2

    def map_values(volume: Volume) -> Volume:
        share = np.clip((as_float(volume) - np.float32(start)) / np.float32(span), 0, 1)
        return as_float(share * np.float32(high - low) + np.float32(low))

    array = filter_image(image, map_values, 0, progress=progress, message="Windowing")
    return image.with_array(as_float(array), meta=new_meta(image, "window"))


@operation(group="preprocess", title="Rescale intensities")
def rescale_intensity(
    image: IntensityImage, *, low: float = 0.0, high: float = 1.0, progress: Progress = silent
) -> MedicalImage:
    """Stretch the smallest and largest intensity to a range.

    Parameters
    ----------
    image : MedicalImage
        Channels and colours are stretched together.
    low, high : float
        What the smallest and largest value become.
    progress : Progress
        Hears one report a volume.

    Returns
    -------
    MedicalImage
        float32; of a colour image the type stays.

    Raises
    ------
    ArgumentError
        If the image is constant or holds values that are not finite.
    """
    require_finite(image, "rescale_intensity")
    values = np.asarray(image.array)
    require_contrast(values, "rescale_intensity")
    first, last = float(values.min()), float(values.max())
    factor = (high - low) / (last - first)
    array = map_volumes(image, lambda v: as_float((v - first) * factor + low), progress, "Rescaling")
    return image.with_array(like_input(array, image), meta=new_meta(image, "window"))


def _window(image: MedicalImage, preset: Preset, center: float, width: float) -> tuple[float, float]:
    if preset == "custom":
        return center, width
    modality = str(image.meta.get("modality", ""))
    if preset == "auto":
        return _auto_window(image, modality)
    if modality not in ("", "CT"):
        raise ArgumentError(
            f"window_intensity: found modality {modality}; the preset {preset!r} is in HU, of CT.",
            hint="Use auto, or custom with center and width.",
        )
    return CT_PRESETS[preset]


def _auto_window(image: MedicalImage, modality: str) -> tuple[float, float]:
    stored = image.meta.get("window")
    if stored and stored.get("width", 0) > 0:
        return float(stored["center"]), float(stored["width"])
    if modality == "CT":
        return CT_PRESETS["soft tissue"]
    values = np.asarray(image.array)
    require_contrast(values, "window_intensity")
    first, last = (float(v) for v in np.percentile(values, (1, 99)))
    if first == last:
        first, last = float(values.min()), float(values.max())
    return (first + last) / 2, last - first
