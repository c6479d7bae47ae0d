"""Make a shipped landmark model: points of the project's own cephalogram, or of its own MR head.

    python scripts/train_phantom_points.py ceph --out src/napari_medai/models/shipped/ceph-phantom
    python scripts/train_phantom_points.py head --out src/napari_medai/models/shipped/head-phantom

Everything it learns from is drawn here by seed; the persons it is measured on have other seeds.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from napari_medai import Landmarks, MedicalImage
from napari_medai.landmarks import evaluate_landmarks
from napari_medai.models.check import make_case
from napari_medai.models.folder import save_folder
from napari_medai.models.model import Model
from napari_medai.models.points.find import find_points
from napari_medai.phantoms.ceph import cephalogram
from napari_medai.phantoms.head import mr_head
from napari_medai.train.journal import Epoch
from napari_medai.train.points.cases import PointCase
from napari_medai.train.points.fit import Conduct, fit_points
from napari_medai.train.points.plan import Size, plan_points

SEED = 5
LEARNT, CHECKED = {"ceph": 240, "head": 90}, {"ceph": 40, "head": 60}
CITATION = "napari-medai, the {} phantom; no patient's data"
NAMES = {"ceph": "cephalogram", "head": "MR head"}
SIZE: dict[str, Size] = {"ceph": "standard", "head": "small"}
STEPS = {"ceph": (600, 3000), "head": (500, 4000)}
WINDOWS = {"ceph": 24, "head": 6}
NARROW: dict[str, dict[str, Any]] = {"ceph": {"coarse_widths": (24, 32, 48, 64, 96)}, "head": {}}
"""The first stage of the cephalogram finds as well with a third of the weights; the package stays small."""
SCANS = (
    ((100, 116, 90), (2.0, 2.0, 2.0)),
    ((67, 154, 120), (3.0, 1.5, 1.5)),
    ((134, 92, 72), (1.5, 2.5, 2.5)),
)
UNMARKED = ("vertex",)
"""Points that nothing in an image marks: the vertex is where a ray from the depth leaves a smooth skin."""
CROPPED, EDGE_MM = 0.3, 4.0
MEASURED = {"ceph": range(5000, 5040), "head": range(5000, 5024)}
ANISOTROPIC = range(5100, 5108)
"""Seeds of other persons; results.md says which were looked at while the recipe changed, and adds others."""


def main() -> None:
    """Draw the persons, train and write the model."""
    options = read_options()
    if options.out.exists():
        raise SystemExit(f"{options.out} exists already; remove it first")
    draw = draw_ceph if options.which == "ceph" else draw_head
    count = LEARNT[options.which]
    cases = [draw(1000 + k) for k in range(count + CHECKED[options.which])]
    print(f"drew {len(cases)} persons", flush=True)
    coarse, fine = (max(1, int(n * options.share)) for n in STEPS[options.which])
    plan = plan_points(
        cases,
        size=SIZE[options.which],
        coarse_steps=coarse,
        fine_steps=fine,
        fine_batch=WINDOWS[options.which],
        minutes=options.minutes,
        **NARROW[options.which],
    )
    spec = plan.spec(f"{options.which}-phantom", "BSD-3-Clause", CITATION.format(NAMES[options.which]))
    conduct = Conduct(out=options.work, seed=SEED, resume=options.work is not None, watch=say, device="cpu")
    done = fit_points(plan, spec, cases[:count], cases[count:], conduct)
    course = {n: {"steps": t.epochs[-1].step, "minutes": round(t.epochs[-1].seconds / 60, 1)}
              for n, t in (("coarse", done.coarse), ("fine", done.fine))}  # fmt: skip
    print(finish(done.model, options.which, options.out, course).card)


def finish(model: Model, which: str, out: Path, course: Mapping[str, Any]) -> Model:
    """Measure a model on persons it never saw, write its card and self-check, and save it."""
    views = {"as it was trained": measured(which, MEASURED[which])}
    if which == "head":
        views["voxels of 1 x 1 x 3 mm"] = [fine_head(seed) for seed in ANISOTROPIC]
    figures = {}
    for name, cases in views.items():
        found = [find_points(model, case.image) for case in cases]
        result = evaluate_landmarks(found, [case.points for case in cases])
        figures[name] = dict(zip(result.summary["figure"], result.summary["value"], strict=True))
        print(name, result.summary, result.points, sep="\n", flush=True)
    training = {
        "script": "scripts/train_phantom_points.py",
        "persons": LEARNT[which],
        "course": dict(course),
        "figures": {k: known(v) for k, v in figures.items()},
    }
    spec = model.spec.model_copy(update={"training": training})
    small = (
        cephalogram(0, (100, 90), (2, 2)).image
        if which == "ceph"
        else mr_head(0, (34, 43, 32), (6, 6, 6)).image
    )
    stored = (
        (65535 * np.asarray(small.array)).astype(np.uint16)
        if which == "ceph"
        else np.asarray(small.array).astype(np.int16)
    )
    model = replace(model, spec=spec, card=card(which, model, figures))
    return save_folder(replace(model, case=make_case(model, small.with_array(stored))), out, half=True)


def known(figures: dict[str, float]) -> dict[str, float]:
    """Leave out what could not be measured."""
    return {name: round(float(value), 4) for name, value in figures.items() if np.isfinite(value)}


def measured(which: str, seeds: range) -> list[PointCase]:
    """Draw the persons a model is measured on."""
    return [(draw_ceph if which == "ceph" else draw_head)(seed) for seed in seeds]


def fine_head(seed: int) -> PointCase:
    """Draw a head in voxels of 1 x 1 x 3 mm."""
    head = mr_head(seed, (67, 232, 180), (3.0, 1.0, 1.0))
    return PointCase(head.image, flagged(head.image, head.landmarks), f"head {seed}")


def card(which: str, model: Model, figures: dict[str, dict[str, float]]) -> str:
    """Write the model's card."""
    keys = {"mean": "mean radial error, mm", "p95": "95th percentile, mm", "within_2": "within 2 mm",
            "absent_f1": "F1 of absence", "in_90_percent_ellipse": "truths in the 90 % ellipse"}  # fmt: skip
    rows = "\n".join(
        f"| {words} | " + " | ".join(f"{view.get(key, float('nan')):.3f}" for view in figures.values()) + " |"
        for key, words in keys.items()
    )
    template = Path(__file__).with_name("phantom_points_card.md").read_text(encoding="utf-8")
    return template.format(
        name=model.spec.name,
        version=model.spec.version,
        what=NAMES[which],
        count=len(model.spec.outputs.points),
        points=", ".join(model.spec.outputs.points),
        persons=LEARNT[which],
        views=" | ".join(figures),
        line="|---" * (len(figures) + 1) + "|",
        rows=rows,
        licence=model.spec.licence,
    )


