"""How long models took on this machine, so that the next run's time can be said beforehand."""

from __future__ import annotations

from napari_medai.models.choice_store import measured, remember
from napari_medai.models.spec import ModelSpec

WORTH_S = 2.0
"""A shorter run says little of a longer one: opening the network is most of it."""


def keep_pace(spec: ModelSpec, quality: str, windows: int, seconds: float) -> None:
    """Remember how long a run took.

    Parameters
    ----------
    spec : ModelSpec
        The model's description.
    quality : str
        How carefully it ran.
    windows : int
        As :func:`napari_medai.models.estimate.estimate` counts them.
    seconds : float
        From the beginning to the labels.
    """
    if seconds >= WORTH_S and windows > 0:
        remember(_key(spec, quality), quality, {"window": seconds / windows})


def known_seconds(spec: ModelSpec, quality: str, windows: int) -> float | None:
    """Return how long a run will take, by the last one; none where there was none worth remembering."""
    one = measured(_key(spec, quality)).get("window")
    return None if one is None else one * windows


def _key(spec: ModelSpec, quality: str) -> str:
    return f"pace|{spec.name}@{spec.version}|{quality}"
