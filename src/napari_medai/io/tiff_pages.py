"""The pixels of a TIFF's pages, whatever they are compressed by."""

from __future__ import annotations

from typing import Any

import numpy as np

from napari_medai.core.errors import ReadError
from napari_medai.core.image import AnyArray
from napari_medai.io.files import Source


def decoded(series: Any, source: Source) -> AnyArray:
    """Return the pixels of a series.

    Parameters
    ----------
    series : tifffile.TiffPageSeries
        What to decode: by tifffile, or, where it would need the package imagecodecs (LZW, JPEG and
        others), by Pillow, page by page.
    source : Source
        The file.

    Returns
    -------
    numpy.ndarray
        In the shape and type of the series.

    Raises
    ------
    ReadError
        If neither can decode it.
    """
    try:
        return np.asarray(series.asarray())
    except ValueError as error:
        if "imagecodecs" not in str(error):
            raise
    try:
        pages = [_page(source, page.index) for page in series.pages]
    except (OSError, ValueError, AttributeError) as error:
        raise _unknown(series, source) from error
    shapes = {page.shape for page in pages}
    if len(shapes) != 1 or np.prod([len(pages), *pages[0].shape]) != np.prod(series.shape):
        raise _unknown(series, source)
    return np.stack(pages).reshape(series.shape).astype(series.dtype, copy=False)


def _page(source: Source, index: int) -> AnyArray:
    from PIL import Image

    with Image.open(source.path) as picture:
        picture.seek(index)
        return np.asarray(picture)


def _unknown(series: Any, source: Source) -> ReadError:
    compression = getattr(series.keyframe.compression, "name", series.keyframe.compression)
    return ReadError(
        f"{source.shown} is compressed by {compression}, which cannot be decoded here.",
        hint="pip install imagecodecs",
    )
