"""Images written as NIfTI-1, or NIfTI-2 where they are too large for it."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_medai.core.errors import WriteError
from napari_medai.core.geometry import FloatArray
from napari_medai.core.image import MedicalImage
from napari_medai.core.progress import Progress, silent, track
from napari_medai.io import affines
from napari_medai.io.marker import marker_text
from napari_medai.io.nifti_header import LABEL_INTENT

_COMMENT = 6
_SQUARE_DEG = 0.01


def write_nifti(image: MedicalImage, path: Path, progress: Progress = silent) -> None:
    """Write an image as ``.nii`` or ``.nii.gz``.

    The geometry goes into the sform, sheared or not, and into the qform too where that can hold it.

    Parameters
    ----------
    image : MedicalImage
        Any axes and any geometry.
    path : Path
        Packed if it ends in ``.gz``.
    progress : Progress
        Hears one report a slice; may cancel. Slices of a Dask array are computed one by one.
    """
    array = _stored_order(image)
    header = _header(image, array)
    note = _extension(marker_text(image).encode("ascii"), _order(header))
    header["vox_offset"] = header.sizeof_hdr + 4 + len(note)
    with path.open("wb") as raw:
        stream: Any = gzip.GzipFile("", "wb", 4, raw, mtime=0) if path.name.endswith(".gz") else raw
        stream.write(header.binaryblock + b"\1\0\0\0" + note)
        slices = list(np.ndindex(array.shape[: -3 if image.is_rgb else -2]))
        for index in track(slices, progress, "Writing slices"):
            stream.write(np.ascontiguousarray(array[index]).data)
        if stream is not raw:
            stream.close()


def _stored_order(image: MedicalImage) -> NDArray[Any]:
    """Return the array with axes (u, t, z, y, x[, s]), only as many as needed, in a type NIfTI knows."""
    array = image.array
    if array.dtype == bool:
        array = array.astype(np.uint8)
    if array.dtype == np.float16:
        array = array.astype(np.float32)
    if array.dtype.str[1:] not in ("u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f4", "f8"):
        raise WriteError(f"NIfTI cannot hold voxels of type {array.dtype}.", hint="Convert them to float32.")
    if image.axes.startswith("tc"):
        array = array.swapaxes(0, 1)
    return array


def _header(image: MedicalImage, array: NDArray[Any]) -> Any:
    import nibabel as nib

    sizes = list(array.shape[: -1 if image.is_rgb else None][::-1])
    if "z" not in image.axes:
        sizes.insert(2, 1)
    version = nib.Nifti2Header if max(sizes) > 32767 else nib.Nifti1Header
    header = version()
    header["dim"][: len(sizes) + 1] = [len(sizes), *sizes]
    header["dim"][len(sizes) + 1 :] = 1
    header["datatype"], header["bitpix"] = _type_code(image, array)
    header["intent_code"] = LABEL_INTENT if image.kind == "labels" else 0
    header["scl_slope"], header["scl_inter"] = 1.0, 0.0
    affine = image.geometry.affine if "z" in image.axes else affines.embed_2d(image.geometry.affine)
    _set_place(header, affines.to_ras(affine), image.geometry.unit == "mm", _is_square(image))
    header["pixdim"][4] = float(image.meta.get("time_step_s", 0.0)) if "t" in image.axes else 0.0
    return header


def _type_code(image: MedicalImage, array: NDArray[Any]) -> tuple[int, int]:
    from nibabel.nifti1 import data_type_codes

    if image.is_rgb:
        if array.dtype != np.uint8:
            raise WriteError(
                f"NIfTI holds colours only as 8-bit numbers, not as {array.dtype}.",
                hint="Scale them to 0-255.",
            )
        return (128, 24) if array.shape[-1] == 3 else (2304, 32)
    return int(data_type_codes.code[array.dtype.newbyteorder("=")]), array.dtype.itemsize * 8


def _is_square(image: MedicalImage) -> bool:
    return image.geometry.shear_deg < _SQUARE_DEG


def _set_place(header: Any, affine: FloatArray, known: bool, square: bool) -> None:
    header.set_sform(affine, code=1)
    header["pixdim"][1:4] = np.linalg.norm(affine[:3, :3], axis=0)
    if square:
        header.set_qform(affine, code=1)
    if known:
        header.set_xyzt_units("mm", "sec")


def _order(header: Any) -> str:
    return str(header.endianness)


def _extension(text: bytes, order: str) -> bytes:
    size = -(-(len(text) + 8) // 16) * 16
    return struct.pack(order + "2i", size, _COMMENT) + text.ljust(size - 8, b"\0")
