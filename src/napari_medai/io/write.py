"""One door for every file: an image in, a file by its suffix out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from napari_medai.core.errors import WriteError
from napari_medai.core.image import MedicalImage
from napari_medai.io.files import written_beside

Writer = Callable[[MedicalImage, Path], None]


def write(image: MedicalImage, path: str | Path) -> Path:
    """Write an image with its exact geometry; an existing file is replaced only when all went well.

    Parameters
    ----------
    image : MedicalImage
        Intensities or labels.
    path : path
        Its suffix chooses the format: ``.nii``, ``.nii.gz``, ``.nrrd``, ``.mha``, ``.tif`` or ``.png``.

    Returns
    -------
    Path
        Where it was written.

    Raises
    ------
    WriteError
        If the suffix is unknown, the format cannot hold the image, or the disk refuses.

    Examples
    --------
    >>> from napari_medai.io.write import write
    >>> write(image, "labels.nii.gz")  # doctest: +SKIP
    """
    target = Path(path)
    writer = _writer_of(target)
    with written_beside(target) as partial:
        writer(image, partial)
    return target


def suffixes() -> list[str]:
    """Return the suffixes that can be written."""
    return list(_writers())


def _writer_of(path: Path) -> Writer:
    lower = path.name.lower()
    for suffix, writer in _writers().items():
        if lower.endswith(suffix):
            return writer
    raise WriteError(
        f"Found {path.name!r}, whose suffix names no format that can be written.",
        hint=f"Use one of {', '.join(_writers())}.",
    )


def _writers() -> dict[str, Writer]:
    from napari_medai.io.itk import write_itk
    from napari_medai.io.nifti_write import write_nifti
    from napari_medai.io.picture import write_picture
    from napari_medai.io.tiff import write_tiff

    return {
        ".nii.gz": write_nifti,
        ".nii": write_nifti,
        ".nrrd": write_itk,
        ".mha": write_itk,
        ".tif": write_tiff,
        ".tiff": write_tiff,
        ".png": write_picture,
    }
