"""Operations that turn an image's axes without resampling."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator

from napari_medai.core.errors import ArgumentError
from napari_medai.core.geometry import Reorientation
from napari_medai.core.image import MedicalImage
from napari_medai.core.operation import operation
from napari_medai.core.progress import Progress, Step, silent

_OPPOSITE = {"L": "R", "R": "L", "P": "A", "A": "P", "S": "I", "I": "S"}


def _check_code(code: str) -> str:
    letters = code.upper()
    lines = {frozenset((a, _OPPOSITE.get(a, ""))) for a in letters}
    if set(letters) - set(_OPPOSITE) or len(lines) != len(letters) or len(letters) not in (2, 3):
        raise ValueError(
            "one letter an array axis, of L or R, P or A, S or I, each pair once, such as SPL or ILA"
        )
    return letters


OrientationCode = Annotated[str, AfterValidator(_check_code)]


@operation(group="preprocess", title="Reorient", new_grid=True)
def reorient(
    image: MedicalImage, *, orientation: OrientationCode = "SPL", progress: Progress = silent
) -> MedicalImage:
    """Transpose and flip an image so that its axes lead where wanted; no voxel changes its place or value.

    Parameters
    ----------
    image : MedicalImage
        Any axes.
    orientation : str
        Where each array axis shall lead, in array order (z, y, x): L left, R right, P posterior,
        A anterior, S superior, I inferior of the patient. "SPL" is a standard axial scan, shown in
        radiological convention; "SAR" is the same scan flipped in plane, which tools that name axes in
        the order (x, y, z) call RAS. In 2-D the letter that the image has no axis for is left out.
    progress : Progress
        Hears one report.

    Returns
    -------
    MedicalImage
        The same voxels at the same places; an oblique image stays oblique, its axes the nearest ones.

    Raises
    ------
    ArgumentError
        If the code is not one, or names a direction that a 2-D image does not have.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_medai import Geometry
    >>> image = MedicalImage(np.zeros((4, 5, 6)), "zyx", Geometry.from_spacing((4, 5, 6), (3, 1, 1)))
    >>> reorient(image, orientation="LIA").array.shape
    (6, 4, 5)
    """
    progress(Step(0, 1, "Reorienting"))
    return image.reoriented(reorientation_to(image.geometry.orientation, orientation))


@operation(group="preprocess", title="Flip", new_grid=True)
def flip(
    image: MedicalImage,
    *,
    axes: Annotated[str, AfterValidator(lambda v: _check_axes(v))] = "x",
    progress: Progress = silent,
) -> MedicalImage:
    """Reverse the order of voxels along array axes; the picture stays at its place in the patient.

    Parameters
    ----------
    image : MedicalImage
        Any axes.
    axes : str
        Letters of z, y, x.
    progress : Progress
        Hears one report.

    Returns
    -------
    MedicalImage
        The same voxels at the same places, stored the other way round. To mirror the anatomy itself
        is another thing and never what a wrong orientation needs.

    Raises
    ------
    ArgumentError
        If the image has no such axis.
    """
    progress(Step(0, 1, "Flipping"))
    present = "zyx"[-image.spatial_ndim :]
    missing = [a for a in axes if a not in present]
    if missing:
        raise ArgumentError(f"flip: found axis {missing[0]!r}; this image has {', '.join(present)}.")
    order = tuple(range(image.spatial_ndim))
    return image.reoriented(Reorientation(order, tuple(letter in axes for letter in present)))


def _check_axes(letters: str) -> str:
    if not letters or set(letters) - set("zyx") or len(set(letters)) != len(letters):
        raise ValueError("letters of z, y, x, each once")
    return letters


def reorientation_to(found: str, wanted: str) -> Reorientation:
    if len(found) < len(wanted):
        wanted = "".join(a for a in wanted if a in found or _OPPOSITE[a] in found)
    if {frozenset((a, _OPPOSITE[a])) for a in found} != {frozenset((a, _OPPOSITE[a])) for a in wanted}:
        raise ArgumentError(
            f"reorient: found axes leading to {found!r}; {wanted!r} asks for other directions.",
            hint="Use each of the image's directions once, either way round.",
        )
    order = tuple(next(i for i, b in enumerate(found) if b in (a, _OPPOSITE[a])) for a in wanted)
    flips = tuple(found[i] != a for i, a in zip(order, wanted, strict=True))
    return Reorientation(order, flips)
