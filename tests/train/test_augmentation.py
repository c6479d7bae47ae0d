"""Patches are varied as said, image and labels together, and nothing is varied where nothing is asked for."""

import numpy as np
import pytest
import torch
from disc_cases import disc_cases, discs, small_plan

from napari_medai import Geometry, MedicalImage
from napari_medai.core.errors import ArgumentError
from napari_medai.train import Augmentation, cases_of, make_plan
from napari_medai.train.augment import NOTHING
from napari_medai.train.augmentation.deform import Deformations
from napari_medai.train.augmentation.intensity import CHANGES, vary_intensities
from napari_medai.train.augmentation.showing import preview_augmentation
from napari_medai.train.augmentation.spatial import draw_matrix, draw_places
from napari_medai.train.augmentation.style import STYLES
from napari_medai.train.patches import Patches, drawing_place
from napari_medai.train.store import CaseStore


def patches(how=NOTHING, patch=(32, 32), cases=None, **given):
    cases = cases or disc_cases(3)
    store = CaseStore(cases, small_plan(cases).spec())
    return Patches(store, store.names, patch, 4, how, **given)


def test_without_variation_a_patch_is_a_piece_of_its_case():
    how = NOTHING.model_copy(update={"flip": ()})
    source = patches(how)
    volume, truth = source.draw_one(np.random.default_rng(0))
    whole = [source.store.get(name) for name in source.store.names]
    inner = volume[0, 8:-8, 8:-8].numpy()
    # the centre lies between voxels, so that a patch is its case shifted by less than one and interpolated
    distances = [
        np.abs(np.lib.stride_tricks.sliding_window_view(r.volume[0], (16, 16)) - inner).mean((2, 3)).min()
        for r in whole
    ]
    assert min(distances) < 0.6 < max(distances)
    assert set(np.unique(truth)) <= {0, 1}


