"""All tests of a map in a row, with what each needs to pass."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from napari_medai.core.progress import Progress, part, silent, track
from napari_medai.explain.check.controls import centre_map, edge_map, random_map
from napari_medai.explain.check.curves import area, deletion_curve, insertion_curve, shares_of_curve
from napari_medai.explain.check.hits import energy_inside, energy_needed, points_inside
from napari_medai.explain.check.randomise import randomised, stages
from napari_medai.explain.check.report import Curve, Report
from napari_medai.explain.check.similarity import spearman, structural_similarity
from napari_medai.explain.check.stability import shifted, under_noise, under_shift
from napari_medai.explain.check.subject import Floats, Mask, Subject
from napari_medai.explain.twin import Twin

FULL_SPEARMAN = 0.3
ALIKE = 0.5
STABLE = 0.8
Pairs = list[tuple[float, float]]
"""Spearman's correlation and SSIM."""


@dataclass(frozen=True)
class Effort:
    """How thoroughly a map is tried.

    Parameters
    ----------
    layer_groups : int
        In how many steps the layers are randomised, from the output to the input.
    draws : int
        How often the whole network is randomised.
    curve_points : int
        At how many shares of the input deletion and insertion are measured.
    seed : int
        Of every draw.
    """

    layer_groups: int = 4
    draws: int = 3
    curve_points: int = 6
    seed: int = 0


USUAL = Effort()


def check_map(
    subject: Subject,
    mask: Mask | None = None,
    *,
    effort: Effort = USUAL,
    twin: Twin | None = None,
    progress: Progress = silent,
) -> Report:
    """Try a map in every way that applies.

    Parameters
    ----------
    subject : Subject
        What is explained and how.
    mask : numpy.ndarray, optional
        Shape (*S): where the evidence is known to lie.
    effort : Effort
        How thoroughly.
    twin : Twin, optional
        A network of the same build that has learnt shuffled answers, on the subject's device.
    progress : Progress
        Hears every run of the network.

    Returns
    -------
    Report
        The same for the same seed.
    """
    report = Report()
    heat = subject.heat(progress=part(progress, 0, 0.05, "Making the map"))
    _randomisation(report, subject, heat, effort, part(progress, 0.05, 0.45))
    if twin is not None:
        _against_twin(report, subject, heat, twin)
    _perturbation(report, subject, heat, effort, part(progress, 0.45, 0.85))
    _stability(report, subject, heat, effort.seed, part(progress, 0.85, 1))
    if mask is not None:
        _hits(report, heat, mask)
    return report


def _randomisation(
    report: Report, subject: Subject, heat: Floats, effort: Effort, progress: Progress
) -> None:
    """Forget layers: group after group, each group alone, and all of them once more with other draws."""
    groups = stages(subject.network, subject.sample(), effort.layer_groups)
    every = [name for names in groups for name in names]
    growing = [every[: sum(map(len, groups[: k + 1]))] for k in range(len(groups))]
    jobs = [(names, effort.seed) for names in (*growing, *groups)]
    jobs += [(every, effort.seed + k) for k in range(1, effort.draws)]
    alike = []
    for k, (names, draw) in enumerate(track(jobs, progress, "Forgetting layers")):
        inner = part(progress, k / len(jobs), (k + 1) / len(jobs))
        other = subject.heat(randomised(subject.network, names, draw), progress=inner)
        alike.append((spearman(heat, other), structural_similarity(heat, other)))
    in_turn, alone, again = (
        alike[: len(groups)],
        alike[len(groups) : 2 * len(groups)],
        alike[2 * len(groups) :],
    )
    top = f"the {len(groups[0])} of {len(every)} layers with weights that are nearest to the output"
    _likeness(report, in_turn, alone, again, top)
    at = tuple(len(names) / len(every) for names in growing)
    for column, name in enumerate(("Spearman", "SSIM")):
        values = tuple(pair[column] for pair in in_turn)
        report.curves.append(Curve(f"layers randomised in turn: {name}", "explanation", at, values))


