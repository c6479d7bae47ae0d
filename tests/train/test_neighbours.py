"""Slices seen with their neighbours: planned, learnt, predicted, fine-tuned."""

import numpy as np
import pytest
from disc_cases import disc_cases

from napari_medai import Geometry, MedicalImage
from napari_medai.core.errors import ArgumentError
from napari_medai.models import load_folder
from napari_medai.models.check import check_model
from napari_medai.models.neighbours import input_names, middle_slices, neighbours_of, with_neighbours
from napari_medai.segment import predict_labels
from napari_medai.train import cases_of, estimate, fine_tune, make_plan, train_model
from napari_medai.train.augment import Augmentation
from napari_medai.train.augmentation.intensity import vary_intensities
from napari_medai.train.plan import parse_plan
from napari_medai.train.ranking import rank_by_uncertainty


def late_squares(seed):
    """Draw a square in each slice; the label lies where the square of the slice before is."""
    rng = np.random.default_rng(seed)
    image = rng.normal(0, 0.1, (8, 32, 32)).astype(np.float32)
    marks = np.zeros(image.shape, np.uint8)
    for z in range(8):
        y, x = rng.integers(0, 22, 2)
        image[z, y : y + 10, x : x + 10] += 1
        if z < 7:
            marks[z + 1, y : y + 10, x : x + 10] = 1
    grid = Geometry.from_spacing(image.shape, (8, 1, 1))
    return MedicalImage(image, "zyx", grid, name=f"p{seed}"), MedicalImage(marks, "zyx", grid, kind="labels")


def squares_plan(cases, dimensions, steps=60):
    plan = make_plan(cases, name="late", dimensions=dimensions)
    network = plan.network.model_copy(
        update={"arguments": {"widths": [8, 16, 16], "strides": [1, 2, 2], "norm": "batch"}}
    )
    plain = {"network": network, "patch": (32, 32), "batch": 6, "augment": Augmentation(share=0)}
    plan = plan.model_copy(update=plain | {"split": plan.split.model_copy(update={"none": True})})
    return plan.with_loop(epochs=1, steps=steps, rate=0.02, average=0.9, precision="fp32")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    cases = cases_of(*zip(*(late_squares(seed) for seed in range(4)), strict=True))
    place = tmp_path_factory.mktemp("late")
    return {
        kind: train_model(cases, squares_plan(cases, kind), out=place / kind, device="cpu")
        for kind in ("2", "2.5")
    }, place


def overlap_of(model):
    image, marks = late_squares(9)
    found = np.asarray(predict_labels(image, model, device="cpu").array)
    return 2 * (found * marks.array).sum() / (found.sum() + marks.array.sum())


def test_what_only_the_slice_before_tells_is_learnt_with_neighbours_alone(made):
    models, place = made
    assert overlap_of(models["2.5"]) > 0.85
    assert overlap_of(models["2"]) < 0.5
    again = load_folder(place / "2.5" / "model")
    assert again.spec.preparation.neighbours == 1
    assert again.spec.inputs == 3
    assert overlap_of(again) == overlap_of(models["2.5"])
    assert check_model(again).passed
    assert [k for k, _ in rank_by_uncertainty([late_squares(9)[0]], again)] == [0]


def test_the_first_and_the_last_slice_stand_in_beyond_the_ends():
    volume = np.arange(2 * 4 * 3 * 3, dtype=np.float32).reshape(2, 4, 3, 3)
    seen = with_neighbours(volume, 1)
    assert seen.shape == (6, 4, 3, 3)
    assert np.array_equal(seen[0, 0], volume[0, 0])
    assert np.array_equal(seen[3, 2], volume[1, 1])
    assert np.array_equal(seen[5, 3], volume[1, 3])
    assert np.array_equal(middle_slices(seen, 1), volume)
    assert np.array_equal(neighbours_of(volume, 2, 1), seen[:, 2])
    assert with_neighbours(volume, 0) is volume


def test_a_parent_without_neighbours_learns_to_see_them(made, tmp_path):
    models, _ = made
    cases = cases_of(*zip(*(late_squares(seed) for seed in range(4)), strict=True))
    tuned = fine_tune(models["2"], cases, squares_plan(cases, "2.5"), out=tmp_path / "run", device="cpu")
    assert input_names(tuned.spec) == ("image -1", "image", "image +1")
    assert "adapted" in tuned.spec.training["parent"]["tensors"]
    assert overlap_of(tuned) > 0.85


def test_the_planner_sees_thick_slices_with_neighbours_and_few_slices_alone():
    thick = cases_of(*zip(*(late_squares(0),), strict=True))
    assert not make_plan(thick).neighbours
    image, marks = late_squares(0)
    grid = Geometry.from_spacing((16, 32, 32), (8, 1, 1))
    doubled = [i.with_array(np.concatenate([i.array, i.array]), geometry=grid) for i in (image, marks)]
    more = cases_of([doubled[0]], [doubled[1]])
    plan = make_plan(more)
    assert (plan.slicewise, plan.neighbours) == (True, 1)
    assert parse_plan({**plan.model_dump(by_alias=True)}) == plan
    assert estimate(plan, "cpu").parameters > 0
    assert len(make_plan(more, dimensions="3").patch) == 3
    with pytest.raises(ArgumentError, match="needs volumes"):
        make_plan(disc_cases(), dimensions="2.5")
    with pytest.raises(ArgumentError, match="neighbours is 2 without slicewise"):
        parse_plan(make_plan(more, dimensions="3").model_dump(by_alias=True) | {"neighbours": 2})


def test_the_grey_scale_of_a_slice_and_its_neighbours_changes_alike():
    import torch

    patch = torch.rand(1, 32, 32).repeat(3, 1, 1)
    how = Augmentation(noise=0, blur=0, brightness=1, contrast=0.5, gamma=0.5, share=1)
    changed = vary_intensities(np.random.default_rng(0), patch, how, together=3)
    assert not torch.allclose(changed[0], patch[0])
    assert torch.allclose(changed[0], changed[1])
    apart = vary_intensities(np.random.default_rng(0), patch, how)
    assert not torch.allclose(apart[0], apart[1])
