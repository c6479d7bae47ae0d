"""Images described in a table: size, spacing, orientation, values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_medai.core.image import MedicalImage
from napari_medai.core.operation import operation
from napari_medai.core.progress import Progress, silent, track
from napari_medai.explore.table import finite

if TYPE_CHECKING:
    from pandas import DataFrame


@operation(group="explore", title="Describe images")
def describe(images: Sequence[MedicalImage], *, progress: Progress = silent) -> DataFrame:
    """Describe images, one row each: what they are, how large, where they lie, what values they hold.

    Nothing about the patient is among it: images carry no names. ``describe_files`` reads those from
    DICOM headers, if asked to.

    Parameters
    ----------
    images : sequence of MedicalImage
        One or more, of any kind.
    progress : Progress
        Hears one report an image.

    Returns
    -------
    pandas.DataFrame
        name, kind, modality, axes, size (voxels), spacing and extent (along the array axes, in
        ``unit``), orientation (where the axes lead), obliquity_deg, type, minimum, mean, maximum (of the
        finite values), invalid (how many are not finite), labels (how many), steps (of the history),
        notices (how many).

    Examples
    --------
    >>> from napari_medai import Geometry
    >>> image = MedicalImage(np.zeros((2, 3, 4)), "zyx", Geometry.from_spacing((2, 3, 4), (5, 1, 1)))
    >>> describe([image])[["size", "spacing", "orientation"]].iloc[0].tolist()
    ['2 x 3 x 4', '5 x 1 x 1', 'SPL']
    """
    from pandas import DataFrame

    return DataFrame([row_of(image) for image in track(list(images), progress, "Describing")])


def row_of(image: MedicalImage) -> dict[str, Any]:
    """Return one image's row."""
    geometry = image.geometry
    values = np.asarray(image.array)
    good = finite(values)
    numbers = np.unique(good) if image.kind == "labels" else None
    return {
        "name": image.name,
        "kind": image.kind,
        "modality": str(image.meta.get("modality", "")),
        "axes": image.axes,
        "size": " x ".join(str(n) for n in values.shape),
        "spacing": _joined(geometry.spacing),
        "extent": _joined(geometry.spacing * np.array(geometry.shape)),
        "unit": geometry.unit,
        "orientation": geometry.orientation,
        "obliquity_deg": round(geometry.obliquity_deg, 3),
        "type": str(values.dtype),
        "minimum": float(good.min()) if good.size else np.nan,
        "mean": float(good.mean(dtype=np.float64)) if good.size else np.nan,
        "maximum": float(good.max()) if good.size else np.nan,
        "invalid": int(values.size - good.size),
        "labels": 0 if numbers is None else int(np.count_nonzero(numbers)),
        "steps": len(image.history),
        "notices": len(image.meta.get("notices", ())),
    }


def _joined(lengths: Any) -> str:
    return " x ".join(f"{n:.5g}" for n in lengths)
