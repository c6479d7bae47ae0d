"""One door for every file: paths in, images out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from napari_medai.core.errors import ReadError
from napari_medai.core.image import MedicalImage
from napari_medai.core.progress import Progress, part, silent, track
from napari_medai.core.settings import settings
from napari_medai.io.dicom.geometry import Gaps
from napari_medai.io.files import Skipped, Source
from napari_medai.io.find import Paths, open_sources

Reader = Callable[[Source], list[MedicalImage]]


def read(
    path: Paths, *, progress: Progress = silent, gaps: Gaps = "resample", memory_limit_gb: float | None = None
) -> list[MedicalImage]:
    """Read every image at a path, with its true geometry.

    Parameters
    ----------
    path : path or sequence of paths
        A file, a folder (searched deep), or several files. What a file is, its bytes decide.
    progress : Progress
        Hears how far it is; may cancel.
    gaps : {"resample", "error"}
        DICOM series with missing or uneven slices: regularised with a notice, or refused.
    memory_limit_gb : float, optional
        A DICOM or unpacked NIfTI image larger than this is read slice by slice when it is looked at (a Dask
        array); 0 does so for every one. By default the setting ``memory_limit_mb``, or 4 GB. What lies
        in an archive is always read at once.

    Returns
    -------
    list of MedicalImage
        At least one. Arrays are as stored, with axes (t, c, z, y, x, s); affines are LPS in mm.
        What a person must know stands in ``meta["notices"]``.

    Raises
    ------
    ReadError
        If there is nothing to read, or a file is damaged or cannot be read without guessing. The message
        names the file, the finding and the remedy.

    Examples
    --------
    >>> from napari_medai.io.read import read
    >>> image = read("head.nii.gz")[0]  # doctest: +SKIP
    """
    with open_sources(path, part(progress, 0, 0.1)) as (sources, skipped):
        if not sources:
            raise _nothing_found(path, skipped)
        others = [s for s in sources if s.format != "dicom"]
        dicom = [s for s in sources if s.format == "dicom"]
        limit = 1e9 * (settings().read_at_once_gb if memory_limit_gb is None else memory_limit_gb)
        images, errors = _read_others(others, limit, part(progress, 0.1, 0.3), path)
        if dicom:
            at_once = limit if _stays(dicom) else float("inf")
            found, failed = _read_dicom(dicom, gaps, at_once, part(progress, 0.3, 1.0))
            images, errors = images + found, errors + failed
    if not images or (errors and len(sources) == 1):
        raise errors[0] if errors else _nothing_found(path, skipped)
    return _with_failures(images, errors)


def _stays(sources: Sequence[Source]) -> bool:
    """Tell whether files will still be there later: those of an unpacked archive will not."""
    return all(source.stays for source in sources)


def _read_others(
    sources: Sequence[Source], memory_limit: float, progress: Progress, path: Paths
) -> tuple[list[MedicalImage], list[ReadError]]:
    images: list[MedicalImage] = []
    errors: list[ReadError] = []
    for group in track(_with_pictures_together(sources, path), progress, "Reading files"):
        try:
            images += _read_group(group, memory_limit)
        except ReadError as error:
            errors.append(error)
    return images, errors


def _with_pictures_together(sources: Sequence[Source], path: Paths) -> list[list[Source]]:
    """Put the pictures of each folder of a folder into one group, everything else into its own."""
    groups: dict[object, list[Source]] = {}
    in_folder = isinstance(path, str | Path) and Path(path).is_dir()
    for source in sources:
        together = in_folder and source.format == "picture"
        groups.setdefault(source.path.parent if together else source.path, []).append(source)
    return list(groups.values())


def _read_group(group: list[Source], memory_limit: float) -> list[MedicalImage]:
    from napari_medai.io.nifti import read_nifti
    from napari_medai.io.picture import read_picture_stack

    if len(group) > 1:
        return read_picture_stack(group, group[0].path.parent.name)
    if group[0].format in ("nifti", "nifti_pair"):
        return read_nifti(group[0], memory_limit)
    return reader_of(group[0].format)(group[0])


def reader_of(format_name: str) -> Reader:
    """Return the function that reads a format."""
    from napari_medai.io.itk import read_itk
    from napari_medai.io.nifti import read_nifti
    from napari_medai.io.other import read_other
    from napari_medai.io.picture import read_picture
    from napari_medai.io.tiff import read_tiff

    readers: dict[str, Reader] = {
        "nifti": read_nifti,
        "nifti_pair": read_nifti,
        "nrrd": read_itk,
        "metaimage": read_itk,
        "gipl": read_itk,
        "tiff": read_tiff,
        "picture": read_picture,
        "analyze": read_other,
        "mgh": read_other,
        "minc": read_other,
        "parrec": read_other,
        "afni": read_other,
    }
    if format_name not in readers:
        raise ReadError(
            f"Found a file of format {format_name}, which is not read here.", hint="Convert it to NIfTI."
        )
    return readers[format_name]


def _read_dicom(
    sources: Sequence[Source], gaps: Gaps, memory_limit: float, progress: Progress
) -> tuple[list[MedicalImage], list[ReadError]]:
    from napari_medai.io.dicom.load import load_stacks, load_structures
    from napari_medai.io.dicom.scan import scan_sources

    found = scan_sources(sources, part(progress, 0, 0.3), gaps)
    errors = [ReadError(f"{s.shown}: {s.reason}", hint="Export it again.") for s in found.skipped]
    errors += [series.problem for series in found.series if series.problem]
    stacks = [stack for series in found.series for stack in series.stacks]
    images, failed = load_stacks(stacks, gaps, memory_limit, part(progress, 0.3, 1.0))
    labels, unplaced = load_structures(found.others, images)
    images, errors = images + labels, errors + failed + unplaced
    if not images and not errors:
        shown = found.others[0].shown if found.others else sources[0].shown
        errors = [
            ReadError(f"{shown} is a DICOM file without pixels.", hint="Choose the folder of the images.")
        ]
    return images, errors


def _nothing_found(path: Paths, skipped: Sequence[Skipped]) -> ReadError:
    name = Path(path).resolve().name if isinstance(path, str | Path) else "the list"
    if not skipped:
        return ReadError(
            f"Found no file in {name}: it is empty.", hint="Choose the folder that holds the images."
        )
    return ReadError(
        f"Found no image in {name}: none of {len(skipped)} files is of a known format "
        f"({skipped[0].shown}, ...).",
        hint="Choose the folder that holds the images.",
    )


def _with_failures(images: list[MedicalImage], errors: Sequence[ReadError]) -> list[MedicalImage]:
    """Say beside every image what else of the folder could not be read."""
    if not errors:
        return images
    notice = f"Not read: {errors[0].message}" + (f" (and {len(errors) - 1} more)" if len(errors) > 1 else "")
    return [image.with_meta(notices=[*image.meta.get("notices", []), notice]) for image in images]
