"""The learning rate over a training."""

from __future__ import annotations

import math

from napari_medai.train.settings import LoopSettings

POLY_POWER = 0.9


def rate_factor(settings: LoopSettings, done: float) -> float:
    """Return the share of the largest rate that applies.

    Parameters
    ----------
    settings : LoopSettings
        ``schedule`` and ``warmup`` count.
    done : float
        Share of the training that is done, 0 to 1.
    """
    done = min(max(done, 0.0), 1.0)
    if done < settings.warmup:
        return 0.04 + 0.96 * done / settings.warmup
    left = 1 - (done - settings.warmup) / (1 - settings.warmup)
    if settings.schedule == "constant":
        return 1.0
    return float(left**POLY_POWER) if settings.schedule == "poly" else (1 - math.cos(math.pi * left)) / 2
