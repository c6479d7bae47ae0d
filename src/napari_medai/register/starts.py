"""Where to begin: candidates from positions, phase correlation, centres of mass and turns all round."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_medai.core.geometry import FloatArray, Geometry
from napari_medai.register.motions import cube_turns, even_turns
from napari_medai.register.tensors import gaussian, identity_grid, sample
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
        From fixed to moving world: the identity, grid centre on grid centre, the shift by phase
        correlation, centre of mass on centre of mass, principal axes on principal axes, and evenly spread
        turns about the centre of mass.
    """
    ndim = level.ndim
    here, there = (_moments(i, g) for i, g in _images(level))
    grid_centres = [g.index_to_world((np.array(g.shape) - 1) / 2) for _, g in _images(level)]
    still = np.eye(ndim)
    found = [np.eye(ndim + 1), _about(still, *grid_centres), _about(still, here[0], there[0])]
    found.append(phase_shift(level))
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


def phase_shift(level: Level) -> FloatArray:
    """Return the shift at which most waves of both images agree; other contrast counts alike.

    Parameters
    ----------
    level : Level
        The images at the coarsest resolution.

    References
    ----------
    Kuglin and Hines, The phase correlation image alignment method, IEEE Cybernetics and Society 1975.
    """
    import torch

    fixed, ndim = level.fixed_geometry, level.ndim
    middles = [g.index_to_world((np.array(g.shape) - 1) / 2) for g in (fixed, level.moving_geometry)]
    extent = level.moving_geometry.corners() - level.moving_geometry.corners().min(axis=0)
    steps = np.abs(extent @ np.linalg.inv(fixed.matrix).T).max(axis=0)
    shape = [n + int(np.ceil(s)) for n, s in zip(fixed.shape, steps, strict=True)]
    here = gaussian(level.fixed * level.weight, 1.0)
    to_moving = np.linalg.inv(level.moving_geometry.affine) @ _about(np.eye(ndim), *middles)
    # the moving image on voxels like the fixed one's, its middle where theirs is
    corner = (np.array(fixed.shape) - 1) / 2 - (np.array(shape) - 1) / 2
    grid = identity_grid(shape, here).flatten(2)[0].double().cpu().numpy() + corner[:, None]
    matrix = to_moving @ fixed.affine
    places = torch.tensor(matrix[:-1, :-1] @ grid + matrix[:-1, -1:], dtype=here.dtype, device=here.device)
    there = gaussian(sample(level.moving[:, :1], places.reshape(1, ndim, *shape), beyond="zeros"), 1.0)
    spectra = [torch.fft.fftn(v[0, 0] - v.mean(), s=shape) for v in (here, there)]
    joint = spectra[0].conj() * spectra[1]
    agreement = torch.fft.ifftn(joint / joint.abs().clamp(min=1e-9 * float(joint.abs().max()))).real.abs()
    peak = np.array(np.unravel_index(int(agreement.argmax()), shape), dtype=float)
    peak = np.where(peak > np.array(shape) / 2, peak - shape, peak)
    shift = fixed.matrix @ (peak + corner)
    return _about(np.eye(ndim), middles[0], middles[1] + shift)


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
