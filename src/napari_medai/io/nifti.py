"""NIfTI-1 and NIfTI-2 files, packed or not, read into images."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

from napari_medai.core.errors import ReadError
from napari_medai.core.geometry import Geometry
from napari_medai.core.image import MedicalImage
from napari_medai.io import marker
from napari_medai.io.files import Source, read_exactly, require_plausible_size, stem
from napari_medai.io.nifti_header import LABEL_INTENT, NiftiHeader, read_header
from napari_medai.io.nifti_lazy import lazy_voxels
from napari_medai.io.sniff import is_gzipped
from napari_medai.io.values import rescale


def read_nifti(source: Source, memory_limit: float = float("inf")) -> list[MedicalImage]:
    """Read a NIfTI file.

    Parameters
    ----------
    source : Source
        A ``.nii``, ``.nii.gz`` or the header of a ``.hdr``/``.img`` pair.
    memory_limit : float
        Bytes; a larger image is read slice by slice when it is looked at. A packed one is read at once
        whatever its size, with a notice: gzip cannot be entered in the middle.

    Returns
    -------
    list of MedicalImage
        One image: the array as stored with its axes reversed to (z, y, x), in LPS.

    Raises
    ------
    ReadError
        If the file is damaged, cut short or holds what is no image.
    """
    header, voxels = _read_parts(source, memory_limit if source.stays else float("inf"))
    return [_image(header, voxels, source)]


def preview_nifti(source: Source) -> MedicalImage:
    """Return the image a NIfTI file holds, all zeros: its header alone is read."""
    header = read_nifti_header(source)
    data = source.path if source.format == "nifti" else _voxel_file(source)
    _check_size(header, data, source.shown)
    return _image(header, np.broadcast_to(np.zeros((), header.dtype), _stored_shape(header)), source)


def _image(header: NiftiHeader, voxels: Any, source: Source) -> MedicalImage:
    """Make an image of stored numbers; those of a preview are read-only and not rescaled."""
    array, axes = _arrange(voxels, header, source.shown)
    if isinstance(voxels, np.ndarray) and voxels.flags.writeable:
        array = _values(array, header)
    if header.dtype.kind == "c":
        array, axes = np.stack([array.real, array.imag], axis=axes.index("z")), axes.replace("z", "cz")
    geometry, array, axes = _geometry(header, array, axes)
    fields = marker.marked_fields(header.note)
    if header.intent == LABEL_INTENT and array.dtype.kind in "iu":
        fields.setdefault("kind", "labels")
    fields.setdefault("name", stem(source.path))
    return MedicalImage(array, axes, geometry, meta=_meta(header, axes), **fields)


def read_nifti_header(source: Source) -> NiftiHeader:
    """Read only the header of a NIfTI file."""
    with open_unpacked(source) as stream:
        return read_header(stream, source.shown)


@contextmanager
def open_unpacked(source: Source, path: Path | None = None) -> Iterator[BinaryIO]:
    """Open a file for reading, through gzip where its first bytes say so."""
    place = path or source.path
    try:
        with place.open("rb") as raw:
            packed = raw.read(2) == b"\x1f\x8b"
            raw.seek(0)
            yield cast(BinaryIO, gzip.GzipFile(fileobj=raw)) if packed else raw
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise ReadError(
            f"{source.shown} is cut short or damaged: {error}.",
            hint="Copy the file again from where it came.",
        ) from error
    except OSError as error:
        raise ReadError(
            f"{source.shown} could not be read: {error.strerror or error}.", hint="Check its permissions."
        ) from error


def _read_parts(source: Source, memory_limit: float) -> tuple[NiftiHeader, Any]:
    header, data = read_nifti_header(source), source.path
    if source.format == "nifti":
        header = replace(header, offset=max(header.offset, 352 if header.version == 1 else 544))
    else:
        data = _voxel_file(source)
    packed = _check_size(header, data, source.shown)
    if header.byte_count > memory_limit and not packed:
        return header, lazy_voxels(data, header)
    if header.byte_count > memory_limit:
        notice = f"{source.shown} is gzipped and was read at once; unpacked (.nii) it opens slice by slice."
        header = replace(header, notices=(*header.notices, notice))
    with open_unpacked(source, data) as stream:
        return header, _read_voxels(stream, header, data, source.shown)


def _voxel_file(source: Source) -> Path:
    base = stem(source.path)
    names = [base + ending for ending in (".img", ".IMG", ".img.gz")]
    for name in names:
        if (source.path.with_name(name)).is_file():
            return source.path.with_name(name)
    raise ReadError(
        f"{source.shown} is a header without its voxels: {names[0]} does not lie beside it.",
        hint="Copy both files of the pair into one folder.",
    )


def _read_voxels(stream: BinaryIO, header: NiftiHeader, path: Path, shown: str) -> NDArray[Any]:
    """Read the stored numbers, shape (..., t, k, j, i), after checking that they can be there."""
    packed = _check_size(header, path, shown)
    shape = _stored_shape(header)
    stream.seek(header.offset)
    try:
        voxels = np.empty(shape, header.dtype)
    except MemoryError as error:
        raise ReadError(f"{shown} needs more memory than there is.", hint="Crop it first.") from error
    read_exactly(stream, voxels.reshape(-1).view(np.uint8).data, shown)
    if packed:
        stream.read(1)  # the checksum of a gzip stream is only looked at where it ends
    return voxels.astype(header.dtype.newbyteorder("="), copy=False)


def _check_size(header: NiftiHeader, path: Path, shown: str) -> bool:
    """Refuse a header that promises more than its file can hold; tell whether the voxels are packed."""
    packed = is_gzipped(path)
    available = path.stat().st_size - (0 if packed else header.offset)
    require_plausible_size(shown, header.byte_count, max(available, 0), packed)
    return packed


def _stored_shape(header: NiftiHeader) -> tuple[int, ...]:
    return header.shape[::-1] + ((header.samples,) if header.samples > 1 else ())


def _arrange(voxels: NDArray[Any], header: NiftiHeader, shown: str) -> tuple[NDArray[Any], str]:
    """Name the axes: (u, t, k, j, i) becomes (t, c, z, y, x)."""
    shape = header.shape
    if len(shape) > 5:
        raise ReadError(
            f"{shown} has {len(shape)} dimensions {shape}; needed at most five.", hint="Split it."
        )
    tail = "s" if header.samples > 1 else ""
    if len(shape) == 2:
        return voxels[None], "zyx" + tail
    if len(shape) == 3:
        return voxels, "zyx" + tail
    if len(shape) == 4:
        fourth = "c" if header.spectral or header.note.get("axes", "").startswith("c") else "t"
        return voxels, fourth + "zyx" + tail
    if shape[3] == 1:
        return voxels[:, 0], "czyx" + tail
    return np.swapaxes(voxels, 0, 1), "tczyx" + tail


def _values(array: NDArray[Any], header: NiftiHeader) -> NDArray[Any]:
    if header.samples > 1 or header.dtype.kind == "c":
        return array
    return rescale(array, header.slope, header.intercept)


def _geometry(header: NiftiHeader, array: NDArray[Any], axes: str) -> tuple[Geometry, NDArray[Any], str]:
    place = axes.index("z")
    spatial = array.shape[place : place + 3]
    if "z" not in header.note.get("axes", "z") and spatial[0] == 1:
        flat = header.affine[np.ix_([0, 1, 3], [1, 2, 3])]
        array = array.reshape(*array.shape[:place], *array.shape[place + 1 :])
        return Geometry(spatial[1:], flat, header.unit), array, axes.replace("z", "")
    return Geometry(spatial, header.affine, header.unit), array, axes


def _meta(header: NiftiHeader, axes: str) -> dict[str, Any]:
    meta: dict[str, Any] = {"source": {"format": f"nifti{header.version}", "transform": header.transform}}
    if "t" in axes and header.time_step > 0:
        meta["time_step_s"] = header.time_step
    if header.dtype.kind == "c":
        meta["channels"] = ["real", "imaginary"]
    if header.notices:
        meta["notices"] = list(header.notices)
    return {**meta, **marker.marked_meta(header.note)}