def test_the_same_generator_draws_the_same_and_half_the_centres_are_labelled():
    source = patches(Augmentation(share=1.0, elastic=0.1), foreground=1.0)
    first, again = (source(np.random.default_rng(3)) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert first[0].shape == (4, 1, 32, 32)
    centres = patches(NOTHING, foreground=1.0)
    marked = [centres.draw_one(np.random.default_rng(k))[1][16, 16] for k in range(40)]
    assert np.mean(marked) > 0.9  # the centre is up to half a voxel from its labelled one


def test_image_and_labels_are_turned_together():
    _, marks = discs(0, 64)
    image = marks.with_array(marks.array.astype(np.float32) * 100, kind="intensity", name="same")
    how = Augmentation(rotate_deg=180, scale=0.4, shear=0.2, elastic=0.2, elastic_share=1, share=0)
    source = patches(how, cases=cases_of([image], [marks]))
    for seed in range(5):
        volume, truth = source.draw_one(np.random.default_rng(seed))
        middle = (volume.max() + volume.min()) / 2
        if truth.any() and not truth.all():
            assert ((volume[0] > middle) == truth.bool()).float().mean() > 0.97


def test_turning_happens_in_millimetres():
    matrix = draw_matrix(
        np.random.default_rng(0), NOTHING.model_copy(update={"rotate_deg": 90.0}), (4.0, 1.0)
    )
    steps = np.diag([4.0, 1.0])
    in_mm = steps @ matrix @ np.linalg.inv(steps)
    np.testing.assert_allclose(in_mm @ in_mm.T, np.eye(2), atol=1e-12)
    assert abs(in_mm[0, 1]) > 0.1
    flat = draw_matrix(np.random.default_rng(0), Augmentation(rotate_deg=90, scale=0), (5.0, 1.0, 1.0))
    np.testing.assert_allclose(flat[0], [1, 0, 0], atol=1e-12)  # thick slices turn in their plane alone


def test_places_without_variation_are_the_grid():
    places = draw_places(np.random.default_rng(0), NOTHING, np.array([10, 12]), (4, 6), (1, 1))
    np.testing.assert_allclose(places[0, 0], [8.5, 9.5])
    np.testing.assert_allclose(np.diff(places[:, 0, 0]), 1)


@pytest.mark.parametrize("shape", [(2, 24, 20), (1, 12, 16, 14)])
@pytest.mark.parametrize("name", CHANGES)
def test_each_change_changes_and_grows_with_its_strength(name, shape):
    patch = torch.from_numpy(np.random.default_rng(0).normal(size=shape).astype(np.float32))
    means = []
    for strength in (0.05, 1.5):
        how = NOTHING.model_copy(update={name: strength, "share": 1.0})
        differences = []
        for seed in range(6):
            changed = vary_intensities(np.random.default_rng(seed), patch.clone(), how)
            assert changed.shape == patch.shape
            assert torch.isfinite(changed).all()
            differences.append(float((changed - patch).abs().mean()))
        means.append(np.mean(differences))
    assert 0 < means[0] <= means[1]
    same = vary_intensities(np.random.default_rng(0), patch, NOTHING)
    assert torch.equal(same, patch)


@pytest.mark.parametrize("spatial", [(20, 24), (12, 20, 24)])
@pytest.mark.parametrize("style", ["fourier", "moments"])
def test_all_of_a_patch_stays_on_the_device_where_it_is_drawn(spatial, style):
    geometry = Geometry.from_spacing(spatial)
    axes = "zyx"[-len(spatial) :]
    rng = np.random.default_rng(0)
    image = MedicalImage(rng.normal(size=spatial).astype(np.float32), axes, geometry, name="a")
    marks = np.zeros(spatial, np.uint8)
    marks[tuple(slice(4, 8) for _ in spatial)] = 1
    cases = cases_of([image], [MedicalImage(marks, axes, geometry, kind="labels")])
    store = CaseStore(cases, make_plan(cases).spec())
    every = dict.fromkeys(("gamma", "low_resolution", "bias_field", "motion"), 0.5)
    how = Augmentation(elastic=0.1, share=1, style=style, style_share=1, **every)
    size = tuple(n - 4 for n in spatial)
    drawn = [
        Patches(store, store.names, size, 3, how, device=place)(np.random.default_rng(0))
        for place in ("meta", "cpu")
    ]
    for found, known in zip(*drawn, strict=True):
        assert found.device.type == "meta"
        assert (found.shape, found.dtype) == (known.shape, known.dtype)
    assert [drawing_place(name) for name in ("cpu", "mps", "cuda:1")] == ["cpu", "cpu", "cuda:1"]


def test_gamma_keeps_mean_and_deviation():
    patch = torch.rand(1, 20, 20)
    how = NOTHING.model_copy(update={"gamma": 1.0, "share": 1.0})
    changed = vary_intensities(np.random.default_rng(1), patch, how)
    torch.testing.assert_close(changed.mean(), patch.mean(), atol=1e-4, rtol=0)
    torch.testing.assert_close(changed.std(), patch.std(), atol=1e-3, rtol=0)


def test_style_brings_the_look_and_keeps_the_content():
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:32, :32]
    content = torch.from_numpy(((x // 2 + y // 2) % 2 * 1.0)[None].astype(np.float32))
    look = torch.from_numpy((3 + 2 * rng.normal(size=(1, 32, 32))).astype(np.float32))

    class Full:
        def uniform(self, low, high):
            return high

    styled = {name: style(Full(), content, look) for name, style in STYLES.items()}
    for patch in styled.values():
        assert np.corrcoef(patch.ravel(), content.ravel())[0, 1] > 0.9
        assert abs(float(patch.mean()) - 3) < 0.3
    torch.testing.assert_close(styled["moments"].std(), look.std(), atol=1e-3, rtol=0)


def test_a_case_bent_towards_another_comes_to_look_like_it():
    y, x = np.mgrid[:64, :64]
    pairs = []
    for name, radius in (("small", 10), ("large", 20)):
        inside = (y - 32) ** 2 + (x - 32) ** 2 < radius**2
        geometry = Geometry.from_spacing((64, 64))
        image = MedicalImage(inside.astype(np.float32) * 50, "yx", geometry, name=name)
        pairs.append((image, MedicalImage(inside.astype(np.uint8), "yx", geometry, kind="labels")))
    cases = cases_of([image for image, _ in pairs], [marks for _, marks in pairs])
    source = patches(NOTHING.model_copy(update={"towards_others": 1.0}), (64, 64), cases)

    class Full:
        def uniform(self, low, high):
            return high

    places = np.stack(np.meshgrid(np.arange(64.0), np.arange(64.0), indexing="ij"), -1)
    moved = Deformations(source.store).bent(Full(), "small", "large", places)
    far = np.linalg.norm(moved - 31.5, axis=-1)
    assert abs(np.sqrt((far < 10).sum() / np.pi) - 20) < 4  # the small disc now fills nearly the large one
    straight = patches(NOTHING, (64, 64), cases)
    pairs = [[s.draw_one(np.random.default_rng(k))[1] for s in (source, straight)] for k in range(6)]
    assert any(not torch.equal(bent, as_is) for bent, as_is in pairs)


def test_the_preview_shows_as_many_samples_with_their_labels():
    image, marks = discs(0)
    samples = preview_augmentation(image, marks, count=8, patch=32)
    assert samples.images.axes == "tyx"
    assert samples.images.array.shape == samples.labels.array.shape == (8, 32, 32)
    assert samples.labels.array.any()
    assert not np.array_equal(samples.images.array[0], samples.images.array[1])
    again = preview_augmentation(image, marks, count=8, patch=32)
    assert np.array_equal(again.images.array, samples.images.array)
    timed = image.with_array(np.stack([image.array] * 2), axes="tyx")
    with pytest.raises(ArgumentError, match="found axes tyx"):
        preview_augmentation(timed)
