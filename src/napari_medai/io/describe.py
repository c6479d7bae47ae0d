"""What lies at a path, told without reading voxels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from napari_medai.core.errors import ReadError
from napari_medai.core.geometry import Geometry, Unit
from napari_medai.core.image import MedicalImage
from napari_medai.core.progress import Progress, silent, track
from napari_medai.io.files import Skipped, Source, stem
from napari_medai.io.find import Paths, open_sources


@dataclass(frozen=True)
class Description:
    """One image, or the reason why there is none.

    Parameters
    ----------
    name : str
        What a person calls it; never the patient's name.
    format : str
        ``"dicom"``, ``"nifti"``, ``"nrrd"``, ...
    axes : str
        Letters as of :class:`~napari_medai.core.image.MedicalImage`.
    shape : tuple of int
        Sizes along those axes.
    spacing : tuple of float
        Voxel size along the spatial axes, in ``unit``.
    unit : {"mm", "pixel"}
        ``"pixel"`` where the file does not say.
    orientation : str
        Letters of L R A P S I, one a spatial axis: where each leads.
    modality : str
        ``"CT"``, ``"MR"``, ... or nothing.
    dtype : str
        Type of the values (DICOM: one that holds all that the stored bits allow).
    file : str
        The file or folder, relative to what was asked for.
    notices : tuple of str
        What a person must know.
    problem : str
        Why the image cannot be read, or nothing.
    """

    name: str
    format: str
    axes: str = ""
    shape: tuple[int, ...] = ()
    spacing: tuple[float, ...] = ()
    unit: Unit = "mm"
    orientation: str = ""
    modality: str = ""
    dtype: str = ""
    file: str = ""
    notices: tuple[str, ...] = ()
    problem: str = ""


def describe(path: Paths, progress: Progress = silent) -> list[Description]:
    """Tell what images lie at a path, of any format that can be read.

    Parameters
    ----------
    path : path or sequence of paths
        A file, a folder (searched deep), or several.
    progress : Progress
        Hears one report a file; may cancel.

    Returns
    -------
    list of Description
        One an image; files that should hold one but cannot be read have a ``problem``.

    Raises
    ------
    ReadError
        If the path does not exist, or is a single file of no known format.
    """
    with open_sources(path) as (sources, skipped):
        others = [s for s in sources if s.format != "dicom"]
        rows = [row for source in track(others, progress, "Looking at files") for row in _rows(source)]
        dicom = [s for s in sources if s.format == "dicom"]
        return rows + (_dicom_rows(dicom, skipped, progress) if dicom else [])


def describe_image(image: MedicalImage) -> Description:
    """Describe an image that is already in memory."""
    source = image.meta.get("source", {})
    return Description(
        name=image.name,
        format=str(source.get("format", "")),
        axes=image.axes,
        shape=tuple(image.array.shape),
        dtype=str(image.array.dtype),
        modality=str(image.meta.get("modality", "")),
        notices=tuple(image.meta.get("notices", ())),
        **_grid(image.geometry),
    )


def _grid(geometry: Geometry) -> dict[str, Any]:
    return {
        "spacing": tuple(float(s) for s in geometry.spacing),
        "unit": geometry.unit,
        "orientation": geometry.orientation,
    }


def _rows(source: Source) -> list[Description]:
    from napari_medai.io.read import reader_of

    try:
        preview = _preview_of(source.format)
        images = [preview(source)] if preview else reader_of(source.format)(source)
    except ReadError as error:
        return [Description(stem(source.path), source.format, file=source.shown, problem=str(error))]
    return [replace(describe_image(image), file=source.shown) for image in images]


def _preview_of(format_name: str) -> Callable[[Source], MedicalImage] | None:
    """Return the function that reads only a header, for the formats that have one."""
    from napari_medai.io.itk import preview_itk
    from napari_medai.io.nifti import preview_nifti

    previews: dict[str, Callable[[Source], MedicalImage]] = {
        "nifti": preview_nifti,
        "nifti_pair": preview_nifti,
        "nrrd": preview_itk,
        "metaimage": preview_itk,
        "gipl": preview_itk,
    }
    return previews.get(format_name)


def _dicom_rows(
    sources: Sequence[Source], skipped: Sequence[Skipped], progress: Progress
) -> list[Description]:
    from napari_medai.io.dicom.scan import scan_sources

    found = scan_sources(sources, progress, skipped=skipped)
    rows = []
    for series in found.series:
        if series.problem:
            rows.append(
                Description(
                    series.name, "dicom", modality=series.modality, file=_place(series.headers[0].shown),
                    problem=str(series.problem),
                )
            )  # fmt: skip
        rows += [_stack_row(stack) for stack in series.stacks]
    rows += [
        Description(Path(s.shown).name, "dicom", file=s.shown, problem=s.reason)
        for s in found.skipped
        if s.reason != "not an image"
    ]
    return rows


def _stack_row(stack: Any) -> Description:
    from napari_medai.io.dicom.lazy import value_type

    try:
        geometry, notices = _stack_grid(stack)
        dtype = value_type(stack)
    except ReadError as error:
        return Description(stack.name, "dicom", file=_place(stack.header.shown), problem=str(error))
    count = len(stack.volumes)
    return Description(
        name=stack.name,
        format="dicom",
        axes=("t" if count > 1 else "") + "zyx"[-geometry.ndim :] + ("s" if stack.is_colour else ""),
        shape=((count,) if count > 1 else ()) + geometry.shape + ((3,) if stack.is_colour else ()),
        dtype=str(dtype),
        modality=stack.header.text("Modality"),
        file=_place(stack.header.shown),
        notices=(*stack.notices, *notices),
        **_grid(geometry),
    )


def _stack_grid(stack: Any) -> tuple[Geometry, Sequence[str]]:
    from napari_medai.io.dicom import seg, slides
    from napari_medai.io.dicom.facts import flat_geometry

    if stack.special == "segmentation":
        return seg.grid_of(stack)
    if stack.special == "slide":
        return slides.flat_grid(stack)
    if not stack.is_placed:
        return flat_geometry(stack)
    placement = stack.placement()
    return placement.geometry, placement.notices


def _place(shown: str) -> str:
    """Return the folder of a file among many, or the file itself where it lies at the top."""
    return shown.rpartition("/")[0] or shown
