"""Labels are spread evenly over folds, by themselves."""

import json

import numpy as np
import pytest
from disc_cases import disc_cases, small_plan

from napari_medai import Geometry, MedicalImage
from napari_medai.train import cases_of, label_groups, split_cases, train_model
from napari_medai.train.plan import SplitSettings
from napari_medai.train.strata import deal


def marked(name, *sizes):
    """Make a case in which label k + 1 takes so many voxels."""
    array = np.zeros(400, np.uint8)
    start = 0
    for value, size in enumerate(sizes, 1):
        array[start : start + size] = value
        start += size
    grid = Geometry.from_spacing((20, 20))
    array = array.reshape(20, 20)
    return (
        MedicalImage(array.astype(np.float32), "yx", grid, name=name),
        MedicalImage(array, "yx", grid, kind="labels"),
    )


def twelve():
    """Four of twelve have the rare label 2; label 1 is small in six and large in six."""
    pairs = [marked(f"p{k:02d}", 10 if k % 2 else 100, 5 if k < 4 else 0) for k in range(12)]
    return cases_of(*zip(*pairs, strict=True))


def test_every_fold_gets_its_share_of_what_is_rare_and_of_what_is_large():
    cases = twelve()
    groups = label_groups(cases)
    assert groups["p00"] >= {"1", "2", "much 1"}
    assert "much 1" not in groups["p01"]
    assert "2" not in groups["p05"]
    for seed in range(5):
        judged = []
        for fold in range(4):
            split = split_cases(cases, folds=4, fold=fold, seed=seed, groups=groups)
            assert sum("2" in groups[n] for n in split.validation) == 1
            assert 1 <= sum("much 1" in groups[n] for n in split.validation) <= 2
            assert len(split.validation) == 3
            judged += split.validation
        assert sorted(judged) == sorted(case.name for case in cases)


def test_without_strata_the_rare_label_is_left_to_chance():
    cases, groups = twelve(), label_groups(twelve())
    counts = {
        sum("2" in groups[n] for n in split_cases(cases, folds=4, fold=f, seed=s).validation)
        for f in range(4)
        for s in range(5)
    }
    assert counts != {1}


def test_the_test_part_gets_its_share_too():
    cases, groups = twelve(), label_groups(twelve())
    split = split_cases(cases, folds=3, test=0.25, groups=groups)
    assert len(split.test) == 3
    assert sum("2" in groups[n] for n in split.test) == 1


@pytest.mark.parametrize("seed", range(3))
def test_sizes_are_kept_whatever_the_groups(seed):
    rng = np.random.default_rng(seed)
    subjects = [f"s{k}" for k in range(17)]
    groups = {s: {w for w in "abcdef" if rng.random() < 0.3} for s in subjects}
    parts = deal(subjects, groups, [5, 4, 4, 4], np.random.default_rng(seed))
    assert [len(part) for part in parts] == [5, 4, 4, 4]
    assert sorted(s for part in parts for s in part) == sorted(subjects)
    for word in "abcdef":
        counts = [sum(word in groups[s] for s in part) for part in parts]
        assert max(counts) - min(counts) <= 3


def test_a_training_is_stratified_unless_the_plan_says_otherwise(tmp_path, monkeypatch):
    cases = disc_cases(4)
    asked = []
    monkeypatch.setattr("napari_medai.train.given.label_groups", lambda *_: asked.append(1) or {})
    for stratify in (True, False):
        plan = small_plan(cases, steps=1).model_copy(
            update={"split": SplitSettings(folds=2, stratify=stratify)}
        )
        train_model(cases, plan, out=tmp_path / str(stratify), device="cpu")
        assert "stratify" in (tmp_path / str(stratify) / "plan.yaml").read_text()
        assert len(json.loads((tmp_path / str(stratify) / "split.json").read_text())["validation"]) == 2
    assert asked == [1]
