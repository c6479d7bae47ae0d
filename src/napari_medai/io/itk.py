"""NRRD, MetaImage and GIPL files through SimpleITK."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np

from napari_medai.core.errors import ReadError, WriteError
from napari_medai.core.geometry import Geometry
from napari_medai.core.image import AnyArray, MedicalImage
from napari_medai.core.progress import Progress, Step, silent
from napari_medai.io import affines, marker
from napari_medai.io.files import Source, require_plausible_size, stem
from napari_medai.io.itk_headers import header_text, refuse_shear_lost, refuse_strange_voxel_file

_SHEAR_DEG = 0.001
_SPACING_SAID = {
    "nrrd": rb"(?m)^(spacings|space directions):",
    "metaimage": rb"(?m)^(ElementSpacing|ElementSize)\s*=",
    "gipl": rb"",
}
_FORMAT_NAMES = {"nrrd": "NRRD", "metaimage": "MetaImage", "gipl": "GIPL"}


def read_itk(source: Source) -> list[MedicalImage]:
    """Read an NRRD, MetaImage or GIPL file.

    Parameters
    ----------
    source : Source
        The file, or the header where the voxels lie apart.

    Returns
    -------
    list of MedicalImage
        One image; vectors become channels, 8-bit vectors of 3 or 4 become colours.

    Raises
    ------
    ReadError
        If SimpleITK refuses the file, or its header promises more than it holds.
    """
    import SimpleITK as sitk

    reader = open_reader(source)
    try:
        picture = reader.Execute()
    except RuntimeError as error:
        raise _damaged(source, error) from error
    return [_image(sitk.GetArrayFromImage(picture), reader, source)]


def preview_itk(source: Source) -> MedicalImage:
    """Return the image a file holds, all zeros: its header alone is read."""
    reader = open_reader(source)
    shape = tuple(reversed(reader.GetSize()))
    components = reader.GetNumberOfComponents()
    shape = (*shape, components) if components > 1 else shape
    return _image(np.broadcast_to(np.zeros((), _type_name(reader.GetPixelID())), shape), reader, source)


def _image(array: AnyArray, reader: Any, source: Source) -> MedicalImage:
    note = _note(reader)
    array, axes = _arrange(array, reader, note)
    fields = _kind_fields(reader, note, array)
    geometry = _geometry(reader, array, axes, note, source)
    fields.setdefault("name", stem(source.path))
    return MedicalImage(array, axes, geometry, meta=_meta(source, reader, note), **fields)


def open_reader(source: Source) -> Any:
    """Return SimpleITK's reader with the header read and found plausible."""
    import SimpleITK as sitk

    refuse_strange_voxel_file(source)
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(source.path))
    try:
        reader.ReadImageInformation()
    except RuntimeError as error:
        raise _damaged(source, error) from error
    wanted = int(np.prod([float(n) for n in reader.GetSize()])) * reader.GetNumberOfComponents()
    wanted *= _item_size(reader.GetPixelID())
    require_plausible_size(source.shown, wanted, _available(source.path), _is_packed(source))
    refuse_shear_lost(source)
    return reader


def write_itk(image: MedicalImage, path: Path, progress: Progress = silent) -> None:
    """Write an image as NRRD or MetaImage, compressed.

    Parameters
    ----------
    image : MedicalImage
        On a grid with right angles.
    path : Path
        Ending in ``.nrrd``, ``.nhdr``, ``.mha`` or ``.mhd``.
    progress : Progress
        Hears a report before the pixels are packed; ITK packs them in one go.

    Raises
    ------
    WriteError
        If the grid is sheared, which ITK cannot hold.
    """
    import SimpleITK as sitk

    if image.geometry.shear_deg > _SHEAR_DEG:
        raise WriteError(
            f"The grid of {image.name or 'this image'} is sheared by {image.geometry.shear_deg:.2f} degrees, "
            f"which {path.suffix} files cannot hold.",
            hint="Write .nii.gz, which can, or resample to a grid with right angles first.",
        )
    array = np.asarray(image.array)
    array = array.astype(np.float32) if array.dtype == np.float16 else array
    vector = image.is_rgb or "c" in image.axes
    if "c" in image.axes:
        array = np.moveaxis(array, image.axes.index("c"), -1)
    picture = sitk.GetImageFromArray(
        array.astype(np.uint8) if array.dtype == bool else array, isVector=vector
    )
    direction, spacing, origin = affines.to_itk(image.geometry.affine)
    extra = picture.GetDimension() - image.spatial_ndim
    picture.SetSpacing([*spacing, *[float(image.meta.get("time_step_s", 1.0))] * extra])
    picture.SetOrigin([*origin, *[0.0] * extra])
    picture.SetDirection(_padded(direction, image.spatial_ndim, extra))
    picture.SetMetaData(marker.KEY, marker.marker_text(image))
    progress(Step(0, 1, "Writing"))
    try:
        sitk.WriteImage(picture, str(path), useCompression=True)
    except RuntimeError as error:
        raise WriteError(
            f"{path.suffix} cannot hold this image: {_reason(error)}.", hint="Write .nii.gz instead."
        ) from error


def _padded(direction: list[float], ndim: int, extra: int) -> list[float]:
    matrix = np.eye(ndim + extra)
    matrix[:ndim, :ndim] = np.reshape(direction, (ndim, ndim))
    return [float(v) for v in matrix.ravel()]


