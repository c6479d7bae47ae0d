"""Registration finds known transforms from anywhere, bends without folding, and refuses what it cannot do."""

from __future__ import annotations

import numpy as np
import pytest
from pairs import FLAT, SOLID, bend, body, inverted, mean_error, move, moved, noisy_copy

from napari_medai import Geometry, Landmarks, MedicalImage
from napari_medai.core.errors import ArgumentError, GeometryError
from napari_medai.register import check_registration, map_jacobian, register_images


def near_half(found, truth, fixed):
    return mean_error(found, truth, fixed) < 0.5


@pytest.mark.parametrize("kind", ["rigid", "similarity", "affine"])
def test_it_recovers_a_known_move_within_half_a_voxel(kind):
    fixed = body()
    truth = move((12.0, -8.0, 20.0), (9.0, -14.0, 6.0), 1.0 if kind == "rigid" else 1.12)
    result = register_images(fixed, moved(fixed, truth), transform=kind, device="cpu")
    assert near_half(result.transform, truth, fixed)
    assert result.quality["explained_after"] > 0.95 > result.quality["explained_before"]


@pytest.mark.parametrize("ndim", [2, 3])
@pytest.mark.parametrize("change", [noisy_copy, inverted], ids=["noise", "other contrast"])
def test_it_finds_its_way_from_afar(ndim, change):
    fixed = body(SOLID if ndim == 3 else FLAT)
    truth = move((0.0, 0.0, 180.0), (60.0, -45.0, 30.0), ndim=ndim)
    result = register_images(fixed, change(moved(fixed, truth)), transform="rigid", device="cpu")
    assert near_half(result.transform, truth, fixed)


def test_a_mirror_image_is_found_only_when_asked_for():
    fixed = body(FLAT)
    mirror = np.diag([-1.0, 1.0, 1.0])
    truth = move(ndim=2).from_matrix(mirror)
    moving = moved(fixed, truth)
    honest = register_images(fixed, moving, transform="rigid", device="cpu")
    assert np.linalg.det(honest.transform.matrix) > 0
    assert honest.quality["explained_after"] < 0.9
    flipped = register_images(fixed, moving, transform="rigid", flips=True, device="cpu")
    assert near_half(flipped.transform, truth, fixed)


def test_oblique_and_anisotropic_grids_make_no_difference():
    fixed, truth = body(), move((5.0, 10.0, -15.0), (4.0, 3.0, -8.0))
    moving = moved(fixed, truth)
    tilted = move((20.0, -30.0, 10.0), (5.0, 5.0, 5.0))
    affine = moving.geometry.affine.copy()
    affine[:] = tilted.matrix @ affine
    oblique = moving.with_array(moving.array[::2], geometry=Geometry(moving.array[::2].shape, _thick(affine)))
    result = register_images(fixed, oblique, transform="rigid", device="cpu")
    assert near_half(result.transform, truth.then(tilted), fixed)


def _thick(affine):
    return affine @ np.diag([2.0, 1.0, 1.0, 1.0])


@pytest.mark.parametrize("geometry", [SOLID, FLAT], ids=["3-D", "2-D"])
@pytest.mark.parametrize("measure", ["intensity", "ssd", "lncc", "mind"])
def test_a_deformation_is_recovered_without_folds(geometry, measure):
    fixed, truth = body(geometry), bend(geometry)
    moving = moved(fixed, truth)
    effort = "standard" if measure == "intensity" else "fast"
    result = register_images(
        fixed, moving, transform="deformable", measure=measure, effort=effort, device="cpu"
    )
    before = mean_error(move(ndim=geometry.ndim), truth, fixed)
    assert mean_error(result.transform, truth, fixed) < 0.6 * before
    assert (map_jacobian(fixed, result.transform).array > 0).all()


@pytest.mark.parametrize("geometry", [FLAT, SOLID], ids=["2-D", "3-D"])
def test_a_deformation_is_undone_within_a_tenth_of_a_voxel(geometry):
    fixed = body(geometry)
    moving = moved(fixed, bend(geometry))
    result = register_images(fixed, moving, preset="other_patient_brain", effort="fast", device="cpu")
    inverse = result.transform.inverse()
    error = result.transform.inverse_error(inverse, geometry)
    assert error.max() < 0.1 * geometry.spacing.min()
    again = inverse.inverse()
    places = geometry.corners() * 0.5
    assert np.allclose(again.apply_to_points(places), result.transform.apply_to_points(places))


def test_the_same_call_gives_the_same_bits():
    fixed = body(FLAT)
    moving = moved(fixed, bend(FLAT))
    once, again = (
        register_images(fixed, moving, transform="deformable", device="cpu").warped.array for _ in range(2)
    )
    assert np.array_equal(once, again)


def test_the_warped_image_is_what_the_transform_makes_of_the_moving_one():
    fixed = body(FLAT)
    moving = moved(fixed, move((0, 0, 10.0), (5.0, 5.0), ndim=2))
    result = register_images(fixed, moving, device="cpu")
    assert result.warped.geometry == fixed.geometry
    assert np.allclose(result.warped.array, result.transform.apply_to_image(moving, fixed).array)
    table = check_registration(fixed, moving, result.transform).set_index("measure")
    assert table.loc["correlation", "after"] > 0.98 > table.loc["correlation", "before"]


