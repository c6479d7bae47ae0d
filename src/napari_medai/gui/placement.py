"""Where napari puts an array, and the grid that such a place means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from napari_medai.core.errors import GeometryError
from napari_medai.core.geometry import FloatArray, Geometry, Unit

_ALIGNED_TO_VOXELS = 1e-4
"""A grid counts as axis-aligned when no corner moves by more than this share of a voxel."""


@dataclass(frozen=True)
class Placement:
    """What napari needs to know to put an array into the world.

    Parameters
    ----------
    scale, translate : tuple of float
        One number a layer axis, in the units below.
    affine : (N+1, N+1) array, optional
        Applied after scale and translate; only oblique or sheared grids need it.
    units, axis_labels : tuple of str
        One a layer axis.
    """

    scale: tuple[float, ...]
    translate: tuple[float, ...]
    affine: FloatArray | None
    units: tuple[str, ...]
    axis_labels: tuple[str, ...]

    def as_arguments(self) -> dict[str, Any]:
        """Return the keyword arguments of a napari layer."""
        arguments: dict[str, Any] = {
            "scale": self.scale,
            "translate": self.translate,
            "units": self.units,
            "axis_labels": self.axis_labels,
        }
        if self.affine is not None:
            arguments["affine"] = self.affine
        return arguments

    @property
    def matrix(self) -> FloatArray:
        """The whole map from layer index to napari world, (N+1, N+1)."""
        matrix = np.diag([*self.scale, 1.0])
        matrix[:-1, -1] = self.translate
        return matrix if self.affine is None else self.affine @ matrix

    def holds(self, matrix: FloatArray, units: Sequence[Any]) -> bool:
        """Tell whether a layer still lies where it was placed.

        Parameters
        ----------
        matrix : (N+1, N+1) array
            The layer's map to the world now.
        units : sequence of str or pint.Unit
            The layer's units now.
        """
        same_units = [_as_unit(u) for u in units] == [_as_unit(u) for u in self.units]
        return (
            same_units and matrix.shape == self.matrix.shape and np.allclose(matrix, self.matrix, 1e-9, 1e-9)
        )


def place(geometry: Geometry, leading: str = "", time_step_s: float = 1.0) -> Placement:
    """Say where an array on a grid goes in napari's world, whose axes are (z, y, x).

    Parameters
    ----------
    geometry : Geometry
        The grid of the layer's spatial axes.
    leading : str
        The letters of the axes before them: ``"t"`` or nothing.
    time_step_s : float
        Seconds between two frames.
    """
    steps = (time_step_s,) * len(leading)
    zeros = (0.0,) * len(leading)
    matrix = to_napari(geometry.affine)
    affine = None
    if is_axis_aligned(geometry):
        translate = (*zeros, *matrix[:-1, -1].tolist())
    else:
        translate = zeros + (0.0,) * geometry.ndim
        affine = _embed(matrix @ np.diag([*1 / geometry.spacing, 1.0]), len(leading))
    return Placement(
        (*steps, *geometry.spacing.tolist()),
        translate,
        affine,
        ("s",) * len(leading) + (geometry.unit,) * geometry.ndim,
        tuple(leading) + tuple("zyx"[-geometry.ndim :]),
    )


def to_napari(affine: FloatArray) -> FloatArray:
    """Reverse the world axes of an affine, (x, y, z) <-> (z, y, x)."""
    ndim = len(affine) - 1
    return affine[[*range(ndim)[::-1], ndim]]


def is_axis_aligned(geometry: Geometry) -> bool:
    """Tell whether scale and translate alone place a grid, brought to its nearest axes, well enough."""
    matrix = to_napari(geometry.affine)[:-1, :-1]
    missing = matrix - np.diag(geometry.spacing)
    reach = np.abs(missing) @ np.asarray(geometry.shape)
    return bool(np.all(reach <= _ALIGNED_TO_VOXELS * geometry.spacing.min()))


def layer_matrix(state: Mapping[str, Any], ndim: int) -> FloatArray:
    """Compose scale, translate, rotate, shear and affine of a layer, (N+1, N+1).

    Parameters
    ----------
    state : mapping
        The second part of a layer data tuple; what is missing is neutral.
    ndim : int
        Number of layer axes.
    """
    from napari.utils.transforms import Affine

    inner = Affine(
        scale=state.get("scale") if state.get("scale") is not None else [1.0] * ndim,
        translate=state.get("translate") if state.get("translate") is not None else [0.0] * ndim,
        rotate=state.get("rotate"),
        shear=state.get("shear"),
        ndim=ndim,
    ).affine_matrix
    outer = np.asarray(np.eye(ndim + 1) if state.get("affine") is None else state["affine"], dtype=float)
    return np.asarray(_embed(outer, ndim + 1 - len(outer)) @ inner)


def geometry_of(matrix: FloatArray, shape: Sequence[int], units: Sequence[Any]) -> Geometry:
    """Make a grid of a layer's map to napari's world.

    Parameters
    ----------
    matrix : (N+1, N+1) array
        From layer index to napari's world; only the last axes are spatial.
    shape : sequence of int
        Size of the spatial axes.
    units : sequence of str or pint.Unit
        One a spatial axis.

    Raises
    ------
    GeometryError
        If time and space are mixed, or some axes have a length and others not.
    """
    ndim, lead = len(shape), len(matrix) - 1 - len(shape)
    mixed = np.abs(matrix[lead:-1, :lead]).sum() + np.abs(matrix[:lead, lead:-1]).sum()
    if mixed > 1e-9:
        raise GeometryError(
            "Found a layer whose transform mixes time or channels with space.",
            hint="Reset its transform, or split it into volumes first.",
        )
    spatial = np.delete(np.delete(matrix, range(lead), 0), range(lead), 1)
    factors, unit = _to_mm(units)
    spatial[:-1] = spatial[:-1] * np.asarray(factors)[:, None]
    affine = to_napari(spatial)
    affine[ndim] = [0.0] * ndim + [1.0]
    return Geometry(tuple(shape), affine, unit)


def seconds_in(unit: Any) -> float | None:
    """Return how many seconds one of a time unit is, or nothing where it is not a unit of time."""
    found = _as_unit(unit)
    if found.dimensionality != _as_unit("s").dimensionality:
        return None
    return float((1 * found).to("s").magnitude)


def _to_mm(units: Sequence[Any]) -> tuple[list[float], Unit]:
    found = [_as_unit(u) for u in units]
    if all(u.dimensionality == _as_unit("mm").dimensionality for u in found):
        return [float((1 * u).to("mm").magnitude) for u in found], "mm"
    if len({str(u) for u in found}) == 1 and str(found[0]) in ("pixel", "dimensionless"):
        return [1.0] * len(found), "pixel"
    raise GeometryError(
        f"Found a layer with the units {', '.join(map(str, found))}; needed lengths, or pixels throughout.",
        hint="Set the units of the layer to millimetres or pixels.",
    )


def _as_unit(unit: Any) -> Any:
    import pint

    if not isinstance(unit, str):
        return unit
    return pint.get_application_registry().Unit(unit)  # type: ignore[no-untyped-call]


def _embed(matrix: FloatArray, lead: int) -> FloatArray:
    """Put an affine behind ``lead`` axes that it leaves alone."""
    if lead <= 0:
        return matrix
    ndim = len(matrix) - 1
    full = np.eye(ndim + lead + 1)
    full[lead:, lead:] = matrix
    return full
