"""Models are judged by case and label, with intervals, beside what costs nothing; so do the commands."""

import numpy as np
import pytest
from disc_cases import disc_cases, small_plan
from scipy.stats import bootstrap

from napari_medai import write
from napari_medai.cli.app import commands
from napari_medai.cli.failure import guarded
from napari_medai.core.errors import ArgumentError
from napari_medai.measure import compare_labels
from napari_medai.models import load_folder
from napari_medai.segment import predict_labels
from napari_medai.train import Cases, read_plan, train_model, write_plan
from napari_medai.train.evaluation import bootstrap_interval, evaluate_folds, evaluate_model


@pytest.fixture(scope="module")
def folds(tmp_path_factory):
    """Two folds of one training."""
    folder, cases = tmp_path_factory.mktemp("folds"), disc_cases(4)
    plan = small_plan(cases)
    for k in range(2):
        split = plan.split.model_copy(update={"folds": 2, "fold": k})
        train_model(cases, plan.model_copy(update={"split": split}), out=folder / f"fold{k}", device="cpu")
    return [folder / "fold0", folder / "fold1"]


def test_every_case_and_label_has_its_figures_beside_a_trivial_one(folds):
    model, cases = load_folder(folds[0] / "model"), disc_cases(6)
    done = evaluate_model(model, cases, device="cpu")
    assert list(done.table["case"]) == [c.name for c in cases]
    first = cases.items[0]
    expected = compare_labels(first.labels, predict_labels(first.images[0], model)).iloc[0]
    assert done.table.dice[0] == pytest.approx(expected.dice)
    assert done.table.hd95_pixel[0] == pytest.approx(expected.hd95_pixel)
    row = done.summary.set_index("measure").loc["dice"]
    assert row["mean"] == pytest.approx(done.table.dice.mean())
    assert row.low < row["mean"] < row.high
    assert 0 < done.table.trivial_dice[0] < done.table.dice[0]


def test_a_case_that_cannot_be_judged_is_named_and_the_others_are(folds, tmp_path):
    from napari_medai.train import Case

    cases = disc_cases(2)
    broken = Case("broken", (tmp_path / "nothing.nii",), cases.items[0].labels)
    done = evaluate_model(folds[0] / "model", Cases((*cases.items, broken)), device="cpu")
    assert list(done.failed) == ["broken"]
    assert len(done.table) == 2


def test_folds_are_judged_on_what_they_did_not_learn_from(folds):
    done = evaluate_folds(folds, disc_cases(4), device="cpu")
    assert sorted(done.table["case"]) == ["d0", "d1", "d2", "d3"]
    with pytest.raises(ArgumentError, match="validated on twice"):
        evaluate_folds([folds[0], folds[0]], disc_cases(4), device="cpu")


def test_the_interval_is_scipys_where_each_subject_has_one_case():
    values = np.random.default_rng(0).normal(0.8, 0.1, 30)
    low, high = bootstrap_interval(values, np.arange(30))
    peer = bootstrap((values,), np.mean, method="percentile", n_resamples=5000, rng=0).confidence_interval
    assert abs(low - peer.low) < 0.004  # two draws of thousands differ by about a tenth of this
    assert abs(high - peer.high) < 0.004
    twice = bootstrap_interval(np.repeat(values, 2), np.repeat(np.arange(30), 2))
    assert twice == pytest.approx((low, high))


def test_the_commands_plan_train_tune_and_judge(tmp_path, capfd):
    data = tmp_path / "data"
    data.mkdir()
    for case in disc_cases(3):
        write(case.images[0], data / f"{case.name}_image.nii.gz")
        write(case.labels, data / f"{case.name}_seg.nii.gz")
    where = ["--image", "*_image.nii.gz", "--labels", "*_seg.nii.gz"]

    def run(*words):
        code = guarded(commands, [str(word) for word in words])
        said = capfd.readouterr()
        assert code == 0, said.err
        return said

    plan = tmp_path / "plan.yaml"
    assert "s a step" in run("plan", data, *where, "--name", "discs", "-o", plan).err
    small = small_plan(disc_cases(3), epochs=1, steps=2).model_copy(update={"cases": read_plan(plan).cases})
    write_plan(small, plan)
    assert "epoch 1  step 2" in run("train", plan, "-o", tmp_path / "a", "--device", "cpu").out
    write_plan(small.model_copy(update={"name": "tuned"}), tmp_path / "tune.yaml")
    tune = ["fine-tune", tmp_path / "a" / "model", data, *where, "--plan", tmp_path / "tune.yaml"]
    assert "Fine-tuned from discs@1.0.0" in run(*tune, "-o", tmp_path / "b", "--device", "cpu").out
    table = tmp_path / "table.csv"
    assert "trivial_dice" in run("evaluate", tmp_path / "b" / "model", data, *where, "-o", table).out
    assert table.read_text().count("\n") == 4
    assert (tmp_path / "table-summary.csv").is_file()
