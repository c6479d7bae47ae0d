"""A registration network learnt from images alone makes unseen pairs more alike, and is a start."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from made_images import points
from pairs import body

from napari_medai import Geometry, MedicalImage, SpatialTransform
from napari_medai.core.errors import ArgumentError, Cancelled, ModelError
from napari_medai.models.check import check_model
from napari_medai.models.displacing import follow, warp
from napari_medai.models.store import load_model
from napari_medai.register import map_jacobian, register_images
from napari_medai.train import predict_deformation, train_registration

GRID = Geometry.from_spacing((48, 56), (1.6, 1.6), (-44.0, -37.6))


def person(seed):
    """The same lopsided body, bent in a way of its own, and its brighter tissue."""
    rng, place = np.random.default_rng([seed, 7]), points(GRID)
    phases, pace = rng.uniform(0, 2 * np.pi, (2, 2)), 0.09
    waves = [np.sin(pace * place[..., 0] + a) * np.cos(pace * place[..., 1] + b) for a, b in phases]
    way = SpatialTransform.from_displacement(3.5 * np.stack(waves, axis=-1), GRID)
    plain = body(GRID)
    image = way.apply_to_image(plain, GRID)
    values = np.asarray(image.array) + rng.normal(0, 2, GRID.shape)
    labels = (np.asarray(image.array) > 85).astype(np.uint8)
    return image.with_array(values.astype(np.float32)), MedicalImage(labels, "yx", GRID, kind="labels")


def overlap(here, there, found):
    one, two = np.asarray(here.array), np.asarray(found.apply_to_image(there, here).array)
    return 2 * float(((one == 1) & (two == 1)).sum() / ((one == 1).sum() + (two == 1).sum()))


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    images, place = [person(seed)[0] for seed in range(12)], tmp_path_factory.mktemp("models")
    options = {"name": "Organs", "steps": 200, "size": 48, "width": 6, "folder": place}
    return train_registration(images, device="cpu", **options), load_model(place / "organs")


def test_pairs_held_back_become_more_alike(trained):
    done, model = trained
    assert done.model == model.reference
    assert model.spec.task == "registration"
    assert done.figures["held_back"].all()
    assert (done.figures["after"] > done.figures["before"]).all()
    assert done.course["loss"].iloc[-1] < done.course["loss"].iloc[0]
    assert "before" in model.card
    assert check_model(model).passed


def test_organs_of_people_never_seen_come_to_lie_on_each_other(trained):
    model, gains = trained[1], []
    for one, two in ((100, 101), (102, 103), (104, 105)):
        (fixed, here), (moving, there) = person(one), person(two)
        found = predict_deformation(fixed, moving, SpatialTransform.identity(2), model=model, device="cpu")
        gains.append(overlap(here, there, found) - overlap(here, there, SpatialTransform.identity(2)))
        assert (map_jacobian(fixed, found).array > 0).all()
    assert min(gains) > 0
    assert np.mean(gains) > 0.03


def test_a_registration_begins_where_the_network_ends(trained):
    (fixed, here), (moving, there) = person(100), person(101)
    guess = predict_deformation(fixed, moving, model=trained[1], device="cpu")
    result = register_images(fixed, moving, start=guess, preset="slices", effort="fast", device="cpu")
    assert overlap(here, there, result.transform) > overlap(here, there, guess)
    assert (map_jacobian(fixed, result.transform).array > 0).all()
    with pytest.raises(ArgumentError, match="start that deforms"):
        register_images(fixed, moving, start=guess, transform="rigid", device="cpu")


def test_a_moved_image_is_found_first(trained):
    (fixed, here), (moving, there) = person(100), person(101)
    away = SpatialTransform.from_translation([60.0, -25.0])
    back = away.inverse()
    far = [back.apply_to_image(i, _shifted(GRID), "nearest") for i in (moving, there)]
    near = predict_deformation(fixed, moving, model=trained[1], device="cpu")
    found = predict_deformation(fixed, far[0], model=trained[1], device="cpu")
    assert overlap(here, far[1], found) == pytest.approx(overlap(here, there, near), abs=0.05)


def _shifted(grid):
    affine = grid.affine.copy()
    affine[:2, 2] += [60.0, -25.0]
    return Geometry(grid.shape, affine)


def test_the_same_training_is_kept_once_and_another_gets_a_number(tmp_path):
    images = [person(seed)[0] for seed in range(2)]
    options = {"steps": 1, "size": 32, "width": 4, "name": "My model", "folder": tmp_path, "device": "cpu"}
    names = [train_registration(images, seed=seed, **options).model for seed in (0, 0, 1, 1, 0)]
    assert names[0] == names[1] == names[4]
    assert names[2] == names[3]
    assert names[2].startswith("my-model-2@")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["my-model", "my-model-2"]


def test_following_a_constant_velocity_is_a_shift():
    velocity = torch.zeros((1, 3, 8, 9, 10))
    velocity[:, 1] = 2.0
    assert torch.allclose(follow(velocity), velocity, atol=1e-5)
    values = torch.arange(9.0).reshape(1, 1, 1, 9, 1).expand(1, 1, 8, 9, 10)
    assert torch.allclose(warp(values, velocity)[0, 0, 0, :6, 0], torch.arange(2.0, 8.0), atol=1e-4)


def test_what_does_not_fit_is_refused(trained, tmp_path, monkeypatch):
    image = person(0)[0]
    with pytest.raises(ArgumentError, match="1 image; needed two"):
        train_registration([image], device="cpu")
    with pytest.raises(ModelError, match="is for segmentation"):
        predict_deformation(image, image, model="vessels-2d", device="cpu")
    monkeypatch.setenv("NAPARI_MEDAI_MODELS", str(tmp_path))

    def stop(step):
        if step.message.startswith("Epoch"):
            raise Cancelled

    with pytest.raises(Cancelled):
        train_registration([image, person(1)[0]], size=32, width=4, device="cpu", progress=stop)
    assert not list(tmp_path.iterdir())
