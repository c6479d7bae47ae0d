"""An image that knows where it lies, what it holds, and how it was made."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from napari_medai.core.errors import ArgumentError, GeometryError, GridError
from napari_medai.core.geometry import Geometry, Reorientation
from napari_medai.core.progress import Progress, silent, track

if TYPE_CHECKING:
    from napari_medai.core.history import Record

Kind: TypeAlias = Literal["intensity", "labels"]
AnyArray: TypeAlias = NDArray[Any]

AXES = "tczyxs"
"""Every axis letter, in the order in which an image holds them: time, channel, space, RGB samples."""


@dataclass(frozen=True, eq=False)
class MedicalImage:
    """An array with its axes, its place in the world and its history. A change is a new value.

    Parameters
    ----------
    array : numpy.ndarray or dask.array.Array
        The voxels. Held as a read-only view.
    axes : str
        One letter an array axis, in the order of ``"tczyxs"``: ``"zyx"``, ``"yx"``, ``"tzyx"``,
        ``"czyx"``, ``"yxs"`` (``s``: 3 RGB or 4 RGBA samples).
    geometry : Geometry
        The grid of the spatial axes.
    kind : {"intensity", "labels"}
        Labels are whole numbers; 0 is the background.
    name : str
        What a person calls it. Never the patient's name.
    meta : mapping
        JSON-able facts: ``"modality"``, ``"window"``, ``"labels"`` (number -> name), ...
    history : tuple of Record
        The steps that led here, oldest first.

    Raises
    ------
    ArgumentError
        If axes, array and kind do not fit each other.
    GeometryError
        If the geometry's shape is not that of the spatial axes.

    Examples
    --------
    >>> image = MedicalImage(np.zeros((4, 5, 6)), "zyx", Geometry.from_spacing((4, 5, 6), (3, 1, 1)))
    >>> image.with_array(image.array + 1).array.max()
    np.float64(1.0)
    """

    array: AnyArray
    axes: str
    geometry: Geometry
    kind: Kind = "intensity"
    name: str = ""
    meta: Mapping[str, Any] = field(default_factory=dict)
    history: tuple[Record, ...] = ()

    def __post_init__(self) -> None:
        array = _as_array(self.array, self.kind)
        _check_axes(self.axes, array.shape)
        spatial = tuple(n for n, a in zip(array.shape, self.axes, strict=True) if a in "zyx")
        if spatial != self.geometry.shape:
            raise GeometryError(
                f"Found an array of spatial shape {spatial} on a grid of shape {self.geometry.shape}.",
                hint="Give the geometry of this very array.",
            )
        object.__setattr__(self, "array", array)
        object.__setattr__(self, "meta", freeze(self.meta))
        object.__setattr__(self, "history", tuple(self.history))

    @property
    def spatial_ndim(self) -> int:
        """2 or 3."""
        return self.geometry.ndim

    @property
    def spatial_shape(self) -> tuple[int, ...]:
        """Voxels along (z, y, x) or (y, x)."""
        return self.geometry.shape

    @property
    def leading(self) -> int:
        """How many axes (time, channel) come before the spatial ones."""
        return self.axes.index("z" if "z" in self.axes else "y")

    @property
    def is_rgb(self) -> bool:
        """Whether the last axis holds colour samples."""
        return self.axes.endswith("s")

    def replace(self, **changes: Any) -> MedicalImage:
        """Return a copy with some fields changed."""
        return replace(self, **changes)

    def with_array(self, array: AnyArray, **changes: Any) -> MedicalImage:
        """Return the same image with other voxels; other fields may change along with them."""
        return replace(self, array=array, **changes)

    def with_meta(self, **entries: Any) -> MedicalImage:
        """Return the same image with entries of ``meta`` added or replaced."""
        return replace(self, meta={**self.meta, **entries})

    def reoriented(self, reorientation: Reorientation) -> MedicalImage:
        """Return the image with its spatial axes reordered without loss, geometry along."""
        array = reorientation.apply(self.array, self.leading)
        return self.with_array(array, geometry=reorientation.apply_geometry(self.geometry))

    def require_same_grid(self, other: MedicalImage, what: str = "image") -> None:
        """Check that another image lies on this grid.

        Raises
        ------
        GridError
            If it does not.
        """
        if not self.geometry.is_close(other.geometry):
            raise GridError(
                f"The {what} lies on another grid than the image: {_grid(other)}, not {_grid(self)}.",
                hint="Resample it onto the image first: resample_to.",
                wanted=self.geometry,
                found=other.geometry,
            )

    def __reduce__(self) -> tuple[Any, ...]:
        fields = (self.array, self.axes, self.geometry, self.kind, self.name, thaw(self.meta), self.history)
        return type(self), fields

    def __repr__(self) -> str:
        size = " x ".join(str(n) for n in self.array.shape)
        step = " x ".join(f"{s:.4g}" for s in self.geometry.spacing)
        return (
            f"MedicalImage({self.name!r}, {self.kind}, {self.axes} {size}, {self.array.dtype}, "
            f"{step} {self.geometry.unit}, {self.geometry.orientation})"
        )


def map_volumes(
    image: MedicalImage,
    function: Callable[[AnyArray], AnyArray],
    progress: Progress = silent,
    message: str = "",
) -> AnyArray:
    """Apply a function to every spatial volume of an image, over time, channels and colours.

    Parameters
    ----------
    image : MedicalImage
        The image; only its array is used.
    function : callable
        From one volume, shape (z, y, x) or (y, x), to an array; all results must have one shape.
    progress : Progress
        Hears one report a volume.
    message : str
        What the reports say.

    Returns
    -------
    numpy.ndarray
        The results, stacked as the volumes were.
    """
    array = np.asarray(image.array)
    if image.is_rgb:
        array = np.moveaxis(array, -1, 0)
    volumes = array.reshape(-1, *image.spatial_shape)
    results = [function(volume) for volume in track(list(volumes), progress, message)]
    stacked = np.stack(results).reshape(*array.shape[: array.ndim - image.spatial_ndim], *results[0].shape)
    return np.moveaxis(stacked, 0, -1) if image.is_rgb else stacked


def freeze(meta: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a read-only copy of ``meta``, checked to be JSON-able.

    Raises
    ------
    ArgumentError
        If a value cannot be written as JSON.
    """
    try:
        return MappingProxyType(json.loads(json.dumps(thaw(meta))))
    except (TypeError, ValueError) as error:
        raise ArgumentError(
            f"Found meta that cannot be written as JSON: {error}.",
            hint="Use strings, numbers, lists and dictionaries.",
        ) from error


