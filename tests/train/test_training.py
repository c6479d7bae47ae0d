"""From cases and a plan to a model folder that predicts; from a model to a better one."""

import numpy as np
import pytest
import torch
from disc_cases import disc_cases, discs, small_plan

from napari_medai import Geometry, MedicalImage
from napari_medai.core.errors import ArgumentError, Cancelled, ModelError
from napari_medai.models import load_folder
from napari_medai.models.check import check_model
from napari_medai.models.networks import dynunet
from napari_medai.segment import predict_labels
from napari_medai.train import Cases, cases_of, fine_tune, train_model
from napari_medai.train.transfer import rate_factors, transfer_weights


@pytest.fixture(scope="module")
def discs_model(tmp_path_factory):
    cases = disc_cases()
    return train_model(cases, small_plan(cases), out=tmp_path_factory.mktemp("discs") / "run", device="cpu")


def test_the_model_predicts_what_it_was_shown(discs_model):
    image, marks = discs(99)
    found = np.asarray(predict_labels(image, discs_model).array)
    overlap = 2 * (found * marks.array).sum() / (found.sum() + marks.array.sum())
    assert overlap > 0.8
    assert discs_model.spec.training["cases"] == {"train": 4, "validation": 1, "test": 0}
    assert "score" in discs_model.card
    assert check_model(discs_model).passed


def test_a_stopped_training_resumes_to_the_same_model(discs_model, tmp_path):
    cases = disc_cases()

    def stop(step):
        if step.message.startswith("Epoch 2") and step.fraction > 0.7:
            raise Cancelled

    with pytest.raises(Cancelled):
        train_model(cases, small_plan(cases), out=tmp_path / "run", device="cpu", progress=stop)
    assert {p.name for p in (tmp_path / "run" / "run").iterdir()} == {
        "best.safetensors", "last.safetensors", "log.csv", "log.tfevents"
    }  # fmt: skip
    again = train_model(cases, small_plan(cases), out=tmp_path / "run", device="cpu", resume=True)
    for a, b in zip(again.network.parameters(), discs_model.network.parameters(), strict=True):
        assert torch.equal(a, b)
    with pytest.raises(ArgumentError, match="finished model"):
        train_model(cases, small_plan(cases), out=tmp_path / "run")


def test_deep_supervision_and_every_augmentation_still_make_a_plain_model(tmp_path):
    cases = disc_cases()
    plan = small_plan(cases, steps=4)
    how = dict.fromkeys(("gamma", "low_resolution", "bias_field", "motion"), 0.5)
    how |= {"elastic": 0.1, "share": 1.0, "style": "fourier", "style_share": 1.0}
    plan = plan.model_copy(
        update={
            "augment": plan.augment.model_copy(update=how),
            "objective": plan.objective.model_copy(update={"deep_supervision": True}),
        }
    )
    model = train_model(cases, plan, out=tmp_path / "run", device="cpu")
    assert predict_labels(discs(7)[0], load_folder(tmp_path / "run" / "model")).kind == "labels"
    assert not any("heads" in name for name, _ in model.network.named_parameters())


def test_dropout_depends_on_the_seed_alone_and_is_over_after_the_training(tmp_path):
    cases = disc_cases()
    plan = small_plan(cases, steps=3)
    network = plan.network.model_copy(update={"arguments": {**plan.network.arguments, "dropout": 0.3}})
    dropping = plan.model_copy(update={"network": network})
    once, again, plain = (
        train_model(cases, p, out=tmp_path / name, device="cpu")
        for name, p in (("once", dropping), ("again", dropping), ("plain", plan))
    )
    weights = [torch.cat([p.flatten() for p in m.network.parameters()]) for m in (once, again, plain)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])
    image = discs(7)[0]
    assert np.array_equal(*(predict_labels(image, once, device="cpu").array for _ in range(2)))
    shapes = [{n: t.shape for n, t in m.network.state_dict().items()} for m in (once, plain)]
    assert shapes[0] == shapes[1]
    once.network.train()
    scores = once.network(torch.ones(1, len(plan.channels), 64, 64))
    assert not (scores == 0).any()


def test_one_case_is_trained_on_but_not_judged(tmp_path):
    cases = disc_cases(1)
    model = train_model(cases, small_plan(cases, steps=3), out=tmp_path / "run", device="cpu")
    assert "not validated" in model.card
    plan = small_plan(cases)
    strict = plan.model_copy(update={"split": plan.split.model_copy(update={"none": False})})
    with pytest.raises(ArgumentError, match="Found 1 subject"):
        train_model(cases, strict, out=tmp_path / "strict")