def test_a_mask_keeps_what_changed_from_misleading():
    fixed, truth = body(FLAT), move((0, 0, 6.0), (4.0, -3.0), ndim=2)
    array = np.array(fixed.array)
    array[60:85, 50:95] = 300  # a bright thing that stays where it is in the moving image
    spoiled = fixed.with_array(array)
    moving = moved(fixed, truth)
    mask = np.ones(FLAT.shape, np.uint8)
    mask[58:87, 48:97] = 0
    masked = register_images(
        spoiled, moving, MedicalImage(mask, "yx", FLAT, kind="labels"), transform="rigid", device="cpu"
    )
    blind = register_images(spoiled, moving, transform="rigid", device="cpu")
    assert near_half(masked.transform, truth, fixed)
    assert mean_error(blind.transform, truth, fixed) > mean_error(masked.transform, truth, fixed)


def test_a_moving_mask_is_heeded():
    fixed, truth = body(FLAT), move((0, 0, 6.0), (4.0, -3.0), ndim=2)
    moving = moved(fixed, truth)
    array, mask = np.array(moving.array), np.ones(moving.array.shape, np.uint8)
    array[70:95, 60:100], mask[68:97, 58:102] = 300, 0
    result = register_images(
        fixed,
        moving.with_array(array),
        moving_mask=MedicalImage(mask, "yx", moving.geometry, kind="labels"),
        transform="rigid",
        device="cpu",
    )
    assert near_half(result.transform, truth, fixed)


def test_landmarks_pull_a_deformation_where_the_image_says_nothing():
    flat = MedicalImage(np.where(body(FLAT).array > 1, 100.0, 0).astype(np.float32), "yx", FLAT)
    noise = np.random.default_rng(0).normal(0, 1, FLAT.shape).astype(np.float32)
    fixed = flat.with_array(flat.array + noise)
    here = np.array([[-8.0, -6.0], [8.0, -6.0], [0.0, 8.0], [0.0, 0.0]])
    there = here + np.array([[3.0, 0.0], [3.0, 0.0], [3.0, 0.0], [3.0, 1.0]])
    sets = [Landmarks(list("abcd"), p) for p in (here, there)]
    kwargs = {"transform": "deformable", "device": "cpu", "landmark_error_mm": 0.5}
    kwargs |= {"fixed_landmarks": sets[0], "moving_landmarks": sets[1]}
    result = register_images(fixed, fixed, **kwargs)
    assert np.linalg.norm(result.transform.apply_to_points(here) - there, axis=1).max() < 0.5


def test_structures_are_brought_onto_each_other_where_grey_values_mislead():
    rng = np.random.default_rng(0)
    disc = lambda x: np.hypot(*(np.indices(FLAT.shape) - np.reshape([45, x], (2, 1, 1)))) < 14  # noqa: E731
    images = [MedicalImage(rng.normal(100, 10, FLAT.shape).astype(np.float32), "yx", FLAT) for _ in range(2)]
    labels = [MedicalImage(disc(x).astype(np.uint8), "yx", FLAT, kind="labels") for x in (44, 58)]
    result = register_images(
        *images, fixed_labels=labels[0], moving_labels=labels[1], transform="deformable", device="cpu"
    )
    moved_label = result.transform.apply_to_image(labels[1], FLAT).array > 0
    overlap = 2 * (moved_label & disc(44)).sum() / (moved_label.sum() + disc(44).sum())
    assert overlap > 0.95


def test_images_that_have_nothing_in_common_are_called_poor():
    rng = np.random.default_rng(0)
    images = [MedicalImage(rng.normal(100, 10, FLAT.shape).astype(np.float32), "yx", FLAT) for _ in range(2)]
    result = register_images(*images, device="cpu")
    assert "Poor registration" in result.warped.meta["notices"][0]
    fixed = body(FLAT)
    good = register_images(fixed, moved(fixed, move(ndim=2)), device="cpu")
    assert "notices" not in good.warped.meta


def test_bad_input_is_refused_with_a_reason():
    fixed, solid = body(FLAT), body()
    empty = MedicalImage(np.zeros(FLAT.shape, np.uint8), "yx", FLAT, kind="labels")
    broken = np.array(fixed.array)
    broken[3, 4] = np.nan
    one = Landmarks(["a"], [[1.0, 2.0]])
    cases = [
        ((fixed, solid), {}, GeometryError, "2-D fixed and a 3-D"),
        ((fixed, fixed.with_array(np.full(FLAT.shape, 7.0))), {}, ArgumentError, "7 in every voxel"),
        ((fixed.with_array(broken), fixed), {}, ArgumentError, "1 of 9000 voxels of the fixed"),
        ((fixed, fixed, empty), {}, ArgumentError, "empty fixed mask"),
        ((fixed, fixed), {"fixed_landmarks": one}, ArgumentError, "one image alone"),
        (
            (fixed, fixed),
            {"fixed_landmarks": one, "moving_landmarks": one},
            ArgumentError,
            "1 landmarks that both sets name; needed at least 2",
        ),
    ]
    for images, options, error, said in cases:
        with pytest.raises(error, match=said):
            register_images(*images, device="cpu", **options)
