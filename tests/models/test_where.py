"""Only what is asked for is looked at: in boxes, in several images, where a first look found something."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_models import noise_image, threshold_model

from napari_medai import Geometry, MedAIError, MedicalImage
from napari_medai.core.boxes import Boxes
from napari_medai.models import choice_store, coarse
from napari_medai.models.coarse import halved
from napari_medai.models.engine import How
from napari_medai.models.model import CheckCase
from napari_medai.models.pipeline import segment_image
from napari_medai.models.region import bounds_of, content_bounds, mask_of_boxes
from napari_medai.models.windows import window_grid
from napari_medai.segment.predict import predict_labels


@pytest.fixture(autouse=True)
def _own_probes(tmp_path, monkeypatch):
    monkeypatch.setenv(choice_store.VARIABLE, str(tmp_path / "probes.json"))


@given(seed=st.integers(0, 10_000))
def test_a_box_holds_the_voxels_whose_centres_lie_in_it(seed):
    rng = np.random.default_rng(seed)
    affine = np.eye(4)
    affine[:3, :3] = np.linalg.qr(rng.normal(size=(3, 3)))[0] * rng.uniform(0.5, 3, 3)
    affine[:3, 3] = rng.normal(size=3) * 10
    grid = Geometry((7, 9, 8), affine, "mm")
    places = grid.index_to_world(np.moveaxis(np.indices(grid.shape), 0, -1))
    centre = places[3, 4, 4]
    low, high = centre - rng.uniform(0.1, 12, 3), centre + rng.uniform(0.1, 12, 3)
    expected = np.all((places >= low) & (places <= high), axis=-1)
    np.testing.assert_array_equal(mask_of_boxes(Boxes([low], [high], ("box",)), grid), expected)


def test_only_boxes_are_labelled():
    image = noise_image((40, 40, 40), (2, 1, 1))
    boxes = Boxes([(5, 3, 10), (30, 30, 60)], [(12, 9, 20), (35, 35, 70)], ("a", "b"))
    labels = predict_labels(image, threshold_model(0.0), boxes=boxes)
    inside = mask_of_boxes(boxes, image.geometry)
    assert inside.sum() == 8 * 7 * 6 + 6 * 6 * 6
    np.testing.assert_array_equal(labels.array, (image.array > 0) & inside)
    region = image.with_array((image.array > 1).astype(np.uint8), kind="labels")
    both = predict_labels(image, threshold_model(0.0), region=region, boxes=boxes)
    np.testing.assert_array_equal(both.array, (image.array > 1) & inside)


def test_a_box_beside_the_image_is_said():
    far = Boxes([(500, 0, 0)], [(510, 5, 5)], ("box",))
    with pytest.raises(MedAIError, match="No voxel"):
        predict_labels(noise_image((20, 20, 20)), threshold_model(0.0), boxes=far)
    with pytest.raises(MedAIError, match="in 3-D"):
        predict_labels(noise_image((20, 20, 20)), threshold_model(0.0), boxes=Boxes([(0, 0)], [(1, 1)], "b"))


def test_channels_may_be_images_of_their_own():
    one, two = noise_image((20, 20, 20), seed=1), noise_image((20, 20, 20), seed=2)
    model = threshold_model(0.0, channels=("T1", "T2"))
    labels = predict_labels(two, model, channels=[one])
    np.testing.assert_array_equal(labels.array, two.array > 0)
    with pytest.raises(MedAIError, match="2 channel"):
        predict_labels(one, model)
    with pytest.raises(MedAIError, match="one plain image each"):
        predict_labels(one, model, channels=[one.with_array(one.array[None], axes="czyx")])


@given(
    size=st.tuples(*[st.integers(1, 90)] * 3),
    tile=st.tuples(*[st.integers(1, 40)] * 3),
    overlap=st.sampled_from([0.0, 0.25, 0.5, 0.8]),
    seed=st.integers(0, 1000),
)
def test_bounds_hold_their_region_in_no_more_windows_than_it_needs(size, tile, overlap, seed):
    rng = np.random.default_rng(seed)
    low = [int(rng.integers(0, n)) for n in size]
    high = [int(rng.integers(a + 1, n + 1)) for a, n in zip(low, size, strict=True)]
    mask = np.zeros(size, bool)
    mask[tuple(slice(a, b) for a, b in zip(low, high, strict=True))] = True
    bounds = bounds_of(mask, tile, overlap, margin=0)
    assert bounds.mask.sum() == mask.sum(), "nothing lies outside"
    for s, n, t, a, b in zip(bounds.box, size, tile, low, high, strict=True):
        assert 0 <= s.start < s.stop <= n
        assert s.stop - s.start >= min(n, t)
        needed, used = (len(window_grid([max(k, t)], [t], overlap)) for k in (b - a, s.stop - s.start))
        assert used == needed


@pytest.mark.parametrize("filling", [0.0, -1000.0])
def test_no_window_is_spent_where_an_image_is_filled_up_with_one_value(filling):
    image = noise_image((64, 64, 64))
    array = np.full_like(image.array, filling)
    array[20:44, 30:60, 10:40] = image.array[20:44, 30:60, 10:40]
    image, model = image.with_array(array), threshold_model(0.0)
    counted = {}
    for quality in ("exact", "balanced", "fast"):
        counted[quality] = []
        labels = segment_image(model, image, how=How(quality=quality), progress=counted[quality].append)
        np.testing.assert_array_equal(labels.array, array > 0)
        assert ("filled up with one value" in labels.meta.get("engine", "")) == (quality != "exact")
    windows = {k: sum("Predicting" in step.message for step in v) for k, v in counted.items()}
    assert windows["fast"] <= windows["balanced"] < windows["exact"] / 3


def test_fast_leaves_noisy_air_out():
    array = np.random.default_rng(0).normal(size=(64, 64, 64)).astype(np.float32)
    array[40:, 40:, 40:] += 100
    image = noise_image((64, 64, 64)).with_array(array)
    windows = {}
    for quality in ("balanced", "fast"):
        steps = []
        how = How(quality=quality, overlap=0.25)
        labels = segment_image(threshold_model(50.0), image, how=how, progress=steps.append)
        np.testing.assert_array_equal(labels.array, array > 50)
        windows[quality] = sum("Predicting" in step.message for step in steps)
    assert windows["fast"] < windows["balanced"] / 2


def test_an_image_of_one_value_is_looked_at_like_any_other():
    image = noise_image((20, 20, 20))
    full = image.with_array(np.full_like(image.array, 3.0))
    assert content_bounds(full.array[None], (16, 16, 16), 0.5) is None
    assert segment_image(threshold_model(0.0), full, how=How(quality="balanced")).array.all()


def test_halving_averages_pairs():
    volume = np.arange(10, dtype=np.float32).reshape(1, 2, 5)
    np.testing.assert_array_equal(halved(volume), [[[3, 5, 6.5]]])


def found_by_fast(monkeypatch, knows):
    """Labels and what was said, of a few balls in noise, by a model that judges voxels one by one."""
    monkeypatch.setattr(coarse, "WORTH_WINDOWS", 3)
    array = np.random.default_rng(0).normal(size=(64, 64, 64)).astype(np.float32)
    for centre in ((10, 12, 14), (50, 20, 40)):
        distance = np.sqrt(((np.indices(array.shape).T - centre) ** 2).sum(axis=-1)).T
        array[distance < 6] += 100
    image = MedicalImage(array, "zyx", Geometry.from_spacing(array.shape, (1, 1, 1)))
    model = threshold_model(50.0)
    wanted = segment_image(model, image)
    case = image.with_array(array[:24, :24, :24], geometry=image.geometry.cropped((0, 0, 0), (24, 24, 24)))
    expected = segment_image(model if knows else threshold_model(-99.0), case)
    judged = replace(model, case=CheckCase(case, expected))
    labels = segment_image(judged, image, how=How(quality="fast"))
    return labels.array, wanted.array, labels.meta.get("engine", "")


def test_fast_looks_again_only_where_a_first_look_found_something(monkeypatch):
    found, wanted, said = found_by_fast(monkeypatch, knows=True)
    np.testing.assert_array_equal(found, wanted)
    assert "first at half the resolution" in said


def test_a_model_that_misses_its_own_case_at_half_the_resolution_gets_no_first_look(monkeypatch):
    found, wanted, said = found_by_fast(monkeypatch, knows=False)
    np.testing.assert_array_equal(found, wanted)
    assert "half the resolution" not in said
