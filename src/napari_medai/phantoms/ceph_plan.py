"""The numbers that make one made-up cephalogram differ from the next, drawn from a seed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from napari_medai.core.geometry import FloatArray

PARTS = ("skull", "orbit", "maxilla", "mandible", "upper incisor", "lower incisor", "profile", "spine", "ear")
"""What moves by itself; every part has its own similarity and stretch."""

_FREEDOM: dict[str, tuple[float, float, float]] = {
    "skull": (1.0, 1.5, 0.03),
    "orbit": (1.5, 3.0, 0.06),
    "maxilla": (2.0, 3.0, 0.05),
    "upper incisor": (1.0, 8.0, 0.08),
    "lower incisor": (1.0, 8.0, 0.08),
    "mandible": (2.0, 4.0, 0.06),
    "profile": (1.5, 1.5, 0.03),
    "spine": (4.0, 6.0, 0.08),
    "ear": (1.5, 5.0, 0.10),
}
"""Standard deviations: shift in mm, turn in degrees, stretch as a share."""

_FOLLOWS = {
    "upper incisor": "maxilla",
    "lower incisor": "mandible",
    "profile": "mandible",
}


@dataclass(frozen=True, eq=False)
class CephPlan:
    """One made-up head in profile.

    Parameters
    ----------
    parts : mapping of str to (2, 3) ndarray
        For each part the affine map from the drawing's mm to this person's.
    waves : (M, 6) ndarray
        Long waves that bend everything: direction (2), wave vector in 1/mm (2), phase, amplitude in mm.
    pose : (2, 3) ndarray
        From the person's mm to the detector's mm.
    missing : tuple of str
        Parts that this person lacks.
    strength : mapping of str to float
        How much each part absorbs, as a factor of the usual.
    exposure, gamma, noise, blur_mm : float
        How the picture was taken.
    """

    parts: Mapping[str, FloatArray]
    waves: FloatArray
    pose: FloatArray
    missing: tuple[str, ...]
    strength: Mapping[str, float]
    exposure: float
    gamma: float
    noise: float
    blur_mm: float

    def place(self, part: str, points: FloatArray) -> FloatArray:
        """Carry points (N, 2) of a part from the drawing to the detector, mm (x, y)."""
        matrix = self.parts[part]
        moved = points @ matrix[:, :2].T + matrix[:, 2]
        for wave in self.waves:
            moved = moved + wave[:2] * (wave[5] * np.sin(moved @ wave[2:4] + wave[4]))[:, None]
        return np.asarray(moved @ self.pose[:, :2].T + self.pose[:, 2])


def draw_ceph_plan(rng: np.random.Generator, centres: Mapping[str, FloatArray]) -> CephPlan:
    """Draw one head in profile.

    Parameters
    ----------
    rng : numpy.random.Generator
        The source of chance.
    centres : mapping of str to (2,) ndarray
        About which point of the drawing each part turns.
    """
    parts: dict[str, FloatArray] = {}
    for name in PARTS:
        shift, turn, stretch = _FREEDOM[name]
        own = _about(
            centres[name],
            np.deg2rad(rng.normal(0, turn)),
            np.exp(rng.normal(0, stretch, 2)),
            rng.normal(0, shift, 2),
        )
        leader = _FOLLOWS.get(name)
        parts[name] = own if leader is None else _half(parts[leader], own, 1.0 if "incisor" in name else 0.6)
    missing = tuple(n for n in ("upper incisor", "lower incisor") if rng.random() < 0.12)
    return CephPlan(
        parts=parts,
        waves=np.array([_wave(rng) for _ in range(3)]),
        pose=_pose(rng),
        missing=missing,
        strength={name: float(rng.uniform(0.8, 1.2)) for name in PARTS},
        exposure=float(rng.uniform(0.75, 1.3)),
        gamma=float(rng.uniform(0.75, 1.3)),
        noise=float(rng.uniform(0.008, 0.025)),
        blur_mm=float(rng.uniform(0.25, 0.5)),
    )


def _pose(rng: np.random.Generator) -> FloatArray:
    """How the head stands before the detector: size, turn, and shift from the middle."""
    pose = _about(
        np.zeros(2), np.deg2rad(rng.normal(0, 5)), np.full(2, rng.uniform(0.92, 1.06)), rng.normal(0, 4, 2)
    )
    if rng.random() < 0.25:  # aimed badly: a part of the face is cut off
        pose[:, 2] += rng.uniform(-1, 1, 2) * [28, 30]
    return pose


def _wave(rng: np.random.Generator) -> FloatArray:
    direction, vector = rng.normal(0, 1, 2), rng.normal(0, 1, 2)
    vector *= 2 * np.pi / rng.uniform(110, 220) / np.linalg.norm(vector)
    return np.array(
        [
            *direction / np.linalg.norm(direction),
            *vector,
            rng.uniform(0, 2 * np.pi),
            rng.uniform(0, 1.2),
        ]
    )


def _about(centre: FloatArray, angle: float, stretch: FloatArray, shift: FloatArray) -> FloatArray:
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) * stretch
    return np.column_stack([turn, centre + shift - turn @ centre])


def _half(leader: FloatArray, own: FloatArray, share: float) -> FloatArray:
    """Follow a leader by a share of its motion, after one's own."""
    still = np.eye(2, 3)
    lead = still + share * (leader - still)
    return np.column_stack([lead[:, :2] @ own[:, :2], lead[:, :2] @ own[:, 2] + lead[:, 2]])
