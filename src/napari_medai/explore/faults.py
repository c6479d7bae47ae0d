"""Which facts about images are faults, one by one and among their peers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

_MIN_PEERS = 8
_MAJORITY = 0.6
_MIN_SPREAD = 0.05
_PILE_FACTOR = 8.0


@dataclass(frozen=True)
class Fault:
    """One fault of one image."""

    image: str
    fault: str
    reason: str


@dataclass(frozen=True)
class Finding:
    """The facts about one image by which it is judged.

    Parameters
    ----------
    image : str
        File or series.
    modality : str
        Images are compared with those of the same modality.
    size, spacing : str
        In words, to compare and to show.
    digest : str
        Fingerprint of the voxels.
    invalid : int
        How many are NaN or infinite.
    low, median, high, highest : float
        Smallest value, median and 99th percentile of what differs from it, and largest value.
    top_share : float
        Share of the voxels with the largest value.
    beneath_share : float
        Mean share a level of the values just below.
    levels : int
        How many different values there are, counted up to 64.
    blank_slices : tuple of int
        Slices that hold one value only, between two that do not.
    """

    image: str
    modality: str
    size: str
    spacing: str
    digest: str
    invalid: int
    low: float
    median: float
    high: float
    highest: float
    top_share: float
    beneath_share: float
    levels: int
    blank_slices: tuple[int, ...]


def faults_within(finding: Finding, clipped_percent: float) -> list[Fault]:
    """Return what is wrong with one image by itself."""
    return [Fault(finding.image, fault, reason) for fault, reason in _within(finding, clipped_percent)]


def _within(finding: Finding, clipped_percent: float) -> Iterator[tuple[str, str]]:
    if finding.invalid:
        yield "NaN", f"{finding.invalid} voxels are NaN or infinite"
    if finding.low == finding.highest:
        yield "constant", f"every voxel is {finding.low:g}"
        return
    if finding.blank_slices:
        shown = ", ".join(str(k) for k in finding.blank_slices[:5])
        yield "missing slice", f"slice {shown} holds one value only, its neighbours do not"
    piled = finding.top_share > _PILE_FACTOR * finding.beneath_share
    if finding.levels > 32 and finding.top_share * 100 >= clipped_percent and piled:
        yield "clipped", f"{finding.top_share:.1%} of the voxels have the largest value {finding.highest:g}"


def faults_among(findings: Sequence[Finding], deviations: float) -> list[Fault]:
    """Return what is wrong with images beside their peers."""
    faults = list(_duplicates(findings))
    for modality in {f.modality for f in findings}:
        peers = [f for f in findings if f.modality == modality]
        faults += [*_odd_sizes(peers), *_outliers(peers, deviations)]
    return faults


def _duplicates(findings: Sequence[Finding]) -> Iterator[Fault]:
    first: dict[str, str] = {}
    for finding in sorted(findings, key=lambda f: f.image):
        if finding.low == finding.highest:
            continue
        if finding.digest in first:
            yield Fault(finding.image, "duplicate", f"the same voxels as {first[finding.digest]}")
        else:
            first[finding.digest] = finding.image


def _odd_sizes(peers: Sequence[Finding]) -> Iterator[Fault]:
    for what, values in (("size", [f.size for f in peers]), ("spacing", [f.spacing for f in peers])):
        usual, count = Counter(values).most_common(1)[0]
        if count < max(3, _MAJORITY * len(peers)):
            continue
        for finding, value in zip(peers, values, strict=True):
            if value != usual:
                reason = f"{what} {value}; {count} of {len(peers)} have {usual}"
                yield Fault(finding.image, f"wrong {what}", reason)


def _outliers(peers: Sequence[Finding], deviations: float) -> Iterator[Fault]:
    judged = [f for f in peers if f.low != f.highest and np.isfinite(f.median)]
    if len(judged) < _MIN_PEERS:
        return
    for what in ("median", "high"):
        values = np.array([getattr(f, what) for f in judged])
        middle = float(np.median(values))
        spread = max(1.4826 * float(np.median(np.abs(values - middle))), _MIN_SPREAD * abs(middle))
        name = "median" if what == "median" else "99th percentile"
        for finding, value in zip(judged, values, strict=True):
            if spread and abs(value - middle) > deviations * spread:
                reason = f"its {name} is {value:g}; that of the others is about {middle:g}"
                yield Fault(finding.image, "outlier intensity", reason)
                # One image, one row: the second measure would say the same again.
        judged = [f for f, v in zip(judged, values, strict=True) if not abs(v - middle) > deviations * spread]
