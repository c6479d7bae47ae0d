"""Transforms from corresponding points: closed forms, and the thin-plate spline."""

from __future__ import annotations

from typing import Literal, TypeAlias

import numpy as np

from napari_medai.core.errors import ArgumentError
from napari_medai.core.geometry import FloatArray
from napari_medai.register.motions import LinearKind

PointKind: TypeAlias = Literal["translation", "rigid", "similarity", "affine", "thin_plate"]


def points_needed(kind: PointKind, ndim: int) -> int:
    """Return how many points determine a transform."""
    return {"translation": 1, "rigid": ndim, "similarity": ndim}.get(kind, ndim + 1)


def fit_points(fixed: FloatArray, moving: FloatArray, kind: LinearKind) -> FloatArray:
    """Find the linear transform that brings points nearest to their partners.

    Parameters
    ----------
    fixed, moving : (N, D) array
        Corresponding points.
    kind : {"translation", "rigid", "similarity", "affine"}
        What the transform may do; it never reflects unless it is affine.

    Returns
    -------
    (D+1, D+1) array
        From fixed to moving.

    Raises
    ------
    ArgumentError
        If the points lie so that they do not determine it (on one line, in one plane).

    References
    ----------
    Umeyama, Least-squares estimation of transformation parameters between two point patterns, IEEE
    PAMI 1991.
    """
    here, there = fixed.mean(axis=0), moving.mean(axis=0)
    ndim = fixed.shape[1]
    if kind == "translation":
        return _about(np.eye(ndim), here, there)
    one, two = fixed - here, moving - there
    sizes = np.linalg.svd(one, compute_uv=False)
    rank = int((sizes > 1e-6 * max(sizes[0], 1e-12)).sum())
    if rank < (ndim if kind == "affine" else ndim - 1):
        raise ArgumentError(
            f"Found landmarks that span {rank} of {ndim} dimensions, too few for a {kind} transform.",
            hint="Place landmarks that do not lie on one line, or in one plane.",
        )
    if kind == "affine":
        return _about(np.linalg.lstsq(one, two, rcond=None)[0].T, here, there)
    left, strengths, right = np.linalg.svd(two.T @ one)
    signs = np.ones(ndim)
    signs[-1] = np.sign(np.linalg.det(left) * np.linalg.det(right))
    turn = left @ np.diag(signs) @ right
    scale = float((strengths * signs).sum() / (one**2).sum()) if kind == "similarity" else 1.0
    return _about(scale * turn, here, there)


def bend_points(fixed: FloatArray, moving: FloatArray, at: FloatArray, stiffness: float = 0.0) -> FloatArray:
    """Return where a thin-plate spline through corresponding points takes others.

    Parameters
    ----------
    fixed, moving : (N, D) array
        Corresponding points, N > D.
    at : (M, D) array
        Points to move.
    stiffness : float
        0 passes through every point; larger values smooth.

    References
    ----------
    Bookstein, Principal Warps: Thin-Plate Splines and the Decomposition of Deformations, IEEE PAMI 1989.
    """
    from scipy.interpolate import RBFInterpolator

    kernel = "thin_plate_spline" if fixed.shape[1] == 2 else "linear"
    spline = RBFInterpolator(fixed, moving, kernel=kernel, degree=1, smoothing=stiffness)
    return np.asarray(spline(at))


def _about(linear: FloatArray, here: FloatArray, there: FloatArray) -> FloatArray:
    matrix = np.eye(len(here) + 1)
    matrix[:-1, :-1] = linear
    matrix[:-1, -1] = there - linear @ here
    return matrix
