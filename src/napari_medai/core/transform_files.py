"""Transforms as files: ITK's own formats, and images of displacements."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from napari_medai.core.displacement import DisplacementField
from napari_medai.core.errors import GeometryError, ReadError, WriteError
from napari_medai.core.geometry import FloatArray, Geometry
from napari_medai.core.transform_parts import Part

TRANSFORMS = (".tfm", ".txt", ".mat", ".h5", ".hdf5")
IMAGES = (".nii", ".nii.gz", ".nrrd", ".mha")
AFFINE_ONLY = (".mat",)


def is_image(path: Path) -> bool:
    """Whether a name asks for an image of displacements."""
    return path.name.endswith(IMAGES)


def save_parts(parts: Sequence[Part], path: Path) -> None:
    """Write the steps of a transform; the file appears once it is whole.

    Parameters
    ----------
    parts : sequence of array or DisplacementField
        The steps, the first one first; a single deformation where the suffix is that of an image.
    path : Path
        Its suffix says the format.

    Raises
    ------
    WriteError
        If the suffix is unknown, or the format cannot hold the transform.
    """
    import SimpleITK as sitk

    if not is_image(path) and path.suffix not in TRANSFORMS:
        raise WriteError(
            f"Found the suffix {path.suffix!r} for a transform.",
            hint="Use .tfm, .txt, .mat or .h5, or .nii.gz for an image of displacements.",
        )
    if path.suffix in AFFINE_ONLY and any(isinstance(p, DisplacementField) for p in parts):
        raise WriteError(f"A {path.suffix} file cannot hold a deformation.", hint="Use .h5 or .nii.gz.")
    beside = path.with_name(f".partial-{path.name}")
    try:
        if isinstance(parts[0], DisplacementField) and is_image(path):
            sitk.WriteImage(_vector_image(parts[0]), str(beside))
        else:
            sitk.WriteTransform(to_itk_transform(parts), str(beside))
        beside.replace(path)
    except RuntimeError as error:
        raise WriteError(f"{path.name} could not be written: {error}") from error
    finally:
        beside.unlink(missing_ok=True)


def load_parts(path: Path) -> list[Part]:
    """Read a transform or an image of displacements.

    Raises
    ------
    ReadError
        If the file is neither, or holds a transform that is not affine, a displacement or a chain of
        them.
    """
    import SimpleITK as sitk

    try:
        if is_image(path):
            return [_field(sitk.ReadImage(str(path)), path.name)]
        transform = sitk.ReadTransform(str(path))
    except RuntimeError as error:
        raise ReadError(f"{path.name} is not a readable ITK transform.") from error
    return _parts(transform.Downcast(), path.name)


def to_itk_transform(steps: Sequence[Part]) -> Any:
    """Return the same map as a SimpleITK transform: affine, displacement, or a composite of them."""
    import SimpleITK as sitk

    parts = [_to_itk(one) for one in steps]
    if len(parts) == 1:
        return parts[0]
    # ITK applies the transform that was added last first
    return sitk.CompositeTransform(parts[::-1])


def _to_itk(one: Part) -> Any:
    import SimpleITK as sitk

    if isinstance(one, DisplacementField):
        return sitk.DisplacementFieldTransform(_vector_image(one))
    affine = sitk.AffineTransform(len(one) - 1)
    affine.SetMatrix(one[:-1, :-1].ravel().tolist())
    affine.SetTranslation(one[:-1, -1].tolist())
    return affine


def _vector_image(field: DisplacementField) -> Any:
    import SimpleITK as sitk

    grid = field.geometry
    image = sitk.GetImageFromArray(field.vectors.astype(np.float64), isVector=True)
    direction = grid.direction[:, ::-1]
    if np.abs(direction.T @ direction - np.eye(grid.ndim)).max() > 1e-5:
        raise WriteError(
            "ITK's formats cannot hold a deformation on a sheared grid.",
            hint="Register onto a straightened image.",
        )
    image.SetSpacing(grid.spacing[::-1].tolist())
    image.SetOrigin(grid.origin.tolist())
    image.SetDirection(direction.ravel().tolist())
    return image


def _parts(transform: Any, name: str) -> list[Part]:
    """Take an ITK transform apart, the part that acts first coming first."""
    import SimpleITK as sitk

    if isinstance(transform, sitk.CompositeTransform):
        count = transform.GetNumberOfTransforms()
        nested = [transform.GetNthTransform(k).Downcast() for k in reversed(range(count))]
        return [part for one in nested for part in _parts(one, name)]
    if isinstance(transform, sitk.DisplacementFieldTransform):
        return [_field(transform.GetDisplacementField(), name)]
    if transform.IsLinear():
        return [_matrix(transform)]
    raise ReadError(
        f"{name} holds a {transform.GetName()}; needed affine transforms and displacement fields.",
        hint="Convert it to a displacement field first: SimpleITK.TransformToDisplacementField.",
    )


def _matrix(transform: Any) -> FloatArray:
    ndim = transform.GetDimension()
    matrix = np.eye(ndim + 1)
    if hasattr(transform, "GetMatrix") and not any(transform.GetCenter()):
        # read, not probed by points: every bit stays
        matrix[:-1, :-1] = np.reshape(transform.GetMatrix(), (ndim, ndim))
        matrix[:-1, -1] = transform.GetTranslation()
        return matrix
    matrix[:-1, -1] = transform.TransformPoint([0.0] * ndim)
    for axis, unit in enumerate(np.eye(ndim)):
        matrix[:-1, axis] = transform.TransformPoint(unit.tolist()) - matrix[:-1, -1]
    return matrix


def _field(image: Any, name: str) -> DisplacementField:
    import SimpleITK as sitk

    vectors = sitk.GetArrayFromImage(image)
    ndim = image.GetDimension()
    if vectors.shape[-1] != ndim or vectors.ndim != ndim + 1:
        raise ReadError(f"{name} holds an image of shape {vectors.shape}; needed one vector a voxel.")
    affine = np.eye(ndim + 1)
    direction = np.reshape(image.GetDirection(), (ndim, ndim))
    affine[:-1, :-1] = (direction * image.GetSpacing())[:, ::-1]
    affine[:-1, -1] = image.GetOrigin()
    try:
        return DisplacementField(vectors, Geometry(vectors.shape[:-1], affine))
    except GeometryError as error:
        raise ReadError(f"{name}: {error.message}") from error
