"""TIFF files with their resolution, OME and ImageJ tags."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from napari_medai.core.errors import ReadError, WriteError
from napari_medai.core.geometry import Geometry
from napari_medai.core.image import AXES, AnyArray, MedicalImage
from napari_medai.io import marker
from napari_medai.io.files import Source, require_plausible_size, stem
from napari_medai.io.picture import UNKNOWN
from napari_medai.io.tiff_pages import decoded

_MM = {
    "mm": 1.0, "millimeter": 1.0, "cm": 10.0, "centimeter": 10.0, "m": 1000.0, "nm": 1e-6, "nanometer": 1e-6,
    "um": 1e-3, "µm": 1e-3, "μm": 1e-3, "micron": 1e-3, "microns": 1e-3, "micrometer": 1e-3, "\\u00b5m": 1e-3,
    "inch": 25.4, "in": 25.4,
}  # fmt: skip
_SCREEN_DPI = (1, 72, 75, 96, 100, 150, 200, 300, 600)


def read_tiff(source: Source) -> list[MedicalImage]:
    """Read every series of a TIFF file.

    Parameters
    ----------
    source : Source
        A TIFF, BigTIFF, OME-TIFF or ImageJ hyperstack.

    Returns
    -------
    list of MedicalImage
        One image a series; of a pyramid the full resolution.

    Raises
    ------
    ReadError
        If the file is damaged.
    """
    import tifffile

    try:
        with tifffile.TiffFile(source.path) as tif:
            return [_image(tif, index, source) for index in range(len(tif.series))]
    except ReadError:
        raise
    except Exception as error:
        reason = str(error).replace(str(source.path), source.shown) or type(error).__name__
        raise ReadError(
            f"{source.shown} is a damaged TIFF file: {reason}.",
            hint="Copy the file again from where it came.",
        ) from error


def write_tiff(image: MedicalImage, path: Path) -> None:
    """Write an image as TIFF with resolution tags and a note that holds its whole geometry.

    Parameters
    ----------
    image : MedicalImage
        Any axes.
    path : Path
        Ending in ``.tif`` or ``.tiff``.
    """
    import tifffile

    array = np.asarray(image.array)
    if array.dtype == np.int64 or array.dtype == np.uint64:
        array = _narrowed(array)
    spacing = image.geometry.spacing
    known = image.geometry.unit == "mm"
    tifffile.imwrite(
        path,
        array,
        bigtiff=array.nbytes > 2**31,
        photometric="rgb" if image.is_rgb else "minisblack",
        compression="zlib",
        resolution=(10 / spacing[-1], 10 / spacing[-2]) if known else (1, 1),
        resolutionunit="CENTIMETER" if known else "NONE",
        metadata={
            "axes": image.axes.upper(),
            marker.KEY: marker.marker_text(image),
            "affine": [[float(v) for v in row] for row in image.geometry.affine],
            "spacing_mm": [float(s) for s in spacing] if known else None,
        },
    )


def _narrowed(array: AnyArray) -> AnyArray:
    from napari_medai.io.values import integer_type

    dtype = integer_type(int(array.min()), int(array.max()), np.int32)
    if dtype.itemsize > 4:
        raise WriteError("TIFF readers know no 64-bit integers.", hint="Write .nii.gz, or relabel the image.")
    return array.astype(dtype)


def _image(tif: Any, index: int, source: Source) -> MedicalImage:
    series = tif.series[index]
    size = int(np.prod([float(n) for n in series.shape])) * series.dtype.itemsize
    require_plausible_size(source.shown, size, source.path.stat().st_size, True)
    note, said = _note(tif)
    array, axes = _arrange(decoded(series, source), series.axes, note, source.shown)
    geometry, notices = _geometry(tif, index, array, axes, note, said, source.shown)
    fields = marker.marked_fields(note)
    name = stem(source.path) + (f" - {index + 1}" if len(tif.series) > 1 else "")
    fields.setdefault("name", name)
    meta = {
        "source": {"format": "tiff"},
        **({"notices": notices} if notices else {}),
        **marker.marked_meta(note),
    }
    return MedicalImage(array, axes, geometry, meta=meta, **fields)


def _note(tif: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return this package's note and the description that holds it, where there are any."""
    for entry in tif.shaped_metadata or ():
        if marker.KEY in entry:
            return marker.parse_marker(entry[marker.KEY]), entry
    return {}, {}