def thaw(meta: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``meta`` as a plain dictionary."""
    return dict(meta)


def _grid(image: MedicalImage) -> str:
    geometry = image.geometry
    shape = " x ".join(str(n) for n in geometry.shape)
    return f"{shape} voxels of {np.round(geometry.spacing, 3).tolist()} {geometry.unit}"


def _as_array(array: Any, kind: str) -> AnyArray:
    if kind not in ("intensity", "labels"):
        raise ArgumentError(f"Found kind {kind!r}; needed 'intensity' or 'labels'.")
    if not hasattr(array, "dask"):
        array = np.asarray(array).view()
        array.flags.writeable = False
    if array.dtype.kind not in "biuf":
        raise ArgumentError(f"Found voxels of type {array.dtype}; needed real numbers.")
    if kind == "labels" and array.dtype == bool:
        array = array.view(np.uint8) if isinstance(array, np.ndarray) else array.astype(np.uint8)
    if kind == "labels" and array.dtype.kind not in "iu":
        raise ArgumentError(
            f"Found labels of type {array.dtype}; needed whole numbers.", hint="Convert them to integers."
        )
    return array  # type: ignore[no-any-return]


def _check_axes(axes: str, shape: tuple[int, ...]) -> None:
    in_order = "".join(letter for letter in AXES if letter in axes)
    if axes != in_order or "yx" not in axes:
        raise ArgumentError(
            f"Found axes {axes!r}; needed letters of {AXES!r} in that order, y and x among them.",
            hint="Transpose the array so that time and channel come first and RGB samples last.",
        )
    if len(axes) != len(shape):
        raise ArgumentError(f"Found {len(shape)} array axes {shape} but {len(axes)} letters {axes!r}.")
    if axes.endswith("s") and shape[-1] not in (3, 4):
        raise ArgumentError(f"Found {shape[-1]} colour samples; needed 3 (RGB) or 4 (RGBA).")
