"""A twin taught shuffled answers: read from folders, taught, and its map set beside the network's."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import napari_medai as medai
from napari_medai import Geometry, MedicalImage
from napari_medai.core.errors import ArgumentError, ReadError
from napari_medai.explain import check_explanation
from napari_medai.explain.check.controls import edge_map
from napari_medai.explain.learner import teach
from napari_medai.explain.lessons import read_lessons
from napari_medai.explain.twin import shuffled, shuffled_twin
from napari_medai.models.model import Model
from napari_medai.models.networks import build_network
from napari_medai.models.spec import ModelSpec
from napari_medai.models.store import load_model
from napari_medai.phantoms import tissue_with_lesion

SHUFFLED = ["answers shuffled: Spearman", "answers shuffled: SSIM"]
BASE = {
    "schema": "napari-medai/model/1",
    "name": "tiny",
    "version": "1.0.0",
    "licence": "BSD-3-Clause",
    "citation": "none",
    "channels": ["image"],
    "spacing": [1.0, 1.0],
    "tile": [32, 32],
}
POOLED = {"name": "pooled", "arguments": {"widths": [4, 8], "strides": [2, 2]}}
UNET = {"name": "unet", "arguments": {"widths": [4, 8], "strides": [2]}}


def built(**changes: object) -> Model:
    torch.manual_seed(0)
    spec = ModelSpec.model_validate({**BASE, **changes})
    return Model(spec, build_network(spec).eval().requires_grad_(False))


@pytest.mark.parametrize("steps", [1, 9, 10, 11, 21])
def test_a_network_is_taught_for_any_number_of_steps(steps: int):
    model = built(task="classification", network=POOLED, outputs={"classes": ["none", "some"]})
    volumes = [some(k)[None, :32] for k in range(2)]
    taught = teach(model.network, volumes, [0, 1], steps=steps, batch=2)
    assert all(torch.isfinite(p).all() for p in taught.parameters())


@pytest.fixture(scope="module")
def classes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("tissue")
    for seed in range(24):
        of = ("none", "lesion")[seed % 2]
        (root / of).mkdir(exist_ok=True)
        image, _ = tissue_with_lesion(3000 + seed, 2, lesion=seed % 2 == 1)
        medai.write(image, root / of / f"{seed}.nii.gz")
    return root


def some(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(40, 32)).astype(np.float32)


def image_of(array: np.ndarray, kind: str = "intensity") -> MedicalImage:
    return MedicalImage(array, "yx", Geometry.from_spacing(array.shape, (1.0, 1.0)), kind=kind)


def test_no_case_keeps_its_own_answer_and_none_is_lost():
    dealt = shuffled(list(range(50)), seed=4)
    assert sorted(dealt) == list(range(50))
    assert all(a != b for a, b in enumerate(dealt))


def test_a_map_of_the_shipped_classifier_differs_from_its_twins(classes: Path):
    image, labels = tissue_with_lesion(101, 2)
    lesion = labels.with_array((np.asarray(labels.array) == 1).astype(np.uint8))
    result = check_explanation(
        image, "lesion-2d", None, lesion, target="lesion", training_folder=classes, twin_steps=25,
        device="cpu",
    )  # fmt: skip
    tests = result.table.set_index("test")
    assert tests.loc[SHUFFLED, "passed"].all(), result.table.to_string()
    assert "24 cases, 25 steps" in tests.loc[SHUFFLED[0], "note"]
    assert result.passed


def test_a_map_that_no_network_can_change_is_like_that_of_the_twin(
    classes: Path, monkeypatch: pytest.MonkeyPatch
):
    def edges(*_: object):
        return lambda network, sample, target, progress: edge_map(sample[0].numpy())

    monkeypatch.setattr("napari_medai.explain.checking._explainer", edges)
    image, _ = tissue_with_lesion(101, 2)
    result = check_explanation(
        image, "lesion-2d", target="lesion", training_folder=classes, twin_steps=1, draws=1, device="cpu"
    )
    tests = result.table.set_index("test")
    assert tests.loc[SHUFFLED, "value"].tolist() == pytest.approx([1, 1])
    assert not tests.loc[SHUFFLED, "passed"].any()


def test_the_twin_is_the_same_for_the_same_seed_and_the_network_stays(classes: Path):
    model = load_model("lesion-2d")
    before = {k: t.clone() for k, t in model.network.state_dict().items()}
    lessons = read_lessons(classes, model, 0)
    one, two = (
        shuffled_twin(model.network, lessons, task="classification", steps=2, seed=3) for _ in range(2)
    )
    for name, tensor in one.network.state_dict().items():
        assert torch.equal(tensor, two.network.state_dict()[name]), name
    assert all(torch.equal(t, before[k]) for k, t in model.network.state_dict().items())


def test_a_segmentation_model_is_taught_the_labels_of_other_cases(tmp_path: Path):
    model = built(task="segmentation", network=UNET, outputs={"labels": ["background", "blob"]})
    for part in ("imagesTr", "labelsTr"):
        (tmp_path / part).mkdir()
    for k in range(3):
        marks = np.zeros((40, 32), np.uint8)
        marks[20 + 4 * k : 26 + 4 * k, 4:10] = 1
        medai.write(image_of(some(k)), tmp_path / "imagesTr" / f"c{k}_0000.nii.gz")
        medai.write(image_of(marks, "labels"), tmp_path / "labelsTr" / f"c{k}.nii.gz")
    lessons = read_lessons(tmp_path, model, 0)
    assert [lesson.truth.sum() for lesson in lessons] == [36, 36, 36]
    assert lessons[0].volume.shape == (1, 32, 32)
    result = check_explanation(
        image_of(some(9)), model, image_of(np.eye(40, 32, dtype=np.uint8), "labels"), target="blob",
        training_folder=tmp_path, twin_steps=2, draws=1, device="cpu",
    )  # fmt: skip
    assert set(SHUFFLED) < set(result.table["test"])


def test_a_regression_model_is_taught_the_values_of_other_cases(tmp_path: Path):
    model = built(task="regression", network=POOLED, outputs={"values": ["age [y]", "size"]})
    rows = ["image,age [y],size"]
    for k in range(3):
        medai.write(image_of(some(k)), tmp_path / f"{k}.nii.gz")
        rows.append(f"{k}.nii.gz,{20 + k},{k / 2}")
    (tmp_path / "values.csv").write_text("\n".join(rows), encoding="utf-8")
    lessons = read_lessons(tmp_path, model, 0)
    assert [lesson.truth.tolist() for lesson in lessons] == [[20, 0], [21, 0.5], [22, 1]]
    twin = shuffled_twin(model.network, lessons, task="regression", steps=2)
    assert twin.cases == 3


def test_folders_that_teach_nothing_are_named(classes: Path, tmp_path: Path):
    model = load_model("lesion-2d")
    with pytest.raises(ReadError, match="no folder"):
        read_lessons(tmp_path / "nowhere", model, 0)
    other = built(task="classification", network=POOLED, outputs={"classes": ["none", "cyst"]})
    with pytest.raises(ArgumentError, match="has the class 'lesion'; model tiny knows none, cyst"):
        read_lessons(classes, other, 0)
    dense = built(task="segmentation", network=UNET, outputs={"labels": ["background", "blob"]})
    with pytest.raises(ReadError, match="no subfolders images and labels"):
        read_lessons(classes, dense, 0)
    values = built(task="regression", network=POOLED, outputs={"values": ["age"]})
    with pytest.raises(ReadError, match=r"no values\.csv"):
        read_lessons(classes, values, 0)
    (tmp_path / "values.csv").write_text("image,size\na.png,1\n", encoding="utf-8")
    with pytest.raises(ReadError, match="no column 'age'"):
        read_lessons(tmp_path, values, 0)
    with pytest.raises(ArgumentError, match="for landmarks cannot be trained here"):
        read_lessons(classes, load_model("head-phantom"), 0)
