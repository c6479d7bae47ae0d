"""Fuzzy c-means: classes to which a point may belong in part."""

from __future__ import annotations

import numpy as np

from napari_medai.preprocess.arrays import Volume

_MAX_STEPS = 300
_TOLERANCE = 1e-5


class FuzzyMeans:
    """Fuzzy c-means with the best of several random starts.

    Parameters
    ----------
    classes : int
        How many.
    restarts : int
        How many starts are tried.
    seed : int
        Of the starts.
    fuzziness : float
        The exponent of membership, above 1.
    """

    def __init__(self, classes: int, restarts: int, seed: int, fuzziness: float) -> None:
        self.classes = classes
        self.restarts = restarts
        self.seed = seed
        self.fuzziness = fuzziness
        self.centres = np.zeros((classes, 0))

    def fit(self, points: Volume) -> FuzzyMeans:
        """Find the centres (K, F) of points (N, F)."""
        rng = np.random.default_rng(self.seed)
        runs = [self._run(points, rng) for _ in range(self.restarts)]
        self.centres = min(runs, key=lambda run: run[0])[1]
        return self

    def memberships(self, points: Volume, centres: Volume | None = None) -> Volume:
        """Return how much each point belongs to each class, (N, K); rows add up to 1."""
        square = _squares(points, self.centres if centres is None else centres)
        weight = square ** (-1 / (self.fuzziness - 1))
        return np.asarray(weight / weight.sum(axis=1, keepdims=True))

    def predict(self, points: Volume) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
        """Return the class (N,) to which each point belongs most."""
        return np.asarray(_squares(points, self.centres).argmin(axis=1))

    def _run(self, points: Volume, rng: np.random.Generator) -> tuple[float, Volume]:
        centres = points[rng.choice(len(points), self.classes, replace=False)].astype(np.float64)
        for _ in range(_MAX_STEPS):
            weight = self.memberships(points, centres) ** self.fuzziness
            moved = (weight.T @ points) / weight.sum(axis=0)[:, None]
            shift = float(np.abs(moved - centres).max())
            centres = moved
            if shift < _TOLERANCE:
                break
        weight = self.memberships(points, centres) ** self.fuzziness
        return float((weight * _squares(points, centres)).sum()), centres


def _squares(points: Volume, centres: Volume) -> Volume:
    """Squared distances (N, K), never quite 0."""
    return np.stack([((points - c) ** 2).sum(axis=1) for c in centres], axis=1) + 1e-12