def _likeness(report: Report, in_turn: Pairs, alone: Pairs, again: Pairs, top: str) -> None:
    """Judge how alike the maps of networks that forgot are: the whole network, the output layers, groups."""
    whole = [in_turn[-1], *again]
    note = f"mean over {len(whole)} drawn networks"
    each = f"mean over {len(alone)} groups of layers"
    report.below("all layers randomised: Spearman", _size(whole, 0), FULL_SPEARMAN, note)
    report.below("all layers randomised: SSIM", _size(whole, 1), ALIKE, note)
    report.below("output layers randomised: SSIM", abs(in_turn[0][1]), ALIKE, top)
    report.below("single layers randomised: Spearman", _size(alone, 0), ALIKE, each)
    report.below("single layers randomised: SSIM", _size(alone, 1), ALIKE, each)


def _against_twin(report: Report, subject: Subject, heat: Floats, twin: Twin) -> None:
    other = subject.heat(twin.network)
    report.below("answers shuffled: Spearman", spearman(heat, other), ALIKE, twin.note)
    report.below("answers shuffled: SSIM", structural_similarity(heat, other), ALIKE, twin.note)


def _size(pairs: Pairs, column: int) -> float:
    return float(np.mean([abs(pair[column]) for pair in pairs]))


def _perturbation(report: Report, subject: Subject, heat: Floats, effort: Effort, progress: Progress) -> None:
    shares = shares_of_curve(effort.curve_points)
    controls = {
        "random": random_map(heat.shape, subject.cells, effort.seed),
        "centre": centre_map(heat.shape),
        "edges": edge_map(subject.volume),
    }
    maps = {"explanation": heat, **controls}
    deletion = _areas(report, "deletion", deletion_curve, subject, maps, shares, part(progress, 0, 0.5))
    insertion = _areas(report, "insertion", insertion_curve, subject, maps, shares, part(progress, 0.5, 1))
    best = min(controls, key=lambda name: deletion[name])
    report.below("deletion area", deletion["explanation"], deletion[best], _beside(deletion))
    best = max(controls, key=lambda name: insertion[name])
    report.above("insertion area", insertion["explanation"], insertion[best], _beside(insertion), strict=True)


def _areas(
    report: Report,
    name: str,
    curve: Callable[..., list[float]],
    subject: Subject,
    maps: Mapping[str, Floats],
    shares: tuple[float, ...],
    progress: Progress,
) -> dict[str, float]:
    areas = {}
    for k, (of, heat) in enumerate(maps.items()):
        inner = part(progress, k / len(maps), (k + 1) / len(maps))
        values = curve(heat, subject.volume, subject.probability, shares, inner)
        report.curves.append(Curve(name, of, shares, tuple(values)))
        areas[of] = area(values, shares)
    return areas


def _beside(areas: Mapping[str, float]) -> str:
    return "; ".join(f"{name} {value:.3f}" for name, value in areas.items() if name != "explanation")


def _stability(report: Report, subject: Subject, heat: Floats, seed: int, progress: Progress) -> None:
    steps = heat.ndim + 1
    inner = part(progress, 0, 1 / steps, "Adding noise")
    noisy = under_noise(heat, subject.volume, lambda v: subject.heat(volume=v, progress=inner), seed)
    report.above("stable under noise", noisy, STABLE, "rank correlation; noise of 2 % of the range")
    moved = []
    for axis in range(heat.ndim):
        share = part(progress, (axis + 1) / steps, (axis + 2) / steps, "Moving by a voxel")
        moved.append(under_shift(heat, subject.volume, _mover(subject, share), axis))
    report.above(
        "stable under a shift of one voxel", min(moved), STABLE, "lowest rank correlation of the axes"
    )


def _mover(subject: Subject, progress: Progress) -> Callable[[Floats, int], Floats]:
    def explain(volume: Floats, axis: int) -> Floats:
        region = None if subject.region is None else shifted(subject.region, axis)
        return subject.heat(volume=volume, region=region, progress=progress)

    return explain


def _hits(report: Report, heat: Floats, mask: Mask) -> None:
    share = f"the mask holds {mask.mean():.1%} of the window"
    report.above("strongest voxel in the mask", float(points_inside(heat, mask)), 1.0, share)
    report.above("energy in the mask", energy_inside(heat, mask), energy_needed(mask), share)
