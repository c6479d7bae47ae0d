"""Lines and ellipses to be drawn over an image, in world coordinates."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from napari_medai.core.geometry import FloatArray, Unit
from napari_medai.core.history import Record
from napari_medai.core.landmarks import Landmarks


@dataclass(frozen=True, eq=False)
class Drawing:
    """Named polylines.

    Parameters
    ----------
    names : tuple of str
        One a line.
    paths : tuple of (M, D) ndarray
        World positions along each line; a closed one ends where it begins.
    texts : tuple of str
        What is written beside each line; may be empty.
    unit : {"mm", "pixel"}
        Of the positions.
    history : tuple of Record
        The steps that led here.
    """

    names: tuple[str, ...]
    paths: tuple[FloatArray, ...]
    texts: tuple[str, ...]
    unit: Unit = "mm"
    history: tuple[Record, ...] = field(default=())


def ellipses(landmarks: Landmarks, level: float = 0.9, count: int = 48) -> Drawing:
    """Outline where each point lies with a given probability.

    Parameters
    ----------
    landmarks : Landmarks
        With covariances. In 3-D, three ellipses a point: the cuts through the ellipsoid's main planes.
    level : float
        The probability, 0 to 1.
    count : int
        Corners of each outline.
    """
    from scipy.stats import chi2

    names: list[str] = []
    paths: list[FloatArray] = []
    ndim = landmarks.positions.shape[1]
    if landmarks.covariance is not None:
        t = np.linspace(0, 2 * np.pi, count)
        circle = np.stack([np.cos(t), np.sin(t)], axis=1)
        radius = float(np.sqrt(chi2.ppf(level, ndim)))
        for name, at, covariance in zip(
            landmarks.names, landmarks.positions, landmarks.covariance, strict=True
        ):
            sizes, axes = np.linalg.eigh(covariance)
            arms = axes * (radius * np.sqrt(np.maximum(sizes, 0)))
            for a, b in ((0, 1),) if ndim == 2 else ((0, 1), (0, 2), (1, 2)):
                names.append(name)
                paths.append(at + circle @ arms[:, [a, b]].T)
    return Drawing(tuple(names), tuple(paths), ("",) * len(names), landmarks.unit)
