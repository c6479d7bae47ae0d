"""A file taken apart into its planes, in the way its kind asks for."""

from __future__ import annotations

from napari_medai.core.errors import ReadError
from napari_medai.io.dicom import enhanced, mosaic, multiframe, slides
from napari_medai.io.dicom.frames import Frame, plain_frame
from napari_medai.io.dicom.header import Header
from napari_medai.io.dicom.parse import EXPLICIT, IMPLICIT
from napari_medai.io.files import readable_size


def frames_of(header: Header, notices: list[str]) -> list[Frame]:
    """Return the planes of a file.

    Parameters
    ----------
    header : Header
        A file that holds pixels.
    notices : list of str
        Receives what a person must know.

    Raises
    ------
    ReadError
        If the file cannot be understood without guessing.
    """
    if header.integer("Rows") < 1 or header.integer("Columns") < 1:
        raise ReadError(
            f"{header.shown} holds pixels but does not say how many rows and columns.",
            hint="Export it again.",
        )
    _check_frame_count(header)
    base = plain_frame(header)
    if slides.is_slide(header):
        return slides.split(base)
    if enhanced.is_enhanced(header):
        return enhanced.split(base)
    if mosaic.is_siemens_mosaic(header):
        return mosaic.split_siemens(base, notices)
    if mosaic.is_uih_grid(header):
        return mosaic.split_uih(base)
    if multiframe.is_multiframe(header):
        return multiframe.split(base)
    return [base]


def _check_frame_count(header: Header) -> None:
    """Refuse a file that promises more frames than it can hold, before they are listed."""
    count = header.integer("NumberOfFrames", 1)
    if count <= 1:
        return
    held = header.path.stat().st_size
    bits = header.integer("Rows") * header.integer("Columns") * header.integer("SamplesPerPixel", 1)
    bits *= header.integer("BitsAllocated", 16)
    if header.elements.pixel_length < 0 or header.syntax not in (IMPLICIT, EXPLICIT):
        bits = 8
    if "422" not in header.text("PhotometricInterpretation") and count * bits // 8 > held:
        raise ReadError(
            f"{header.shown} promises {count} frames, more than its {readable_size(held)} can hold.",
            hint="The header is damaged or the file cut short: export it again.",
        )