def test_fine_tuning_names_its_parent_and_stands_beside_it(discs_model, tmp_path):
    tuned = fine_tune(discs_model, disc_cases(3), small_plan(disc_cases(3), steps=5), out=tmp_path / "run",
                      freeze_encoder=True, device="cpu")  # fmt: skip
    parent = tuned.spec.training["parent"]
    assert tuned.spec.parent == discs_model.digest
    assert parent["before"]["score"] > 0.5
    assert parent["after"]["score"] > 0.5
    assert "parent" in tuned.card
    same = dict(tuned.network.named_parameters())
    for name, tensor in discs_model.network.named_parameters():
        frozen = name.startswith(("input_block", "downsamples", "bottleneck"))
        assert torch.equal(tensor, same[name]) == frozen, name


def test_fine_tuning_meets_new_labels_and_refuses_other_tasks(discs_model, tmp_path):
    pairs = [discs(seed, value=1 + seed % 2) for seed in range(4)]
    cases = cases_of([image for image, _ in pairs], [marks for _, marks in pairs])
    named = Cases(cases.items, labels=("background", "label 1", "other"))
    plan = small_plan(named, steps=3).model_copy(update={"split": small_plan(disc_cases(1)).split})
    tuned = fine_tune(discs_model, named, plan, out=tmp_path / "run", device="cpu")
    assert tuned.spec.training["parent"]["adapted"] == [
        "output_block.conv.conv.weight", "output_block.conv.conv.bias",
    ]  # fmt: skip
    with pytest.raises(ModelError, match="3-D; the cases are labelled in 2-D"):
        fine_tune("phantom-3d", cases, out=tmp_path / "other")


def test_tensors_are_kept_adapted_or_new():
    widths, strides = (4, 8, 8), (1, 2, 2)
    parent = dynunet(2, 1, 2, widths=widths, strides=strides)
    child = dynunet(2, 2, 3, widths=widths, strides=strides)
    report = transfer_weights(
        parent, child, channels=(("t1",), ("t2", "t1")), labels=(("bg", "a"), ("bg", "b", "a"))
    )
    assert set(report.adapted) == {
        "input_block.conv1.conv.weight",
        "output_block.conv.conv.weight",
        "output_block.conv.conv.bias",
    }
    assert not report.new
    old, new = dict(parent.named_parameters()), dict(child.named_parameters())
    head = "output_block.conv.conv.weight"
    assert torch.equal(new[head][2], old[head][1])
    assert torch.equal(new["input_block.conv1.conv.weight"][:, 1], old["input_block.conv1.conv.weight"][:, 0])
    factors = rate_factors(child, decay=0.5, new=report.adapted)
    assert factors[head] == 1
    assert (
        factors["downsamples.0.conv1.conv.weight"] < factors["upsamples.0.conv_block.conv1.conv.weight"] < 1
    )


def stack_of_discs(seed):
    """Six slices of discs, thick ones."""
    pairs = [discs(10 * seed + z) for z in range(6)]
    geometry = Geometry.from_spacing((6, 48, 48), (8.0, 1.0, 1.0))
    image, marks = (np.stack([pair[k].array for pair in pairs]) for k in range(2))
    name = f"v{seed}"
    return MedicalImage(image, "zyx", geometry, name=name), MedicalImage(
        marks, "zyx", geometry, kind="labels"
    )


def test_thick_slices_are_learnt_and_predicted_slice_by_slice(tmp_path):
    pairs = [stack_of_discs(seed) for seed in range(3)]
    cases = cases_of([image for image, _ in pairs], [marks for _, marks in pairs])
    plan = small_plan(cases)
    assert plan.slicewise
    assert plan.spacing == (1.0, 1.0)
    model = train_model(cases, plan, out=tmp_path / "run", device="cpu")
    image, marks = stack_of_discs(9)
    found = np.asarray(predict_labels(image, model).array)
    assert found.shape == (6, 48, 48)
    assert 2 * (found * marks.array).sum() / (found.sum() + marks.array.sum()) > 0.75
    tuned = fine_tune(model, cases, small_plan(cases, steps=2), out=tmp_path / "tuned", device="cpu")
    assert tuned.spec.preparation.slicewise