def _arrange(array: AnyArray, reader: Any, note: dict[str, Any]) -> tuple[AnyArray, str]:
    if not 2 <= reader.GetDimension() <= 4:
        raise ReadError(
            f"Found an image of {reader.GetDimension()} dimensions; needed 2 to 4.", hint="Split it."
        )
    said = note.get("axes", "")
    grid = "".join(letter for letter in said if letter in "tzyx")
    stated = grid.endswith("yx") and len(grid) == reader.GetDimension() == len(set(grid))
    axes = grid if stated else "tzyx"[-reader.GetDimension() :]
    vector = reader.GetNumberOfComponents() > 1
    if array.dtype.kind == "c":
        array, vector = np.stack([array.real, array.imag], axis=-1), True
    if not vector:
        return array, axes
    colour = said.endswith("s") if said else array.dtype == np.uint8 and array.shape[-1] in (3, 4)
    if colour:
        return array, axes + "s"
    place = axes.index("z" if "z" in axes else "y")
    return np.moveaxis(array, -1, place), axes[:place] + "c" + axes[place:]


def _geometry(reader: Any, array: AnyArray, axes: str, note: dict[str, Any], source: Source) -> Geometry:
    ndim, full = 3 if "z" in axes else 2, reader.GetDimension()
    place = axes.index("z" if "z" in axes else "y")
    direction = np.reshape(reader.GetDirection(), (full, full))[:ndim, :ndim]
    affine = affines.from_itk(direction, reader.GetSpacing()[:ndim], reader.GetOrigin()[:ndim])
    known = note["unit"] == "mm" if "unit" in note else _states_spacing(source)
    return Geometry(array.shape[place : place + ndim], affine, "mm" if known else "pixel")


def _kind_fields(reader: Any, note: dict[str, Any], array: AnyArray) -> dict[str, Any]:
    fields = marker.marked_fields(note)
    if "Segment0_ID" in reader.GetMetaDataKeys() and array.dtype.kind in "iu" and "kind" not in fields:
        fields["kind"] = "labels"
    return fields


def _meta(source: Source, reader: Any, note: dict[str, Any]) -> dict[str, Any]:
    meta: dict[str, Any] = {"source": {"format": source.format}}
    if not note and not _states_spacing(source):
        meta["notices"] = [f"{source.shown} does not say how large a voxel is: lengths are in pixels."]
    names = _segment_names(reader)
    if names:
        meta["labels"] = names
    return {**meta, **marker.marked_meta(note)}


def _segment_names(reader: Any) -> dict[str, str]:
    """Return the label names that 3D Slicer writes into a segmentation's header."""
    names = {}
    for key in reader.GetMetaDataKeys():
        found = re.fullmatch(r"Segment(\d+)_LabelValue", key)
        if found and f"Segment{found[1]}_Name" in reader.GetMetaDataKeys():
            names[reader.GetMetaData(key)] = reader.GetMetaData(f"Segment{found[1]}_Name")
    return names


def _note(reader: Any) -> dict[str, Any]:
    return (
        marker.parse_marker(reader.GetMetaData(marker.KEY)) if marker.KEY in reader.GetMetaDataKeys() else {}
    )


def _states_spacing(source: Source) -> bool:
    return re.search(_SPACING_SAID[source.format], header_text(source.path)) is not None


def _is_packed(source: Source) -> bool:
    text = header_text(source.path).lower()
    return b"encoding: g" in text or b"encoding: b" in text or b"compresseddata = true" in text


def _available(path: Path) -> int:
    """Return the bytes that can hold voxels: the file and those beside it that its header may name."""
    if path.suffix.lower() not in (".mhd", ".nhdr"):
        return path.stat().st_size
    return sum(p.stat().st_size for p in path.parent.iterdir() if p.is_file())


def _type_name(pixel_id: int) -> str:
    import SimpleITK as sitk

    words = re.search(
        r"(\d+)-bit (unsigned |signed )?(integer|float)", sitk.GetPixelIDValueAsString(pixel_id)
    )
    if not words:
        return "complex64"
    kind = "float" if words[3] == "float" else "uint" if words[2] == "unsigned " else "int"
    return f"{kind}{words[1]}"


def _item_size(pixel_id: int) -> int:
    import SimpleITK as sitk

    name = sitk.GetPixelIDValueAsString(pixel_id)
    bits = re.search(r"(\d+)-bit", name)
    size = int(bits[1]) // 8 if bits else 1
    return size * 2 if "complex" in name else size


def _damaged(source: Source, error: RuntimeError) -> ReadError:
    name = _FORMAT_NAMES[source.format]
    return ReadError(
        f"{source.shown} is not a readable {name} file: {_reason(error)}.",
        hint="Copy the file again, with the voxel file beside it where there is one.",
    )


def _reason(error: RuntimeError) -> str:
    """Return what ITK found, without the places in its source or on this disk."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    text = re.sub(r"^.*?(ITK ERROR|sitk::ERROR):\s*", "", lines[-1]) if lines else "unknown"
    text = re.sub(r"\w+\(0x[0-9a-f]+\):\s*", "", text)
    return re.sub(r"(/|[A-Za-z]:\\)[^\s'\"]*[/\\]", "", text).rstrip(".")
