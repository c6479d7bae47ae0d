"""ANALYZE, MGH, MINC, PAR/REC and AFNI files through nibabel."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from napari_medai.core.errors import ReadError
from napari_medai.core.geometry import Geometry
from napari_medai.core.image import AnyArray, MedicalImage
from napari_medai.io import affines
from napari_medai.io.files import Source, require_plausible_size, stem
from napari_medai.io.sniff import is_gzipped

_LARGEST_MM = 1e7
_NAMES = {"analyze": "ANALYZE", "mgh": "MGH", "minc": "MINC", "parrec": "PAR/REC", "afni": "AFNI"}


def read_other(source: Source) -> list[MedicalImage]:
    """Read a file of a neuroimaging format.

    Parameters
    ----------
    source : Source
        The header, where the voxels lie apart.

    Returns
    -------
    list of MedicalImage
        One image with its axes reversed to (t), z, y, x.

    Raises
    ------
    ReadError
        If nibabel refuses the file, or its header promises more than there is.
    """
    try:
        with warnings.catch_warnings():
            # nibabel warns of odd but harmless header entries; what matters is checked below.
            warnings.simplefilter("ignore")
            opened = _open(source)
            _check_size(opened, source)
            values = _values(opened)
    except ReadError:
        raise
    except Exception as error:
        raise _damaged(source, error) from error
    array, axes = _arrange(values, source)
    place = axes.index("z")
    affine = affines.from_ras(opened.affine)
    if not np.all(np.isfinite(affine)) or np.abs(affine).max() > _LARGEST_MM:
        raise ReadError(f"{source.shown} states an impossible place in space.", hint="Export it again.")
    if source.format == "minc":
        affine = affines.from_ijk(affine)
    geometry = Geometry(array.shape[place : place + 3], affine)
    return [MedicalImage(array, axes, geometry, name=stem(source.path), meta=_meta(source, opened, axes))]


def _open(source: Source) -> Any:
    import nibabel as nib
    from nibabel import parrec

    if source.format == "parrec":
        return parrec.load(source.path, scaling="fp", strict_sort=True, permit_truncated=False)
    if source.format == "analyze":
        return nib.Spm99AnalyzeImage.from_filename(source.path)
    if source.format == "minc":
        with source.path.open("rb") as stream:
            second = stream.read(4) == b"\x89HDF"
        return (nib.Minc2Image if second else nib.Minc1Image).from_filename(source.path)
    if source.format == "mgh":
        return nib.MGHImage.from_filename(source.path)
    return nib.load(source.path)


def _values(opened: Any) -> AnyArray:
    """Read the voxels; the file that nibabel leaves open for PAR/REC is closed."""
    try:
        return np.asanyarray(opened.dataobj)
    finally:
        stream = getattr(opened.dataobj, "file_like", None)
        if stream is not None and hasattr(stream, "close"):
            stream.close()


def _check_size(opened: Any, source: Source) -> None:
    """Compare what the header promises with all files the image consists of."""
    wanted = int(np.prod([float(n) for n in opened.shape])) * np.dtype(opened.get_data_dtype()).itemsize
    paths = {source.path}
    for entry in opened.file_map.values():
        if entry.filename:
            paths.add(source.path.with_name(str(entry.filename).replace("\\", "/").rpartition("/")[2]))
    there = [path for path in paths if path.is_file()]
    packed = source.format == "minc" or any(is_gzipped(path) for path in there)
    require_plausible_size(source.shown, wanted, sum(path.stat().st_size for path in there), packed)


def _arrange(values: AnyArray, source: Source) -> tuple[AnyArray, str]:
    """Bring axes into the order (t), z, y, x; MINC holds them so, the others reversed."""
    if source.format == "minc":
        values = values.T
    while values.ndim > 3 and values.shape[-1] == 1:
        values = values[..., 0]
    values = values.reshape(values.shape + (1,) * (3 - values.ndim))
    if values.ndim > 4:
        raise ReadError(
            f"{source.shown} has {values.ndim} dimensions {values.shape}; needed at most four.",
            hint="Split it.",
        )
    array = values.T
    if array.dtype == np.float64 and np.abs(array).max(initial=0) < np.finfo(np.float32).max:
        array = array.astype(np.float32)
    array = array.astype(array.dtype.newbyteorder("="), copy=False)
    return array, "tzyx"[-array.ndim :]


def _meta(source: Source, opened: Any, axes: str) -> dict[str, Any]:
    meta: dict[str, Any] = {"source": {"format": source.format}}
    if source.format == "analyze":
        meta["notices"] = [
            f"{source.shown}: ANALYZE files do not say which side is left; the first column was taken to be "
            "the patient's right or left as its program's convention has it. Check it against the scan."
        ]
    zooms = [float(z) for z in opened.header.get_zooms()] if hasattr(opened.header, "get_zooms") else []
    if axes.startswith("t") and len(zooms) > 3 and zooms[3] > 0:
        step = zooms[3]
        meta["time_step_s"] = step / 1000 if source.format == "mgh" else step
    return meta


def _damaged(source: Source, error: Exception) -> ReadError:
    reason = str(error).replace(str(source.path), source.shown).split("\n")[0] or type(error).__name__
    reason = reason.replace(str(source.path.parent), "").strip()
    return ReadError(
        f"{source.shown} is not a readable {_NAMES[source.format]} file: {reason}.",
        hint="Copy the file again, with the voxel file beside it where there is one.",
    )
