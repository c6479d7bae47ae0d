"""How good a registration is: likeness, labels, points, folding, and whether it can be undone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_medai.core.image import MedicalImage
from napari_medai.core.landmarks import Landmarks
from napari_medai.core.operation import IntensityImage, LabelsImage, operation
from napari_medai.core.progress import Progress, part, silent
from napari_medai.core.transform import SpatialTransform
from napari_medai.register.apply import jacobian_on
from napari_medai.register.prepare import check_landmarks, check_worlds
from napari_medai.register.quality import likeness

if TYPE_CHECKING:
    from pandas import DataFrame


@operation(group="register", title="Check a registration")
def check_registration(
    fixed: IntensityImage,
    moving: IntensityImage,
    transform: SpatialTransform,
    fixed_labels: LabelsImage | None = None,
    moving_labels: LabelsImage | None = None,
    fixed_landmarks: Landmarks | None = None,
    moving_landmarks: Landmarks | None = None,
    *,
    inverse: bool = True,
    progress: Progress = silent,
) -> DataFrame:
    """Measure how good a registration is, beside doing nothing.

    Parameters
    ----------
    fixed : MedicalImage
        The image that stayed.
    moving : MedicalImage
        The image that was brought onto it.
    transform : SpatialTransform
        From the fixed to the moving world.
    fixed_labels, moving_labels : MedicalImage, optional
        The same structures in both images, for their overlap.
    fixed_landmarks, moving_landmarks : Landmarks, optional
        Corresponding points that took no part in the registration, for the target registration error.
    inverse : bool
        Also undo the transform and measure how far points end from where they began.
    progress : Progress
        Hears how far it is.

    Returns
    -------
    pandas.DataFrame
        One row a ``measure`` with ``before`` (nothing moved) and ``after``: ``explained``,
        ``correlation``, ``information`` and ``difference`` of the grey values, ``overlap_percent``,
        ``dice <label>``, ``target_error_mm`` (mean) and ``target_error_largest_mm``,
        ``folded_percent``, ``volume_smallest``, ``volume_largest``, ``log_volume_sd``, and
        ``inverse_error_mm`` (mean) and ``inverse_error_largest_mm``. NaN where a value has no meaning.

    Raises
    ------
    ArgumentError
        If landmarks are given that have no partners.
    GeometryError
        If dimensions or units differ.
    """
    import pandas as pd

    check_worlds(fixed, moving)
    still = SpatialTransform.identity(fixed.spatial_ndim)
    columns = {}
    for name, one, stretch in (
        ("before", still, part(progress, 0.0, 0.35)),
        ("after", transform, part(progress, 0.35, 0.7)),
    ):
        rows = _grey(fixed, moving, one, stretch)
        rows |= _dice(fixed_labels, moving_labels, one)
        rows |= _targets(fixed, fixed_landmarks, moving_landmarks, one)
        columns[name] = rows | (_shape(fixed, one) if name == "after" else {})
    if inverse:
        columns["after"] |= _undone(fixed, transform, part(progress, 0.7, 1.0))
    names = list(columns["after"])
    return pd.DataFrame(
        {"measure": names} | {k: [rows.get(n, np.nan) for n in names] for k, rows in columns.items()}
    )


def _grey(
    fixed: MedicalImage, moving: MedicalImage, transform: SpatialTransform, progress: Progress
) -> dict[str, float]:
    warped = transform.apply_to_image(moving, fixed, outside=float("nan"), progress=progress)
    inside = np.isfinite(np.asarray(warped.array))
    return likeness(np.asarray(fixed.array), np.asarray(warped.array), inside) | {
        "overlap_percent": float(100 * inside.mean())
    }


def _dice(
    here: MedicalImage | None,
    there: MedicalImage | None,
    transform: SpatialTransform,
) -> dict[str, float]:
    if here is None or there is None:
        return {}
    moved = np.asarray(transform.apply_to_image(there, here).array)
    still = np.asarray(here.array)
    found = {}
    for label in np.unique(np.concatenate([np.unique(still), np.unique(there.array)])):
        if label:
            one, two = still == label, moved == label
            found[f"dice {label}"] = float(2 * (one & two).sum() / max(1, one.sum() + two.sum()))
    return found


def _targets(
    fixed: MedicalImage, here: Landmarks | None, there: Landmarks | None, transform: SpatialTransform
) -> dict[str, float]:
    if here is None or there is None:
        return {}
    one, two = check_landmarks(here, there, 1, fixed.spatial_ndim)
    distances = np.linalg.norm(transform.apply_to_points(one.positions) - two.positions, axis=1)
    unit = fixed.geometry.unit
    return {
        f"target_error_{unit}": float(distances.mean()),
        f"target_error_largest_{unit}": float(distances.max()),
    }


def _shape(fixed: MedicalImage, transform: SpatialTransform) -> dict[str, float]:
    volume = jacobian_on(fixed, transform)
    kept = volume[volume > 0]
    return {
        "folded_percent": float(100 * (volume <= 0).mean()),
        "volume_smallest": float(volume.min()),
        "volume_largest": float(volume.max()),
        "log_volume_sd": float(np.log(kept).std()) if len(kept) else float("nan"),
    }


def _undone(fixed: MedicalImage, transform: SpatialTransform, progress: Progress) -> dict[str, float]:
    error = transform.inverse_error(transform.inverse(progress), fixed.geometry)
    unit = fixed.geometry.unit
    return {
        f"inverse_error_{unit}": float(error.mean()),
        f"inverse_error_largest_{unit}": float(error.max()),
    }
