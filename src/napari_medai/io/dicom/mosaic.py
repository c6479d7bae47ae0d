"""Many slices as tiles of one picture: Siemens mosaics and UIH grids."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from napari_medai.core.errors import ReadError
from napari_medai.core.geometry import FloatArray
from napari_medai.io.dicom.csa import csa_values, protocol_slices
from napari_medai.io.dicom.frames import Frame, position_of
from napari_medai.io.dicom.header import Header, quiet_pydicom


def is_siemens_mosaic(header: Header) -> bool:
    """Tell whether a file is a Siemens mosaic."""
    single = header.integer("NumberOfFrames", 1) <= 1
    # An anonymiser may shorten ImageType; only mosaics carry the private number of tiles.
    return single and ("MOSAIC" in header.texts("ImageType") or header.integer("SiemensMosaicCount") > 1)


def is_uih_grid(header: Header) -> bool:
    """Tell whether a file is a UIH grid."""
    return header.has("UihGridCount") and (header.number("UihGridCount") or 0) > 1


def split_siemens(base: Frame, notices: list[str]) -> list[Frame]:
    """Return the tiles of a Siemens mosaic as planes.

    The position in the file is that of the whole mosaic as if it were one large slice: the first tile's lies
    half the difference of the sizes further in. The private CSA header holds the number of tiles and the sign
    of the normal along which they follow each other.

    Raises
    ------
    ReadError
        If the private header does not hold them.
    """
    header = base.header
    csa = csa_values(header.raw("SiemensCsaImage"))
    planned, ends = protocol_slices(header.raw("SiemensCsaSeries"))
    stated = int(_csa_numbers(csa, "NumberOfImagesInMosaic", 1)[0])
    count = stated or header.integer("SiemensMosaicCount") or planned
    step = header.number("SpacingBetweenSlices") or header.number("SliceThickness")
    if count < 1 or not step or not base.is_placed:
        raise ReadError(
            f"{header.shown} is a Siemens mosaic whose private header does not say how many slices it holds, "
            "or whose place in space is missing.",
            hint="Export the series without removing private elements.",
        )
    side = math.ceil(math.sqrt(count))
    rows, columns = base.rows // side, base.columns // side
    first = _first_tile(base, rows, columns)
    sign = _sign(
        base, np.array(_csa_numbers(csa, "SliceNormalVector", 3)), ends if planned == count else None, first
    )
    if not sign:
        notices.append(
            f"{header.shown}: the mosaic's private header does not say in which direction the slices follow; "
            "the right-handed one was assumed."
        )
    towards = base.normal * (sign or 1.0) * abs(step)
    return [_tile(base, k, side, rows, columns, first + towards * k) for k in range(count)]


def _sign(base: Frame, normal: FloatArray, ends: FloatArray | None, first: FloatArray) -> float:
    """Return +1 or -1 for slices that follow along or against the plane's normal, 0 where it is not said.

    Without the normal of the image header the planned slices tell: the first tile lies at one end of them,
    and the others follow towards the other end.
    """
    if np.any(normal):
        return float(np.sign(normal @ base.normal))
    if ends is None or not np.any(ends[0] - ends[1]):
        return 0.0
    heights = ends @ base.normal
    here = int(np.argmin(np.abs(heights - first @ base.normal)))
    return float(np.sign(heights[1 - here] - heights[here]))


def split_uih(base: Frame) -> list[Frame]:
    """Return the tiles of a UIH grid as planes, placed by the private sequence that describes each.

    Raises
    ------
    ReadError
        If that sequence does not describe every tile.
    """
    header = base.header
    count = int(header.number("UihGridCount") or 0)
    positions = _uih_positions(header)
    if len(positions) != count:
        raise ReadError(
            f"{header.shown} is a UIH grid of {count} slices but places {len(positions)}.",
            hint="Export the series without removing private elements.",
        )
    side = math.ceil(math.sqrt(count))
    rows, columns = base.rows // side, base.columns // side
    return [_tile(base, k, side, rows, columns, position) for k, position in enumerate(positions)]


def _tile(base: Frame, index: int, side: int, rows: int, columns: int, position: FloatArray) -> Frame:
    corner = (index // side * rows, index % side * columns)
    return replace(base, tile=corner, rows=rows, columns=columns, position=position)


def _first_tile(base: Frame, rows: int, columns: int) -> FloatArray:
    assert base.position is not None
    assert base.plane is not None
    assert base.spacing is not None
    across = base.plane[0] * base.spacing[1] * (base.columns - columns) / 2
    down = base.plane[1] * base.spacing[0] * (base.rows - rows) / 2
    return np.asarray(base.position + across + down)


def _csa_numbers(csa: dict[str, tuple[str, ...]], name: str, count: int) -> list[float]:
    try:
        values = [float(v) for v in csa.get(name, ())[:count]]
    except ValueError:
        values = []
    return values if len(values) == count else [0.0] * count


def _uih_positions(header: Header) -> list[FloatArray]:
    with quiet_pydicom():
        element = header.sequences.get((0x0065, 0x1051), None)
        items = element.value if element is not None and element.VR == "SQ" else []
        found = []
        for item in items:
            values = item.get("ImagePositionPatient", None) or ()
            position = position_of(tuple(float(v) for v in values))
            if position is not None:
                found.append(position)
    return found
