"""NIfTI files too large for memory: Dask arrays that read a slice when it is looked at."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_medai.core.errors import ReadError
from napari_medai.io.nifti_header import NiftiHeader
from napari_medai.io.values import integer_type, is_whole, rescale


def lazy_voxels(path: Path, header: NiftiHeader) -> Any:
    """Return the values of an unpacked file, one chunk a slice.

    Parameters
    ----------
    path : Path
        The file that holds the voxels; not gzipped.
    header : NiftiHeader
        Its header, already checked against the file's size.

    Returns
    -------
    dask.array.Array
        (..., t, k, j, i[, samples]); rescaled.
    """
    import dask.array as da

    shape = header.shape[::-1] + ((header.samples,) if header.samples > 1 else ())
    plane = 3 if header.samples > 1 else 2
    reader = _SliceReader(path, header, shape[-plane:], _value_type(header))
    chunks = tuple((1,) * n for n in shape[:-plane]) + tuple((n,) for n in shape[-plane:])
    lead = len(shape) - plane
    return da.map_blocks(
        _read_block, reader=reader, lead=shape[:lead], chunks=chunks, dtype=reader.dtype, meta=np.empty(
            (0,) * len(shape), reader.dtype
        ),
    )  # fmt: skip


def _read_block(reader: _SliceReader, lead: tuple[int, ...], block_info: Any = None) -> NDArray[Any]:
    place = [int(span[0]) for span in block_info[None]["array-location"]][: len(lead)]
    number = int(np.ravel_multi_index(place, lead)) if lead else 0
    values = reader.read(number)
    return values.reshape((1,) * len(lead) + values.shape)


@dataclass(frozen=True)
class _SliceReader:
    """Reads one slice and turns its numbers into values."""

    path: Path
    header: NiftiHeader
    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    def read(self, number: int) -> NDArray[Any]:
        """Return the values of the slice of this number, in the file's order."""
        count = int(np.prod(self.shape))
        offset = self.header.offset + number * count * self.header.dtype.itemsize
        try:
            stored = np.fromfile(self.path, self.header.dtype, count, offset=offset)
        except OSError as error:
            raise ReadError(f"{self.path.name} could not be read: {error.strerror}.") from error
        if len(stored) < count:
            raise ReadError(f"{self.path.name} is cut short.", hint="Copy the file again.")
        native = stored.reshape(self.shape).astype(self.header.dtype.newbyteorder("="), copy=False)
        if _is_plain(self.header):
            return native
        return rescale(native, self.header.slope, self.header.intercept).astype(self.dtype, copy=False)


def _is_plain(header: NiftiHeader) -> bool:
    return header.samples > 1 or header.dtype.kind == "c" or (header.slope == 1 and header.intercept == 0)


def _value_type(header: NiftiHeader) -> np.dtype[Any]:
    """Return a type that holds every value the stored type allows."""
    stored = header.dtype.newbyteorder("=")
    if _is_plain(header):
        return stored
    if stored.kind in "iu" and is_whole(header.slope) and is_whole(header.intercept):
        bounds = np.iinfo(stored)
        ends = [int(e) * int(header.slope) + int(header.intercept) for e in (bounds.min, bounds.max)]
        return integer_type(min(ends), max(ends), stored)
    return np.dtype(np.float64 if stored == np.float64 else np.float32)
