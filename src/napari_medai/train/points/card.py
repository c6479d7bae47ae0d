"""What a landmark model says about itself: its figures on cases kept aside, and its card."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from napari_medai.core.geometry import FloatArray
from napari_medai.models.model import Model
from napari_medai.models.points.find import find_points
from napari_medai.models.spec import ModelSpec
from napari_medai.train.points.cases import PointCase

RADII = {2: (2.0, 2.5, 3.0, 4.0), 3: (1.0, 2.0, 3.0, 5.0)}


@dataclass(frozen=True, eq=False)
class PointFigures:
    """Radial errors on cases that were not learnt from.

    Parameters
    ----------
    rows : list of (str, float, float, float)
        Name, mean error, 95th percentile, and the mean error of the trivial answer (the mean place in the
        training images), in the model's unit.
    summary : dict
        The same over all points, and shares within usual distances.
    """

    rows: Sequence[tuple[str, float, float, float]]
    summary: Mapping[str, float]


def point_figures(
    model: Model, learn: Sequence[PointCase], check: Sequence[PointCase], device: str = "cpu"
) -> PointFigures:
    """Measure a model on cases kept aside, beside the trivial answer."""
    names = model.spec.outputs.points
    errors, trivial = np.full((2, len(check), len(names)), np.nan)
    mean = _mean_places(learn, names)
    for row, case in enumerate(check):
        found, truth = find_points(model, case.image, device=device), case.points.present
        centre = _centre(case)
        for column, name in enumerate(names):
            if name in truth.names:
                errors[row, column] = np.linalg.norm(found[name] - truth[name])
                trivial[row, column] = np.linalg.norm(mean[column] + centre - truth[name])
    columns = zip(names, errors.T, trivial.T, strict=True)
    rows = [(n, _mean(e), _percentile(e), _mean(t)) for n, e, t in columns]
    summary = {"mean_error": _mean(errors), "p95": _percentile(errors), "trivial_mean_error": _mean(trivial)}
    known = errors[np.isfinite(errors)]
    radii = RADII[model.spec.ndim]
    summary |= {f"within_{r:g}": float(np.mean(known <= r)) for r in radii if len(known)}
    return PointFigures(rows, {k: round(v, 4) for k, v in summary.items() if np.isfinite(v)})


def point_card(spec: ModelSpec, figures: PointFigures) -> str:
    """Write a model's card."""
    unit = "mm" if spec.points is None else spec.points.unit
    training: Mapping[str, Any] = spec.training
    cases = training.get("cases", {})
    rows = "\n".join(f"| {n} | {e:.2f} | {p:.2f} | {t:.1f} |" for n, e, p, t in figures.rows)
    whole = figures.summary
    within = "; ".join(
        f"{100 * v:.1f} % within {k.removeprefix('within_')} {unit}"
        for k, v in whole.items()
        if k.startswith("within")
    )
    return f"""# {spec.name} {spec.version}
Finds {len(spec.outputs.points)} points in {spec.ndim}-D images: {", ".join(spec.outputs.points)}.

## Training
{cases.get("train", "?")} cases; {training.get("minutes", "?")} minutes.

## Figures
Radial error on {cases.get("validation", "?")} cases that were not learnt from, in {unit}. They chose the best
epoch and calibrated the error bars, so they flatter a little. Trivial: the mean place of the point, seen from
the middle of the image.

All points: mean {whole.get("mean_error", float("nan")):.2f} {unit}; {within}.

| point | mean | 95th percentile | trivial |
|---|---|---|---|
{rows}

## Limits
Nothing is known about images of other scanners, patients or protocols than those it learnt from. Look at
every point before it is used; the ellipses say where to look first. For research; not for diagnosis.

Licence: {spec.licence}. Cite: {spec.citation}.
"""


def _mean_places(cases: Sequence[PointCase], names: Sequence[str]) -> FloatArray:
    """Where each point lies on average, from the middle of its image."""
    places = np.full((len(cases), len(names), cases[0].image.spatial_ndim), np.nan)
    for row, case in enumerate(cases):
        known = case.points.present
        for column, name in enumerate(names):
            if name in known.names:
                places[row, column] = known[name] - _centre(case)
    return np.asarray(np.nanmean(places, axis=0))


def _centre(case: PointCase) -> FloatArray:
    geometry = case.image.geometry
    return geometry.index_to_world((np.array(geometry.shape) - 1) / 2)


def _mean(values: FloatArray) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else float("nan")


def _percentile(values: FloatArray) -> float:
    known = values[np.isfinite(values)]
    return float(np.percentile(known, 95)) if len(known) else float("nan")
