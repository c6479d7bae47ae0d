"""A folder of images with their landmarks: in one table for all, or in a file beside each image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from napari_medai.core.errors import ReadError
from napari_medai.core.geometry import FloatArray, Geometry
from napari_medai.core.image import MedicalImage
from napari_medai.core.landmarks import Landmarks
from napari_medai.core.progress import Progress, silent, track
from napari_medai.io.point_rows import BESIDE, IMAGES, Place, is_table, plain_stem, read_point_rows
from napari_medai.io.points import Frame, read_points


@dataclass(frozen=True, eq=False)
class MarkedImage:
    """An image and what each reader has marked on it.

    Parameters
    ----------
    name : str
        As the table or the file calls it.
    image : MedicalImage
        2-D or 3-D.
    readers : tuple of Landmarks
        One set a reader, in the image's world.
    """

    name: str
    image: MedicalImage
    readers: tuple[Landmarks, ...]


def read_marked_images(
    folder: str | Path,
    table: str | Path | None = None,
    *,
    spacing_mm: float | None = None,
    frame: Frame = "LPS",
    progress: Progress = silent,
) -> list[MarkedImage]:
    """Read every image of a folder that has landmarks.

    Parameters
    ----------
    folder : path
        Images, searched deep.
    table : path, optional
        A CSV with a column ``image`` (or ``file``, ``case`` ...) and either one row a point (``name, x, y``
        and in 3-D ``z``) or one row an image (``sella_x, sella_y, ...``); maybe ``reader`` and
        ``spacing_mm``. An empty x means that the point is not there. Without it the only such table in the
        folder is taken, or else the file of points beside each image (``.csv``, ``.json``, ``.fcsv``,
        ``.mrk.json``, ISBI ``.txt``; files of one name in several folders are several readers).
    spacing_mm : float, optional
        Pixel size of images that do not say it.
    frame : {"LPS", "RAS"}
        Of x, y, z on 3-D images where columns do not say. On 2-D images plain x and y are pixels: the
        column and the row from the first pixel's centre.
    progress : Progress
        Hears each image.

    Raises
    ------
    ReadError
        If there are no images or points, an image of the table is missing, or a point stands twice.
    """
    root = Path(folder)
    if not root.is_dir():
        raise ReadError(f"There is no folder {root}.", hint="Give a folder of images.")
    images = _images(root)
    chosen = Path(table) if table is not None else _table(root)
    marks = read_point_rows(chosen, images) if chosen is not None else _beside(root, images, frame)
    if not marks:
        raise ReadError(
            f"Found {len(images)} images in {root}, and no landmarks.",
            hint="Add a CSV with the columns image, name, x, y (and z), or a file of points for each image.",
        )
    return [
        _marked(path, readers, spacing_mm, frame)
        for path, readers in track(list(marks.items()), progress, "Reading")
    ]


def _images(root: Path) -> list[Path]:
    found = [
        p
        for p in sorted(root.rglob("*"))
        if p.is_file() and p.name.lower().endswith(IMAGES) and p.name[0] != "."
    ]
    if not found:
        raise ReadError(f"Found no images in {root}.", hint=f"Looked for {', '.join(IMAGES)}.")
    return found


def _table(root: Path) -> Path | None:
    """The one table of the folder that has a column for images."""
    tables = [path for path in sorted(root.glob("*.csv")) if is_table(path)]
    if len(tables) > 1:
        raise ReadError(
            f"Found {len(tables)} tables of points in {root}: {', '.join(t.name for t in tables)}.",
            hint="Say which one with --points.",
        )
    return tables[0] if tables else None


def _beside(root: Path, images: Sequence[Path], frame: Frame) -> dict[Path, list[Any]]:
    """From each image to the files of points of its name."""
    files: dict[str, list[Path]] = {}
    for path in sorted(root.rglob("*")):
        if path.is_file() and path.name.lower().endswith(BESIDE):
            files.setdefault(plain_stem(path).lower(), []).append(path)
    marks: dict[Path, list[Any]] = {}
    for image in images:
        stem = plain_stem(image).lower()
        own = files.get(stem) or files.get(f"{stem}_landmarks") or files.get(f"{stem}-landmarks")
        if own:
            marks[image] = [read_points(path, frame=frame) for path in own]
    return marks


def _marked(path: Path, readers: Sequence[Any], spacing_mm: float | None, frame: Frame) -> MarkedImage:
    from napari_medai.io.read import read

    images = read(path)
    if len(images) != 1:
        raise ReadError(f"{path.name} holds {len(images)} images; needed one.")
    size = next((r["size"] for r in readers if isinstance(r, dict) and r["size"]), None) or spacing_mm
    image = sized(flat(images[0]), size)
    sets = [
        _landmarks(r["points"], image, frame, path.name)
        if isinstance(r, dict)
        else _in_world(r, image, path.name)
        for r in readers
    ]
    return MarkedImage(plain_stem(path), image, tuple(sets))


def flat(image: MedicalImage) -> MedicalImage:
    """Return a volume of one slice as the picture it is."""
    if image.axes.startswith("z") and image.spatial_shape[0] == 1:
        geometry = Geometry.from_spacing(
            image.spatial_shape[1:], image.geometry.spacing[1:].tolist(), unit=image.geometry.unit
        )
        return image.replace(array=np.asarray(image.array)[0], axes=image.axes[1:], geometry=geometry)
    return image


def sized(image: MedicalImage, spacing_mm: float | None) -> MedicalImage:
    """Give an image without a spacing one."""
    if spacing_mm is None or image.geometry.unit == "mm":
        return image
    spacing = [spacing_mm] * image.spatial_ndim
    return image.replace(geometry=Geometry.from_spacing(image.spatial_shape, spacing, unit="mm"))


def _landmarks(
    points: Mapping[str, Place | None], image: MedicalImage, frame: Frame, where: str
) -> Landmarks:
    ndim = image.spatial_ndim
    positions, absent = np.zeros((len(points), ndim)), np.zeros(len(points), dtype=bool)
    for k, (name, place) in enumerate(points.items()):
        if place is None:
            absent[k] = True
            continue
        if len(place[1]) != ndim:
            raise ReadError(
                f"{where}: the point {name!r} has {len(place[1])} coordinates; the image is {ndim}-D."
            )
        positions[k] = _world(*place, image, frame, where)
    return Landmarks(tuple(points), positions, unit=image.geometry.unit, absent=absent)


def _world(kind: str, at: FloatArray, image: MedicalImage, frame: Frame, where: str) -> FloatArray:
    """Bring a place of a table to the image's world."""
    pixels = kind in ("_pixel", "_px") or (kind == "" and image.spatial_ndim == 2)
    if pixels:
        return image.geometry.index_to_world(at[::-1])
    if image.geometry.unit != "mm":
        raise ReadError(
            f"{where}: the points are in mm, and the image does not say how large its pixels are.",
            hint="Give the pixel size with --spacing-mm.",
        )
    if kind == "_mm" and image.spatial_ndim == 2:
        return image.geometry.index_to_world((at / image.geometry.spacing[::-1])[::-1])
    if kind == "_ras_mm" or (kind in ("", "_mm") and frame == "RAS"):
        return np.asarray(at * np.array([-1, -1, 1])[: len(at)])
    return at


def _in_world(points: Landmarks, image: MedicalImage, where: str) -> Landmarks:
    """Bring a file of points to the unit of its image."""
    if points.unit == image.geometry.unit:
        return points
    if points.unit == "pixel":
        return points.replace(
            positions=image.geometry.index_to_world(points.positions[:, ::-1]), covariance=None, unit="mm"
        )
    if points.positions.shape[1] == 2:
        raise ReadError(
            f"{where}: the points are in mm, and the image does not say how large its pixels are.",
            hint="Give the pixel size with --spacing-mm, or say 'unit: pixel' in the points' first line.",
        )
    raise ReadError(
        f"{where}: found points in mm for an image in pixels.", hint="Set the image's spacing first."
    )
