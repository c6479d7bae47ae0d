"""What a classifier says, as a measure in the tables of a recipe and a batch."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

import napari_medai as medai
from napari_medai import recipe
from napari_medai.explain import classify_image
from napari_medai.phantoms import tissue_with_lesion

STEPS = {
    "schema": "napari-medai/recipe/1",
    "name": "classes",
    "inputs": {"image": {"kind": "intensity"}},
    "steps": [
        {
            "id": "classes",
            "operation": "classify_image",
            "inputs": {"image": "image"},
            "options": {"model": "lesion-2d", "device": "cpu"},
        }
    ],
    "outputs": ["classes"],
}


def test_a_batch_gathers_the_classes_of_every_image(tmp_path: Path):
    steps = recipe.Recipe.from_json(STEPS)
    images = {f"t{seed}": tissue_with_lesion(seed, 2, lesion=seed % 2 == 1)[0] for seed in (200, 201)}
    (tmp_path / "in").mkdir()
    for name, image in images.items():
        medai.write(image, tmp_path / "in" / f"{name}.nii.gz")
    cases = recipe.find_cases(steps, [tmp_path / "in"])
    recipe.run_batch(steps, cases, tmp_path / "out", workers=1)
    with (tmp_path / "out" / "summary.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [(r["case"], r["class"]) for r in rows if r["chosen"] == "True"] == [
        ("t200", "none"),
        ("t201", "lesion"),
    ]
    expected = classify_image(images["t201"], "lesion-2d", device="cpu")
    found = [float(r["probability"]) for r in rows if r["case"] == "t201"]
    assert found == pytest.approx(expected["probability"].tolist(), abs=1e-6)
