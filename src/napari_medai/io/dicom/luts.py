"""Lookup tables in files: palettes of colours, and modality tables that make values of stored numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_medai.core.errors import ReadError
from napari_medai.io.dicom.header import Header, quiet_pydicom
from napari_medai.io.dicom.parse import BIG_ENDIAN

_CHANNELS = ("Red", "Green", "Blue")


def palette_colours(picture: NDArray[Any], dataset: Any, syntax: str) -> NDArray[Any]:
    """Look the colours of a palette image up.

    Parameters
    ----------
    picture : numpy.ndarray
        Palette indices, (rows, columns).
    dataset : pydicom.Dataset
        The file; segmented palettes are expanded by pydicom.
    syntax : str
        Its transfer syntax, which says the byte order of the tables.

    Returns
    -------
    numpy.ndarray
        (rows, columns, 3), 8 bit; of 16-bit tables the high byte.
    """
    if "SegmentedRedPaletteColorLookupTableData" in dataset:
        from pydicom.pixels import apply_color_lut

        colours = np.asarray(apply_color_lut(picture, dataset))[..., :3]
        return (colours >> 8).astype(np.uint8) if colours.dtype == np.uint16 else colours
    tables = [_palette(dataset, channel, syntax) for channel in _CHANNELS]
    first = int(dataset.RedPaletteColorLookupTableDescriptor[1])
    indices = np.clip(picture.astype(np.int64) - first, 0, len(tables[0]) - 1)
    return np.stack([table[indices] for table in tables], axis=-1)


def _palette(dataset: Any, channel: str, syntax: str) -> NDArray[np.uint8]:
    entries, _, bits = (int(v) for v in dataset[f"{channel}PaletteColorLookupTableDescriptor"].value)
    entries = entries or 65536
    data = dataset[f"{channel}PaletteColorLookupTableData"].value
    if bits == 8 and len(data) < 2 * entries:
        return np.frombuffer(data, np.uint8, entries)
    table = np.frombuffer(data, ">u2" if syntax == BIG_ENDIAN else "<u2", entries)
    return (table >> 8 if table.max(initial=0) > 255 else table).astype(np.uint8)


def has_modality_table(header: Header) -> bool:
    """Tell whether values come from a table instead of a slope and an intercept."""
    return header.has("ModalityLUTSequence")


def modality_values(picture: NDArray[Any], header: Header) -> NDArray[Any]:
    """Look the values of stored numbers up in the file's modality table.

    Raises
    ------
    ReadError
        If the table is damaged.
    """
    with quiet_pydicom():
        items = header.sequences.get("ModalityLUTSequence", None)
        if not items:
            return picture
        try:
            return _table_values(picture, items[0], header)
        except (AttributeError, ValueError, TypeError, IndexError) as error:
            raise ReadError(
                f"{header.shown} holds a damaged modality lookup table: {error}.",
                hint="Export the file again.",
            ) from error


def _table_values(picture: NDArray[Any], item: Any, header: Header) -> NDArray[Any]:
    entries, first, bits = (int(v) for v in item.LUTDescriptor)
    entries = entries or 65536
    if header.integer("PixelRepresentation") == 1 and first > 32767:
        first -= 65536
    data = item.LUTData
    if isinstance(data, bytes):
        wide = bits > 8 or len(data) >= 2 * entries
        order = ">u2" if header.syntax == BIG_ENDIAN else "<u2"
        table = np.frombuffer(data, order if wide else np.uint8, entries)
    else:
        table = np.asarray(data)[:entries]
    table = table.astype(np.uint16)
    return table[np.clip(picture.astype(np.int64) - first, 0, entries - 1)]
