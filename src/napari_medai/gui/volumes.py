"""A table of what a model found: the volume of each label."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_medai.core.image import MedicalImage
from napari_medai.measure.labelling import label_count, label_name, named_labels, volumes

if TYPE_CHECKING:
    from pandas import DataFrame


def volume_table(labels: MedicalImage) -> DataFrame:
    """Return voxels and volume of every label that has a name or a voxel; safe in a worker thread.

    Parameters
    ----------
    labels : MedicalImage
        A volume or a time series of them. Without a known spacing there is no volume in ml.
    """
    import pandas as pd

    named = named_labels(labels)
    known = labels.geometry.unit == "mm" and labels.spatial_ndim == 3
    rows = []
    for place, volume in volumes(labels):
        values, counts = label_count(volume)
        found = dict(zip(values.tolist(), counts.tolist(), strict=True))
        for label in sorted((named | set(found)) - {0}):
            row = {**place, "label": label, "name": label_name(labels, label), "voxels": found.get(label, 0)}
            if known:
                row["volume_ml"] = round(row["voxels"] * labels.geometry.voxel_volume / 1000, 3)
            rows.append(row)
    return pd.DataFrame(rows)
