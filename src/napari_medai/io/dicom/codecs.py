"""Packed pixels decoded: JPEG, JPEG-LS, JPEG 2000, HTJ2K, RLE, and odd native layouts."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_medai.core.errors import ReadError
from napari_medai.io.dicom.bits import bits_stored, stored_type
from napari_medai.io.dicom.header import Header, parse_errors, quiet_pydicom
from napari_medai.io.dicom.luts import palette_colours
from napari_medai.io.dicom.packing import unpacked_frame, unpacks
from napari_medai.io.files import readable_size

_CACHE_SIZE = 8
_CACHE: dict[int, tuple[Header, Any]] = {}
_LOCK = threading.Lock()
_LARGE_FRAME = 1 << 26
_GREATEST_PACKING = 3000
_EXTENDED = "1.2.840.10008.1.2.4.51"


def decoded_frame(header: Header, number: int, colours: bool = True) -> NDArray[Any]:
    """Decode one frame of a file.

    Parameters
    ----------
    header : Header
        A file that is compressed or laid out in a way the fast path does not know.
    number : int
        Which frame.
    colours : bool
        Whether the indices of a palette become colours.

    Returns
    -------
    numpy.ndarray
        (rows, columns) or (rows, columns, 3); YBR and palettes as RGB, of 8 bits for palettes.

    Raises
    ------
    ReadError
        If the data is damaged, or no installed decoder knows it.
    """
    _refuse_bomb(header)
    dataset = opened(header)
    with quiet_pydicom():
        picture = _decode(dataset, header, number)
        if colours and header.text("PhotometricInterpretation") == "PALETTE COLOR":
            picture = palette_colours(picture, dataset, header.syntax)
    return picture.astype(picture.dtype.newbyteorder("="), copy=False)


def _refuse_bomb(header: Header) -> None:
    """Refuse a frame that would take far more memory than its file can have packed."""
    size = header.integer("Rows") * header.integer("Columns") * header.integer("SamplesPerPixel", 1)
    size *= max(1, header.integer("BitsAllocated", 16) // 8)
    held = header.path.stat().st_size
    if size > _LARGE_FRAME and size > _GREATEST_PACKING * held:
        raise ReadError(
            f"{header.shown} promises {readable_size(size)} a frame but holds {readable_size(held)}.",
            hint="The header is damaged: export the file again.",
        )


def opened(header: Header) -> Any:
    """Return the whole data set of a file, the last few kept for the next frame."""
    with _LOCK:
        found = _CACHE.get(id(header))
        if found is not None and found[0] is header:
            return found[1]
    dataset = _open(header)
    with _LOCK:
        while len(_CACHE) >= _CACHE_SIZE:
            _CACHE.pop(next(iter(_CACHE)))
        _CACHE[id(header)] = (header, dataset)
    return dataset


def _open(header: Header) -> Any:
    from napari_medai.io.dicom.header import _read_with_pydicom

    if header.dataset is not None:
        return header.dataset
    with quiet_pydicom():
        return _read_with_pydicom(header.path, header.shown)


def _decode(dataset: Any, header: Header, number: int) -> NDArray[Any]:
    from pydicom.pixels import pixel_array

    if not hasattr(dataset.file_meta, "TransferSyntaxUID"):
        dataset.file_meta.TransferSyntaxUID = header.syntax
    if header.elements.pixel_name not in dataset:
        raise ReadError(
            f"{header.shown} is cut short within its pixels.", hint="Copy or export the file again."
        )
    damages: tuple[type[Exception], ...] = (OSError, RuntimeError, *parse_errors())
    many = header.integer("NumberOfFrames", 1) > 1
    if header.syntax == _EXTENDED and header.integer("BitsStored", 8) > 8:
        return _through_itk(header, number)
    try:
        if unpacks(header.syntax, header.integer("BitsAllocated")):
            return unpacked_frame(dataset, header.syntax, number, stored_type(header))
        return np.asarray(pixel_array(dataset, index=number if many else 0))
    except damages as error:
        raise _explained(header, error) from error


def _through_itk(header: Header, number: int) -> NDArray[Any]:
    """Decode 12-bit JPEG with the decoder inside SimpleITK, stored values untouched."""
    import SimpleITK as sitk

    try:
        picture = sitk.GetArrayFromImage(sitk.ReadImage(str(header.path)))
    except RuntimeError as error:
        raise _explained(header, error) from error
    slope, intercept = (
        header.number("RescaleSlope", 1.0) or 1.0,
        header.number("RescaleIntercept", 0.0) or 0.0,
    )
    stored = np.rint((picture[number].astype(np.float64) - intercept) / slope)
    if header.text("PhotometricInterpretation") == "MONOCHROME1":
        stored = (1 << bits_stored(header, 16)) - 1 - stored
    return np.asarray(stored, dtype=np.int16 if header.integer("PixelRepresentation") else np.uint16)


def _explained(header: Header, error: Exception) -> ReadError:
    from pydicom.uid import UID

    name = UID(header.syntax).name or header.syntax
    reason = str(error).replace(str(header.path), header.shown).split("\n")[0].strip() or type(error).__name__
    if "missing" in reason.lower() or ("plugin" in reason.lower() and "available" in reason.lower()):
        return ReadError(
            f"{header.shown} is packed as {name}, for which no decoder is installed.",
            hint="pip install pylibjpeg-openjpeg pyjpegls python-gdcm",
        )
    return ReadError(
        f"{header.shown} holds damaged or incomplete pixels ({name}): {reason}.",
        hint="Export the file again.",
    )
