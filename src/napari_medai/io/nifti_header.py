"""The header of a NIfTI-1 or NIfTI-2 file: sizes, type, scaling, place in space."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from napari_medai.core.errors import ReadError
from napari_medai.core.geometry import FloatArray, Unit
from napari_medai.io import affines
from napari_medai.io.marker import KEY, parse_marker

LABEL_INTENT = 1002
_SPACE_UNITS = {0: 1.0, 1: 1000.0, 2: 1.0, 3: 0.001}
_TIME_UNITS = {8: 1.0, 16: 1e-3, 24: 1e-6}
_TYPES = {
    2: "u1", 4: "i2", 8: "i4", 16: "f4", 32: "c8", 64: "f8", 128: "rgb", 256: "i1", 512: "u2",
    768: "u4", 1024: "i8", 1280: "u8", 1792: "c16", 2304: "rgba",
}  # fmt: skip
_COMMENT = 6
_LARGEST_MM, _SMALLEST_STEP = 1e7, 1e-12


@dataclass(frozen=True)
class NiftiHeader:
    """What a NIfTI header says.

    Parameters
    ----------
    version : int
        1 or 2.
    shape : tuple of int
        Sizes in the file's order (i, j, k, t, u, ...), ones at the end dropped down to two.
    dtype : numpy.dtype
        Type of one stored number, in the file's byte order.
    samples : int
        Stored numbers a voxel: 3 or 4 for RGB types, else 1.
    offset : int
        Byte at which the voxels begin.
    slope, intercept : float
        Make values of stored numbers.
    affine : numpy.ndarray
        (z, y, x) -> LPS, mm.
    unit : {"mm", "pixel"}
        ``"pixel"`` when neither a transform nor a voxel size is stated.
    time_step : float
        Seconds between volumes, or 0.
    notices : tuple of str
        What a person must know.
    note : dict
        The note of this package, where it wrote the file.
    """

    version: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    samples: int
    offset: int
    slope: float
    intercept: float
    affine: FloatArray
    unit: Unit
    time_step: float
    intent: int
    spectral: bool
    transform: str
    notices: tuple[str, ...] = ()
    note: dict[str, Any] = field(default_factory=dict)

    @property
    def byte_count(self) -> int:
        """Bytes of voxels."""
        count = self.dtype.itemsize * self.samples
        for size in self.shape:
            count *= size
        return count


def read_header(stream: BinaryIO, shown: str) -> NiftiHeader:
    """Read a header and the note of this package that may follow it.

    Parameters
    ----------
    stream : binary file
        At its beginning; unpacked.
    shown : str
        The file's name for messages.

    Raises
    ------
    ReadError
        If a size, the type or the place in space makes no sense.
    """
    fields, version, order = _raw_fields(stream, shown)
    shape = _shape(fields, shown)
    dtype, samples = _voxel_type(fields, order, shown)
    affine, unit, transform, notices = _place(fields, shape, shown)
    note = _find_note(stream, order, int(_finite(fields["vox_offset"])))
    slope, intercept = _scaling(fields)
    time_code = int(fields["xyzt_units"]) & 56
    return NiftiHeader(
        version=version,
        shape=shape,
        dtype=dtype,
        samples=samples,
        offset=int(_finite(fields["vox_offset"])),
        slope=slope,
        intercept=intercept,
        affine=affine,
        unit=note.get("unit", unit),
        time_step=_finite(fields["pixdim"][4]) * _TIME_UNITS.get(time_code, 1.0),
        intent=int(fields["intent_code"]),
        spectral=time_code in (32, 40, 48),
        transform=transform,
        notices=() if note else notices,
        note=note,
    )


def _raw_fields(stream: BinaryIO, shown: str) -> tuple[NDArray[Any], int, str]:
    from nibabel.nifti1 import header_dtype as first
    from nibabel.nifti2 import header_dtype as second

    block = stream.read(348)
    order = "<" if block[:4] in (b"\x5c\x01\x00\x00", b"\x1c\x02\x00\x00") else ">"
    version = 1 if b"\x5c" in block[:4] else 2
    layout = first if version == 1 else second
    block += stream.read(layout.itemsize - len(block))
    if len(block) < layout.itemsize:
        raise ReadError(
            f"{shown} ends within its header, after {len(block)} of {layout.itemsize} bytes.",
            hint="Copy the file again from where it came.",
        )
    return np.frombuffer(block, layout.newbyteorder(order))[0], version, order


def _finite(value: Any) -> float:
    number = float(value)
    return number if np.isfinite(number) and abs(number) < 2**62 else 0.0


def _shape(fields: NDArray[Any], shown: str) -> tuple[int, ...]:
    ndim, *sizes = (int(n) for n in fields["dim"])
    if not 1 <= ndim <= 7 or any(n < 0 for n in sizes[:ndim]) or 0 in sizes[:ndim]:
        raise ReadError(
            f"{shown} states the sizes {sizes[: max(0, min(ndim, 7))]} in {ndim} dimensions; "
            "needed one to seven positive sizes.",
            hint="The header is damaged: export the image again.",
        )
    shape = sizes[:ndim]
    while len(shape) > 3 and shape[-1] == 1:
        shape.pop()
    return tuple(shape + [1] * (2 - len(shape)))


def _voxel_type(fields: NDArray[Any], order: str, shown: str) -> tuple[np.dtype[Any], int]:
    code = int(fields["datatype"])
    if code not in _TYPES:
        raise ReadError(
            f"{shown} holds voxels of NIfTI type {code}, which is unknown here.",
            hint=f"Convert it to one of the types {sorted(_TYPES)}.",
        )
    name = _TYPES[code]
    if name in ("rgb", "rgba"):
        return np.dtype(np.uint8), len(name)
    return np.dtype(order + name), 1


def _scaling(fields: NDArray[Any]) -> tuple[float, float]:
    slope, intercept = float(fields["scl_slope"]), float(fields["scl_inter"])
    if slope == 0 or not np.isfinite(slope) or not np.isfinite(intercept):
        return 1.0, 0.0
    return slope, intercept


def _place(
    fields: NDArray[Any], shape: tuple[int, ...], shown: str
) -> tuple[FloatArray, Unit, str, tuple[str, ...]]:
    """Choose sform, qform or voxel sizes, in that order, and say where they disagree."""
    scale = _SPACE_UNITS.get(int(fields["xyzt_units"]) & 7, 1.0)
    notices: list[str] = []
    sform = _sform(fields) if int(fields["sform_code"]) > 0 else None
    qform = _qform(fields) if int(fields["qform_code"]) > 0 else None
    if sform is not None and not _is_usable(sform):
        if qform is None or not _is_usable(qform):
            raise ReadError(
                f"{shown} states a transform to space (sform) that is not finite or not invertible.",
                hint="Set it anew from the scan's source, or remove it (sform_code = 0).",
            )
        notices.append(f"{shown}: the sform is singular or not finite; the qform was used instead.")
        sform = None
    chosen, name = (sform, "sform") if sform is not None else (qform, "qform")
    if chosen is not None:
        if not _is_usable(chosen):
            raise ReadError(
                f"{shown} states a transform to space ({name}) that is not finite or not invertible.",
                hint="Set it anew from the scan's source, or remove it.",
            )
        if sform is not None and qform is not None and _disagree(sform, qform, shape):
            notices.append(f"{shown}: sform and qform disagree; the sform was used.")
        affine, unit = chosen, "mm"
    else:
        affine, unit, name = _from_voxel_sizes(fields, shape, notices, shown)
    matrix = affines.from_ras(affine)
    matrix[:3] *= scale
    return matrix, unit, name, tuple(notices)  # type: ignore[return-value]


def _sform(fields: NDArray[Any]) -> FloatArray:
    rows = [fields["srow_x"], fields["srow_y"], fields["srow_z"], (0, 0, 0, 1)]
    return np.array([np.asarray(row, dtype=np.float64) for row in rows])


def _qform(fields: NDArray[Any]) -> FloatArray:
    from nibabel.quaternions import fillpositive, quat2mat

    affine = np.full((4, 4), np.nan)
    quaternion = [float(fields[f"quatern_{letter}"]) for letter in "bcd"]
    try:
        rotation = quat2mat(fillpositive(quaternion, w2_thresh=-1e-5))
    except ValueError:
        return affine
    steps = np.abs(np.array(fields["pixdim"][1:4], dtype=np.float64))
    if float(fields["pixdim"][0]) < 0:
        steps[2] *= -1
    affine[:3, :3] = rotation * steps
    affine[:3, 3] = [float(fields[f"qoffset_{letter}"]) for letter in "xyz"]
    affine[3] = [0, 0, 0, 1]
    return affine


def _is_usable(affine: FloatArray) -> bool:
    if not np.all(np.isfinite(affine)) or np.abs(affine).max() > _LARGEST_MM:
        return False
    steps = np.linalg.norm(affine[:3, :3], axis=0)
    if not np.all(steps > _SMALLEST_STEP):
        return False
    with np.errstate(all="ignore"):  # of a singular matrix the determinant is zero all the same
        return bool(abs(np.linalg.det(affine[:3, :3] / steps)) >= 1e-6)


def _disagree(first: FloatArray, second: FloatArray, shape: tuple[int, ...]) -> bool:
    sizes = [*shape[:3], 1, 1][:3]
    ends = np.array(np.meshgrid(*[[0, n - 1] for n in sizes])).reshape(3, -1)
    difference = (first - second)[:3]
    return bool(np.abs(difference[:, :3] @ ends + difference[:, 3:]).max() > 0.1)


def _from_voxel_sizes(
    fields: NDArray[Any], shape: tuple[int, ...], notices: list[str], shown: str
) -> tuple[FloatArray, str, str]:
    steps = np.abs(np.array(fields["pixdim"][1:4], dtype=np.float64))
    stated = np.isfinite(steps) & (steps > 1e-9) & (steps < _LARGEST_MM)
    known = bool(stated[: min(3, len(shape))].all())
    known = known and (not np.all(steps == 1) or int(fields["xyzt_units"]) & 7 != 0)
    if not known:
        notices.append(f"{shown} does not say how large a voxel is: lengths are in pixels.")
    else:
        notices.append(f"{shown} states voxel sizes but no place in space: left and right are a guess.")
    affine = np.diag([*np.where(stated, steps, 1.0), 1.0])
    return affine, "mm" if known else "pixel", "pixdim"


def _find_note(stream: BinaryIO, order: str, offset: int) -> dict[str, Any]:
    """Look through the header extensions for the note of this package."""
    extender = stream.read(4)
    if len(extender) < 4 or not extender[0]:
        return {}
    position = stream.tell()
    while position + 8 <= offset:
        size, code = struct.unpack(order + "2i", stream.read(8).ljust(8, b"\0"))
        if size < 8 or position + size > offset:
            return {}
        content = stream.read(size - 8)
        if code == _COMMENT and KEY.encode() in content:
            return parse_marker(content.rstrip(b"\0"))
        position += size
    return {}