def _arrange(array: AnyArray, axes: str, note: dict[str, Any], shown: str) -> tuple[AnyArray, str]:
    """Bring a TIFF's axes (letters of its own) into this package's order."""
    if note.get("axes") and len(note["axes"]) == array.ndim:
        return array, note["axes"]
    letters = axes.lower().replace("i", "z").replace("q", "z")
    if letters.endswith("s") and array.shape[-1] not in (3, 4):
        letters = letters[:-1] + "c"
    kept = [k for k, letter in enumerate(letters) if array.shape[k] > 1 or letter in "yx"]
    array = array.reshape([array.shape[k] for k in kept])
    letters = "".join(letters[k] for k in kept)
    if len(set(letters)) < len(letters) or any(letter not in AXES for letter in letters):
        raise ReadError(
            f"{shown} has axes {axes!r} of sizes {array.shape}, which are not all known here.",
            hint="Save it with axes among T, C, Z, Y, X and S.",
        )
    if letters.startswith("s") and array.shape[0] in (3, 4):
        array, letters = np.moveaxis(array, 0, -1), letters[1:] + "s"
    order = sorted(range(len(letters)), key=lambda k: AXES.index(letters[k]))
    array = np.transpose(array, order)
    return (array.astype(np.uint8) if array.dtype == bool else array), "".join(letters[k] for k in order)


def _geometry(
    tif: Any, index: int, array: AnyArray, axes: str, note: dict[str, Any], said: dict[str, Any], shown: str
) -> tuple[Geometry, list[str]]:
    ndim = 3 if "z" in axes else 2
    place = axes.index("z" if ndim == 3 else "y")
    shape = array.shape[place : place + ndim]
    if note and "affine" in said:
        return Geometry(shape, said["affine"], note.get("unit", "mm")), []
    spacing = _stated_spacing(tif, index)
    missing = [letter for letter in "zyx"[-ndim:] if letter not in spacing]
    if missing:
        what = UNKNOWN.format(shown)
        if "y" in spacing:
            what = f"{shown} does not say how far its slices lie apart: lengths are in pixels."
        return Geometry.from_spacing(shape), [what]
    return Geometry.from_spacing(shape, [spacing[letter] for letter in "zyx"[-ndim:]]), []


def _stated_spacing(tif: Any, index: int) -> dict[str, float]:
    if tif.is_ome:
        return _ome_spacing(tif.ome_metadata, index)
    page = tif.series[index].keyframe
    if tif.is_imagej:
        return _imagej_spacing(tif.imagej_metadata or {}, page)
    unit = int(page.tags["ResolutionUnit"].value) if "ResolutionUnit" in page.tags else 2
    resolution = _resolution(page)
    if unit not in (2, 3) or resolution is None:
        return {}
    if unit == 2 and round(resolution[0]) in _SCREEN_DPI:
        return {}
    length = 25.4 if unit == 2 else 10.0
    return {"x": length / resolution[0], "y": length / resolution[1]}


def _resolution(page: Any) -> tuple[float, float] | None:
    values = []
    for name in ("XResolution", "YResolution"):
        if name not in page.tags:
            return None
        numerator, denominator = page.tags[name].value
        if not numerator or not denominator:
            return None
        values.append(numerator / denominator)
    return values[0], values[1]


def _imagej_spacing(metadata: dict[str, Any], page: Any) -> dict[str, float]:
    scale = _MM.get(str(metadata.get("unit", "")).lower())
    resolution = _resolution(page)
    if scale is None or resolution is None:
        return {}
    found = {"x": scale / resolution[0], "y": scale / resolution[1]}
    if float(metadata.get("spacing", 0) or 0) > 0:
        found["z"] = scale * float(metadata["spacing"])
    return found


def _ome_spacing(text: str, index: int) -> dict[str, float]:
    from xml.etree import ElementTree

    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError:
        return {}
    pixels = [element for element in root.iter() if element.tag.endswith("}Pixels")]
    found: dict[str, float] = {}
    if index < len(pixels):
        for letter in "XYZ":
            size = pixels[index].get(f"PhysicalSize{letter}")
            scale = _MM.get(pixels[index].get(f"PhysicalSize{letter}Unit", "µm").lower())
            if size and scale and float(size) > 0:
                found[letter.lower()] = float(size) * scale
    return found
