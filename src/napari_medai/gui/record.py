"""What a layer remembers of the image it shows: ``layer.metadata["napari_medai"]``, plain JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_medai.core.geometry import Geometry, Reorientation, Unit
from napari_medai.core.history import Record as HistoryStep
from napari_medai.core.history import history_from_json, history_to_json
from napari_medai.core.image import Kind, MedicalImage, thaw

KEY = "napari_medai"
VERSION = 1


@dataclass(frozen=True)
class LayerRecord:
    """The facts about an image that napari has no place for.

    Parameters
    ----------
    axes : str
        The axes of the layer's data, colour samples among them.
    kind : {"intensity", "labels"}
        What the image is.
    dtype : str
        The type of the voxels before labels were made small.
    order, flips : tuple
        How the image's spatial axes were reordered for the layer.
    shape, affine, unit
        The image's grid, exactly as it was.
    meta : mapping
        The image's facts.
    history : tuple of mapping
        The image's steps.
    fingerprint : str
        Of the voxels, where there is a history that they must agree with, or a person may paint.
    number : int
        Which of several images of its file or sample it is, from 1; 0 where it is the only one.
    flat : bool
        Whether the image is (t, y, x) and was given a z axis, so that time never meets a length.
    """

    axes: str
    kind: Kind
    dtype: str
    order: tuple[int, ...]
    flips: tuple[bool, ...]
    shape: tuple[int, ...]
    affine: tuple[tuple[float, ...], ...]
    unit: Unit
    meta: Mapping[str, Any]
    history: tuple[Mapping[str, Any], ...] = ()
    fingerprint: str = ""
    number: int = 0
    flat: bool = False
    version: int = VERSION

    @classmethod
    def of(
        cls,
        image: MedicalImage,
        reorientation: Reorientation,
        dtype: str,
        number: int = 0,
        flat: bool = False,
    ) -> LayerRecord:
        """Describe an image that a layer is about to show reordered."""
        geometry = image.geometry
        return cls(
            image.axes,
            image.kind,
            dtype,
            reorientation.order,
            reorientation.flips,
            geometry.shape,
            tuple(map(tuple, geometry.affine.tolist())),
            geometry.unit,
            thaw(image.meta),
            tuple(history_to_json(image.history)),
            fingerprint(image.array) if image.history or image.kind == "labels" else "",
            number,
            flat,
        )

    @classmethod
    def found_in(cls, metadata: Mapping[str, Any] | None) -> LayerRecord | None:
        """Read the record of a layer, or nothing where the layer is not ours."""
        entry = (metadata or {}).get(KEY)
        if not isinstance(entry, Mapping) or entry.get("version") != VERSION:
            return None
        values = dict(entry)
        if "order" not in values:  # a layer of ours that shows no voxels, such as points
            return None
        for name in ("order", "flips", "shape", "history"):
            values[name] = tuple(values[name])
        values["affine"] = tuple(map(tuple, values["affine"]))
        return cls(**values)

    def to_json(self) -> dict[str, Any]:
        """Return the record as plain JSON values."""
        entry = asdict(self)
        for name in ("order", "flips", "shape", "history"):
            entry[name] = list(entry[name])
        entry["affine"] = [list(row) for row in self.affine]
        return entry

    @property
    def geometry(self) -> Geometry:
        """The image's grid."""
        return Geometry(self.shape, np.array(self.affine), self.unit)

    @property
    def layer_shape(self) -> tuple[int, ...]:
        """Size of the layer's spatial axes."""
        return tuple(self.shape[axis] for axis in self.order)

    @property
    def reorientation(self) -> Reorientation:
        """How the image's spatial axes were reordered for the layer."""
        return Reorientation(tuple(self.order), tuple(self.flips))

    @property
    def steps(self) -> tuple[HistoryStep, ...]:
        """The image's history."""
        return history_from_json(self.history)

    @property
    def lead(self) -> int:
        """Number of layer axes before the spatial ones."""
        return len(self.axes.rstrip("s")) - len(self.shape)

    def fits(self, shape: tuple[int, ...]) -> bool:
        """Tell whether data of this shape may still be what the record speaks of."""
        same_axes = len(shape) == len(self.axes)
        return same_axes and shape[self.lead : self.lead + len(self.shape)] == self.layer_shape

    def describes(self, array: Any, kind: str) -> bool:
        """Tell whether these are the voxels the record speaks of, in the image's axis order and type."""
        if kind != self.kind or np.dtype(self.dtype) != array.dtype:
            return False
        return not self.fingerprint or fingerprint(array) == self.fingerprint


def fingerprint(array: Any) -> str:
    """Return a hash of voxel values, or the name of a lazy array.

    Parameters
    ----------
    array : numpy.ndarray or dask.array.Array
        Any layout; the order in memory does not matter, the type does.
    """
    if hasattr(array, "dask"):
        return str(array.name)
    hasher = blake2b(digest_size=16)
    for row in np.atleast_1d(array):
        hasher.update(np.ascontiguousarray(row).data if row.size else b"")
    return hasher.hexdigest()


def smallest_labels(labels: NDArray[Any]) -> NDArray[Any]:
    """Copy labels into the smallest type that holds them, unsigned where none is negative."""
    low, high = (int(labels.min()), int(labels.max())) if labels.size else (0, 0)
    kinds = ("uint8", "uint16", "uint32", "uint64") if low >= 0 else ("int8", "int16", "int32", "int64")
    fitting = next(k for k in kinds if np.iinfo(k).min <= low and high <= np.iinfo(k).max)
    return np.array(labels, dtype=fitting, order="C")
