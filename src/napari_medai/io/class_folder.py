"""A folder with one subfolder a class: which image belongs to which class."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from napari_medai.core.errors import ReadError
from napari_medai.core.image import MedicalImage
from napari_medai.io.point_folder import flat
from napari_medai.io.point_rows import IMAGES, plain_stem


@dataclass(frozen=True)
class ClassedFile:
    """An image on disk and its class.

    Parameters
    ----------
    path : Path
        A file, or the folder of a DICOM series.
    of : str
        The class: the name of the subfolder.
    """

    path: Path
    of: str

    @property
    def name(self) -> str:
        """The file's name without its suffix."""
        return plain_stem(self.path)


def find_classed(folder: str | Path) -> list[ClassedFile]:
    """Find the images of a folder whose subfolders are classes, as MedNIST's.

    Parameters
    ----------
    folder : path
        Each subfolder is a class. In it every image file is an image, and every folder a DICOM series.
        Hidden files and files that are no images are passed over.

    Returns
    -------
    list of ClassedFile
        Sorted by class, then by name.

    Raises
    ------
    ReadError
        If there is no such folder, or fewer than two classes hold an image.
    """
    root = Path(folder)
    if not root.is_dir():
        raise ReadError(f"There is no folder {root}.", hint="Give a folder with one subfolder a class.")
    found = [
        ClassedFile(path, part.name)
        for part in sorted(root.iterdir())
        if part.is_dir() and part.name[0] != "."
        for path in sorted(part.iterdir())
        if _is_image(path)
    ]
    classes = sorted({item.of for item in found})
    if len(classes) < 2:
        raise ReadError(
            f"Found {len(classes)} classes with images in {root.name}; needed two or more.",
            hint="Put the images of each class into a subfolder of its own, named as the class.",
        )
    return found


def read_classed(item: ClassedFile) -> MedicalImage:
    """Read one image; a volume of one slice is a picture.

    Raises
    ------
    ReadError
        If it cannot be read, or holds several images.
    """
    from napari_medai.io.read import read

    images = read(item.path)
    if len(images) != 1:
        raise ReadError(f"{item.of}/{item.path.name} holds {len(images)} images; needed one.")
    return flat(images[0])


def _is_image(path: Path) -> bool:
    return path.name[0] != "." and (path.is_dir() or path.name.lower().endswith(IMAGES))
