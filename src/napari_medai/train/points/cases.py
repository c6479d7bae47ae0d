"""Images with landmarks, checked and brought to what the stages of a landmark network see."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from napari_medai.core.errors import ArgumentError
from napari_medai.core.geometry import FloatArray
from napari_medai.core.image import MedicalImage
from napari_medai.core.landmarks import Landmarks
from napari_medai.core.progress import Progress, silent, track
from napari_medai.models.points.find import in_unit_of
from napari_medai.models.points.grey import as_grey
from napari_medai.models.prepare import prepare
from napari_medai.models.spec import ModelSpec

if TYPE_CHECKING:
    import torch

Missing = Literal["absent", "ignore"]
Outside = Literal["refuse", "absent"]
LEAST_SHARE = 0.5
"""Share of the cases that must hold a point for it to be learnt."""


@dataclass(frozen=True, eq=False)
class PointCase:
    """One image with its landmarks.

    Parameters
    ----------
    image : MedicalImage
        2-D or 3-D.
    points : Landmarks
        In the image's world and unit.
    name : str
        What messages call it.
    """

    image: MedicalImage
    points: Landmarks
    name: str = ""


@dataclass(frozen=True, eq=False)
class Shown:
    """What one stage sees of a case: voxels, and points in mm from the first voxel along the array axes.

    Parameters
    ----------
    volume : torch.Tensor
        (channels, \\*spatial).
    spacing : (D,) ndarray
        mm.
    at : (K, D) ndarray
        0 where a point is not there.
    state : (K,) ndarray
        1 in the image, 0 not in it, -1 not known.
    """

    volume: torch.Tensor
    spacing: FloatArray
    at: FloatArray
    state: FloatArray


def check_cases(cases: Sequence[PointCase]) -> tuple[str, ...]:
    """Check cases against each other; return the names of the points, in the first case's order.

    Raises
    ------
    ArgumentError
        If there are too few cases, dimensions or units differ, a point lies outside its image, or a
        point is missing in most cases.
    """
    if len(cases) < 3:
        raise ArgumentError(
            f"Found {len(cases)} case(s) with landmarks; needed at least three.",
            hint="Some fifty or more make a useful model.",
        )
    first = cases[0]
    for case in cases:
        _check_case(case, first)
    _check_inside(cases)
    names = list(dict.fromkeys(n for case in cases for n in case.points.names))
    for name in names:
        count = sum(name in case.points.present.names for case in cases)
        if count < LEAST_SHARE * len(cases):
            lacking = [c.name for c in cases if name not in c.points.present.names]
            raise ArgumentError(
                f"The point {name!r} is marked in {count} of {len(cases)} cases only; "
                f"missing in {', '.join(lacking[:3])}{' and others' if len(lacking) > 3 else ''}.",
                hint="Check how the point is spelt, mark it in more cases, or leave it out everywhere.",
            )
    return tuple(names)


def _check_case(case: PointCase, first: PointCase) -> None:
    image, points = case.image, case.points.present
    if image.spatial_ndim != first.image.spatial_ndim or points.positions.shape[1] != image.spatial_ndim:
        raise ArgumentError(
            f"{case.name}: found a {image.spatial_ndim}-D image with {points.positions.shape[1]}-D points; "
            f"needed {first.image.spatial_ndim}-D for both, as in {first.name}."
        )
    if points.unit != image.geometry.unit or points.unit != first.points.unit:
        raise ArgumentError(
            f"{case.name}: found points in {points.unit} and an image in {image.geometry.unit}; "
            f"needed {first.points.unit} for both, as in {first.name}.",
            hint="Give all images their pixel size (spacing_mm), or none.",
        )


def _check_inside(cases: Sequence[PointCase]) -> None:
    """Name the first point outside its image, and say how many more there are."""
    beyond = [(case, outside_of(case)) for case in cases]
    bad = [(case, which) for case, which in beyond if which.any()]
    if not bad:
        return
    (case, which), points = bad[0], bad[0][0].points
    name = points.names[int(np.argmax(which))]
    others = f"; so do points of {', '.join(c.name for c, _ in bad[1:6])}" if len(bad) > 1 else ""
    raise ArgumentError(
        f"{case.name}: the point {name!r} at {np.round(points[name], 1).tolist()} {points.unit} "
        f"lies outside the image ({int(which.sum())} of {len(points.present)} points do){others}"
        f"{f' and {len(bad) - 6} more cases' if len(bad) > 6 else ''}.",
        hint="Check the order of x and y, the pixel size and the frame (LPS or RAS) of the points; if the "
        'images really end before them, say so (outside="absent", --outside absent).',
    )


def outside_of(case: PointCase) -> NDArray[np.bool_]:
    """Tell of each point of a case whether it is said to be there, and lies outside the image."""
    points, grid = case.points, case.image.geometry
    index = grid.world_to_index(points.positions)
    beyond = np.asarray(np.any((index < -0.5) | (index > np.array(grid.shape) - 0.5), axis=1))
    return beyond if points.absent is None else beyond & ~points.absent


def outside_as_absent(case: PointCase) -> PointCase:
    """Return a case whose points outside the image are not in it."""
    beyond = outside_of(case)
    if not beyond.any():
        return case
    gone = beyond if case.points.absent is None else beyond | case.points.absent
    return replace(case, points=case.points.replace(absent=gone))


def show(
    spec: ModelSpec,
    spacing: Sequence[float],
    cases: Sequence[PointCase],
    missing: Missing = "absent",
    progress: Progress = silent,
) -> list[Shown]:
    """Bring cases to the grid of one stage."""
    import torch

    at_spacing = spec.model_copy(update={"spacing": tuple(spacing)})
    result = []
    for case in track(cases, progress, "Preparing images"):
        if spec.points is None:
            raise ValueError("not a landmark model")
        own = in_unit_of(spec.points, as_grey(case.image, len(spec.channels)))
        seen = prepare(at_spacing, own)
        at, state = _placed(spec, case, missing)
        there = state > 0
        index = case.image.geometry.world_to_index(at[there])
        world = own.geometry.index_to_world(index)
        at[there] = seen.grid.world_to_index(world) * seen.grid.spacing
        result.append(Shown(torch.from_numpy(np.array(seen.volume)), seen.grid.spacing, at, state))
    return result


def _placed(spec: ModelSpec, case: PointCase, missing: Missing) -> tuple[FloatArray, FloatArray]:
    names, ndim = spec.outputs.points, spec.ndim
    at, state = np.zeros((len(names), ndim)), np.full(len(names), 0.0 if missing == "absent" else -1.0)
    present = case.points.present
    for k, name in enumerate(names):
        if name in present.names:
            at[k], state[k] = present[name], 1
        elif name in case.points.names:
            state[k] = 0
    return at, state