def read_options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("which", choices=("ceph", "head"))
    parser.add_argument("--out", type=Path, required=True, help="the model folder to make")
    parser.add_argument("--share", type=float, default=1.0, help="share of the usual number of steps")
    parser.add_argument("--minutes", type=float, help="end after this time, the rate having fallen with it")
    parser.add_argument("--work", type=Path, help="a folder for checkpoints, to go on from after a stop")
    return parser.parse_args()


def say(epoch: Epoch, _: object) -> None:
    """Print the course of the training."""
    figures = "  ".join(f"{k} {v:.3f}" for k, v in epoch.metrics.items())
    print(f"step {epoch.step}  {epoch.seconds:.0f} s  loss {epoch.loss:.3f}  {figures}", flush=True)


def draw_ceph(seed: int) -> PointCase:
    """Draw a cephalogram."""
    ceph = cephalogram(seed)
    return PointCase(ceph.image, ceph.landmarks, f"ceph {seed}")


def draw_head(seed: int, cropped: float = CROPPED) -> PointCase:
    """Draw a head in one of three spacings; of some, only a part is scanned."""
    shape, spacing = SCANS[seed % len(SCANS)]
    head = mr_head(seed, shape, spacing)
    image, points = head.image, head.landmarks
    rng = np.random.default_rng([seed, 31])
    if rng.random() < cropped:
        whole = image
        while at_the_edge(image := part_of(whole, rng), points):
            pass
    return PointCase(image, flagged(image, points), f"head {seed}")


def at_the_edge(image: MedicalImage, points: Landmarks) -> bool:
    """Whether a point lies where the first or the last slice ends, so that nobody could tell."""
    height = image.geometry.world_to_index(points.positions)[:, 0] * image.geometry.spacing[0]
    last = (image.spatial_shape[0] - 1) * image.geometry.spacing[0]
    return bool(np.any(np.minimum(abs(height), abs(height - last)) < EDGE_MM))


def part_of(image: MedicalImage, rng: np.random.Generator) -> MedicalImage:
    """Leave away up to 45 % of the slices, at the top or the bottom."""
    count = image.spatial_shape[0]
    lost = int(count * rng.uniform(0.15, 0.45))
    start = lost if rng.random() < 0.5 else 0
    geometry = image.geometry.cropped((start, 0, 0), (count - lost, *image.spatial_shape[1:]))
    return image.replace(array=np.asarray(image.array)[start : start + count - lost], geometry=geometry)


def flagged(image: MedicalImage, points: Landmarks) -> Landmarks:
    """Leave out what nothing marks; say which points an image does not reach."""
    points = points.selected([n for n in points.names if n not in UNMARKED])
    index = image.geometry.world_to_index(points.positions)
    outside = np.any((index < -0.5) | (index > np.array(image.spatial_shape) - 0.5), axis=1)
    return points.replace(absent=outside)


if __name__ == "__main__":
    main()
