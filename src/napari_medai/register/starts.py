"""Where to begin: candidates from positions, centres of mass and turns all round."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_medai.core.geometry import FloatArray, Geometry
from napari_medai.register.motions import cube_turns, even_turns
from napari_medai.register.tissue import tissue_mask

if TYPE_CHECKING:
    import torch

    from napari_medai.register.level import Level

TURNS = {2: 36, 3: 240}


def starting_matrices(level: Level, turned: bool, flips: bool, scaled: bool) -> list[FloatArray]:
    """List the starts of a search.

    Parameters
    ----------
    level : Level
        The images at the coarsest resolution.
    turned : bool
        Whether turns all round are tried.
    flips : bool
        Whether reflections are.
    scaled : bool
        Whether a difference in size is.

    Returns
    -------
    list of (D+1, D+1) array
        From fixed to moving world: the identity, grid centre on grid centre, centre of mass on centre of
        mass, principal axes on principal axes, and evenly spread turns about the centre of mass.
    """
    ndim = level.ndim
    here, there = (_moments(i, g) for i, g in _images(level))
    grid_centres = [g.index_to_world((np.array(g.shape) - 1) / 2) for _, g in _images(level)]
    still = np.eye(ndim)
    found = [np.eye(ndim + 1), _about(still, *grid_centres), _about(still, here[0], there[0])]
    if turned:
        frames = cube_turns(ndim, flips=True)
        axes = [there[1] @ frame @ here[1].T for frame in frames if abs(frame).trace() == ndim]
        turns = [*cube_turns(ndim, flips), *even_turns(ndim, TURNS[ndim]), *axes]
        if flips:
            mirror = np.diag([-1.0] + [1.0] * (ndim - 1))
            turns += [turn @ mirror for turn in even_turns(ndim, TURNS[ndim])]
        turns = [t for t in turns if flips or np.linalg.det(t) > 0]
        found += [_about(turn, here[0], there[0]) for turn in turns]
    ratio = float(np.clip(there[2] / here[2], 0.5, 2.0))
    if scaled and abs(ratio - 1) > 0.03:
        found += [_about(m[:-1, :-1] * ratio, here[0], there[0]) for m in list(found)]
    return found


def _images(level: Level) -> list[tuple[torch.Tensor, Geometry]]:
    here = tissue_mask(level.fixed) * level.weight
    there = level.moving[:, 1:2] * (1 - level.moving[:, 2:])
    return [(here, level.fixed_geometry), (there, level.moving_geometry)]


def _moments(tissue: torch.Tensor, geometry: Geometry) -> tuple[FloatArray, FloatArray, float]:
    """Centre (D,), principal axes as columns (D, D) and mean radius of what stands out from the background.

    Every voxel of tissue weighs the same, so that contrast does not matter.
    """
    points = np.argwhere(tissue[0, 0].cpu().numpy() > 0.5)
    if len(points) <= geometry.ndim:
        points = np.argwhere(np.ones(geometry.shape))
    world = geometry.index_to_world(points)
    widths, axes = np.linalg.eigh(np.cov(world.T))
    return world.mean(axis=0), axes, float(np.sqrt(widths.clip(min=1e-12).mean()))


def _about(turn: FloatArray, here: FloatArray, there: FloatArray) -> FloatArray:
    """Return the matrix that turns about ``here`` and brings it to ``there``."""
    matrix = np.eye(len(turn) + 1)
    matrix[:-1, :-1] = turn
    matrix[:-1, -1] = there - turn @ here
    return matrix
