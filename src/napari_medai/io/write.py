"""One door for every file: an image in, a file by its suffix out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from napari_medai.core.errors import WriteError
from napari_medai.core.files import written_beside
from napari_medai.core.image import MedicalImage
from napari_medai.core.progress import Progress, Step, silent

if TYPE_CHECKING:
    from napari_medai.io.dicom.reference import Reference

Writer = Callable[[MedicalImage, Path, Progress], None]


def write(
    image: MedicalImage,
    path: str | Path,
    *,
    reference: Reference | None = None,
    progress: Progress = silent,
) -> Path:
    """Write an image with its exact geometry; an existing file is replaced only when all went well.

    Parameters
    ----------
    image : MedicalImage
        Intensities or labels.
    path : path
        Its suffix chooses the format: ``.nii``, ``.nii.gz``, ``.nrrd``, ``.mha``, ``.tif``, ``.png``;
        ``.dcm`` for labels as a DICOM segmentation; no suffix for a new folder of DICOM slices.
    reference : path or sequence of paths, optional
        DICOM files of the source image, for the last two: the result belongs to its patient and study.
    progress : Progress
        Hears one report a slice where the format is written slice by slice, else two; may cancel, which
        leaves an existing file as it was.

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
    writer = _writer_of(target, reference)
    with written_beside(target) as partial:
        writer(image, partial, progress)
        progress(Step(1, 1, f"Writing {target.name}"))
    return target


def suffixes() -> list[str]:
    """Return the suffixes that can be written."""
    return list(_writers())


def _writer_of(path: Path, reference: Reference | None) -> Writer:
    lower = path.name.lower()
    for suffix, writer in _writers().items():
        if lower.endswith(suffix):
            return writer
    if lower.endswith(".dcm"):
        return _seg_writer(path, reference)
    if not path.suffix and not path.exists():
        from napari_medai.io.dicom.series_write import write_series

        return lambda image, partial, progress: write_series(image, partial, reference, progress)
    raise WriteError(
        f"Found {path.name!r}, whose suffix names no format that can be written.",
        hint=f"Use one of {', '.join(_writers())}, .dcm for labels, or a new folder for DICOM slices.",
    )


def _seg_writer(path: Path, reference: Reference | None) -> Writer:
    from napari_medai.io.dicom.seg_write import write_seg

    if reference is None:
        raise WriteError(
            f"{path.name} shall be a DICOM segmentation, which must refer to the series it was drawn on.",
            hint="Give the folder of that series as reference.",
        )
    return _at_once(lambda image, partial: write_seg(image, partial, reference))


def _at_once(writer: Callable[[MedicalImage, Path], None]) -> Writer:
    """Let a writer that reports nothing begin only after a report."""

    def write_at_once(image: MedicalImage, path: Path, progress: Progress) -> None:
        progress(Step(0, 1, "Writing"))
        writer(image, path)

    return write_at_once


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
        ".tif": _at_once(write_tiff),
        ".tiff": _at_once(write_tiff),
        ".png": _at_once(write_picture),
    }
