"""What is done with transforms: apply, transfer, move, check, average, follow, fuse."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from pairs import FLAT, SOLID, bend, body, mean_error, move, moved

from napari_medai import Geometry, Landmarks, MedicalImage, SpatialTransform
from napari_medai.core.errors import ArgumentError
from napari_medai.measure import fuse_labels
from napari_medai.register import (
    apply_transform,
    average_images,
    check_registration,
    correct_motion,
    fuse_atlases,
    map_displacements,
    map_jacobian,
    move_points,
    register_landmarks,
    register_many,
    transfer_labels,
)
from napari_medai.register.atlases import by_reliability, by_votes


def some_points(ndim=3, count=12, seed=0):
    return np.random.default_rng(seed).uniform(-20, 20, (count, ndim))


def named(positions):
    return Landmarks([f"p{k}" for k in range(len(positions))], positions)


@pytest.mark.parametrize("ndim", [2, 3])
@pytest.mark.parametrize("kind", ["translation", "rigid", "similarity", "affine"])
def test_landmarks_give_back_the_transform_that_moved_them(ndim, kind):
    angles = (0, 0, 0) if kind == "translation" else (10.0, 20.0, 150.0)
    truth = move(angles, (5.0, -3.0, 8.0), 1.3 if kind in ("similarity", "affine") else 1.0, ndim)
    here = some_points(ndim)
    result = register_landmarks(named(here), named(truth.apply_to_points(here)), transform=kind)
    assert np.allclose(result.transform.matrix, truth.matrix, atol=1e-9)
    assert result.errors["after_mm"].max() < 1e-9


def test_order_of_landmarks_does_not_matter_and_strangers_are_left_out():
    here, truth = some_points(), move((0, 0, 30.0), (1.0, 2.0, 3.0))
    names = [f"p{k}" for k in range(12)]
    there = Landmarks([*names[::-1], "stranger"], [*truth.apply_to_points(here)[::-1], [500.0, 0, 0]])
    assert np.allclose(register_landmarks(named(here), there).transform.matrix, truth.matrix)


@pytest.mark.parametrize("geometry", [SOLID, FLAT], ids=["3-D", "2-D"])
def test_a_thin_plate_spline_passes_through_its_points(geometry):
    here = some_points(geometry.ndim, 15)
    there = bend(geometry).apply_to_points(
        move((0, 0, 10.0), (3.0, 4.0, 5.0), ndim=geometry.ndim).apply_to_points(here)
    )
    like = MedicalImage(np.zeros(geometry.shape, np.float32), "zyx"[-geometry.ndim :], geometry)
    result = register_landmarks(named(here), named(there), like, transform="thin_plate")
    # between voxels the spline is looked up linearly
    assert result.errors["after_mm"].max() < 0.2
    rigid = register_landmarks(named(here), named(there), like, transform="rigid")
    assert rigid.errors["after_mm"].max() > 1
    assert (result.errors["left_out_mm"] > result.errors["after_mm"]).mean() > 0.8


def test_landmarks_on_a_line_are_refused():
    line = named(np.outer(np.arange(5.0), [1.0, 2.0, 3.0]))
    with pytest.raises(ArgumentError, match="span 1 of 3 dimensions"):
        register_landmarks(line, line)
    with pytest.raises(ArgumentError, match="1 landmarks that both sets name; needed at least 3"):
        register_landmarks(named(some_points(count=1)), named(some_points(count=1)))


def test_points_go_with_their_image():
    truth = bend(FLAT).then(move((0, 0, 20.0), (6.0, 2.0), ndim=2))
    fixed_points = some_points(2, 6)
    moving_points = named(truth.apply_to_points(fixed_points))
    back = move_points(moving_points, truth)
    # the undone deformation lies on voxels of 1 mm
    assert np.abs(back.positions - fixed_points).max() < 0.1
    again = move_points(back, truth, direction="fixed_to_moving")
    assert np.abs(again.positions - moving_points.positions).max() < 0.1


def test_labels_are_carried_and_keep_their_numbers_and_names():
    fixed, truth = body(FLAT), move((0, 0, 25.0), (7.0, -4.0), ndim=2)
    labels = (np.asarray(moved(fixed, truth).array) > 100).astype(np.uint16) * 300
    atlas = MedicalImage(
        labels, "yx", moved(fixed, truth).geometry, kind="labels", meta={"labels": {"300": "core"}}
    )
    for smooth in (True, False):
        found = transfer_labels(atlas, fixed, truth, smooth=smooth)
        assert found.meta["labels"] == {"300": "core"}
        assert set(np.unique(found.array)) == {0, 300}
        expected = np.asarray(fixed.array) > 100
        assert ((found.array > 0) == expected).mean() > 0.97


def test_applying_a_transform_fills_the_outside_with_the_lowest_value():
    image = body(FLAT).with_array(body(FLAT).array - 1000)
    far = SpatialTransform.from_translation([500.0, 0.0])
    assert (apply_transform(image, image, far).array == -1000).all()
    assert (apply_transform(image, image, far, outside=5.0).array == 5).all()


def test_the_volume_map_knows_a_scale_and_the_displacement_map_a_shift():
    fixed = body()
    grown = move(scale=1.1)
    assert np.allclose(map_jacobian(fixed, grown).array, 1.1**3, atol=1e-4)
    assert np.allclose(map_jacobian(fixed, grown, logarithm=True).array, 3 * np.log(1.1), atol=1e-4)
    shift = map_displacements(fixed, move(shift_mm=(1.0, 2.0, 3.0)))
    assert shift.axes == "czyx"
    assert np.allclose(shift.array.mean(axis=(1, 2, 3)), [1.0, 2.0, 3.0], atol=1e-4)


def test_the_check_sees_folds_targets_and_overlap():
    fixed = body(FLAT)
    sizes = np.zeros((*FLAT.shape, 2), np.float32)
    sizes[40:50, :, 1] = -3.0 * np.arange(10)[:, None]  # y turns round
    folded = SpatialTransform.from_displacement(sizes, FLAT)
    table = check_registration(fixed, fixed, folded, inverse=False).set_index("measure")["after"]
    assert table["folded_percent"] > 5
    assert table["volume_smallest"] < 0
    labels = MedicalImage((fixed.array > 1).astype(np.uint8), "yx", FLAT, kind="labels")
    here = named(some_points(2, 4))
    shift = SpatialTransform.from_translation([3.0, 4.0])
    there = named(here.positions + np.array([3.0, 4.0]))
    table = check_registration(fixed, fixed, shift, labels, labels, here, there).set_index("measure")
    assert table.loc["target_error_mm", "before"] == pytest.approx(5)
    assert table.loc["target_error_mm", "after"] == pytest.approx(0, abs=1e-9)
    assert table.loc["dice 1", "before"] == 1 > table.loc["dice 1", "after"]
    assert table.loc["inverse_error_mm", "after"] < 1e-9


def test_motion_is_measured_and_undone():
    still = body(FLAT)
    shifts = [(0.0, 0.0), (4.0, -2.0), (-3.0, 5.0)]
    frames = [
        SpatialTransform.from_translation(-np.array(s)).apply_to_image(still, still).array for s in shifts
    ]
    series = MedicalImage(np.stack(frames), "tyx", FLAT)
    result = correct_motion(series, device="cpu")
    assert np.allclose(result.motion[["shift_x", "shift_y"]], shifts, atol=0.3)
    before = np.std(frames, axis=0)[20:70, 20:80].mean()
    assert np.std(result.corrected.array, axis=0)[20:70, 20:80].mean() < 0.25 * before
    with pytest.raises(ArgumentError, match="the frames are 0 to 2"):
        correct_motion(series, reference=3, device="cpu")


def test_many_images_come_to_lie_on_the_target():
    target = body(FLAT)
    truths = [move((0, 0, a), (s, -s), ndim=2) for a, s in ((10.0, 4.0), (-15.0, 8.0))]
    result = register_many([moved(target, t) for t in truths], target, device="cpu")
    for found, truth in zip(result.transforms, truths, strict=True):
        assert mean_error(found, truth, target) < 0.5
    assert result.series.axes == "tyx"
    assert np.corrcoef(result.mean.array.ravel(), target.array.ravel())[0, 1] > 0.98


def test_averages_are_those_of_numpy():
    images = [body(FLAT, seed) for seed in range(3)]
    stack = np.stack([i.array for i in images])
    assert np.allclose(average_images(images).array, stack.mean(0))
    assert np.allclose(average_images(images, method="median").array, np.median(stack, axis=0))
    assert abs(average_images(images, standardise=True).array.mean()) < 1e-5


@pytest.mark.parametrize("method", ["local", "majority", "staple"])
def test_atlases_agree_on_the_truth(method):
    image = body(FLAT)
    truth = np.asarray(image.array) > 1
    moves = [move((0, 0, a), (s, s), ndim=2) for a, s in ((8.0, 3.0), (-12.0, 5.0), (30.0, -6.0))]
    atlases = [moved(image, m) for m in moves]
    labels = [
        MedicalImage((np.asarray(a.array) > 20).astype(np.uint8) * 7, "yx", a.geometry, kind="labels")
        for a in atlases
    ]
    found = fuse_atlases(image, atlases, labels, transform="rigid", method=method, device="cpu")
    overlap = 2 * ((found.array == 7) & truth).sum() / ((found.array == 7).sum() + truth.sum())
    assert overlap > 0.95
    with pytest.raises(ArgumentError, match="3 atlases and 2 label images"):
        fuse_atlases(image, atlases, labels[:2], device="cpu")


def test_staple_heeds_the_reliable_where_votes_count_them_alike():
    rng = np.random.default_rng(0)
    truth = np.zeros((60, 70), np.uint8)
    truth[10:40, 10:50], truth[20:30, 30:65] = 3, 200
    opinions = []
    for share in (0.02, 0.05, 0.4, 0.4, 0.4):
        strangers = rng.choice([0, 3, 200], truth.shape).astype(np.uint8)
        opinions.append(np.where(rng.random(truth.shape) < share, strangers, truth))
    wrong = [float((fuse(opinions) != truth).mean()) for fuse in (by_votes, by_reliability)]
    assert wrong[1] < 0.5 * wrong[0]
    images = [MedicalImage(o, "yx", Geometry.from_spacing(o.shape), kind="labels") for o in opinions]
    # the same method written independently, for readers
    theirs = fuse_labels(images, method="staple").array
    assert (by_reliability(opinions) == theirs).mean() > 0.999


def test_staple_of_one_label_is_that_label():
    assert (by_reliability([np.full((4, 5), 7, np.uint8)] * 3) == 7).all()


def test_tables_have_one_row_a_point():
    result = register_landmarks(named(some_points()), named(some_points(seed=1)))
    assert isinstance(result.errors, pd.DataFrame)
    assert list(result.errors["name"]) == [f"p{k}" for k in range(12)]
