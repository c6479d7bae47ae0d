"""Masks find the object, crops and slices keep every voxel in its place."""

import numpy as np
import pytest
from grids import geometries
from hypothesis import given, settings
from made_images import COARSE, FINE, ball, bright_ball, colour, dice, from_world, grid, noisy, volume_mm3

from napari_medai import MedicalImage
from napari_medai.core.errors import ArgumentError, GeometryError
from napari_medai.preprocess import (
    apply_mask,
    combine_masks,
    crop_percent,
    crop_to_mask,
    fit_size,
    invert_mask,
    mask_object,
    pad,
    strip_skull,
)
from napari_medai.preprocess.morphology import closed, dilated, eroded, opened


def test_masks_are_applied_turned_round_and_combined():
    image, mask = noisy((8, 10, 12)), ball(noisy().geometry, 0.0)
    half = mask.with_array((np.indices((8, 10, 12))[2] < 6).astype(np.uint8))
    np.testing.assert_array_equal(apply_mask(image, half).array, image.array * half.array)
    np.testing.assert_array_equal(invert_mask(half).array, 1 - half.array)
    other = half.with_array((np.indices((8, 10, 12))[1] < 5).astype(np.uint8))
    a, b = half.array > 0, other.array > 0
    truth = {"union": a | b, "intersection": a & b, "difference": a & ~b, "either": a ^ b}
    for how, expected in truth.items():
        np.testing.assert_array_equal(combine_masks(half, other, how=how).array > 0, expected)
    with pytest.raises(GeometryError):
        combine_masks(half, ball(grid()))
    picture = colour((6, 8))
    part = MedicalImage(np.ones((6, 8), np.uint8), "yx", picture.geometry, kind="labels")
    assert apply_mask(picture, part).array.dtype == np.uint8
    with pytest.raises(ArgumentError, match="uint8"):
        apply_mask(picture, part, outside=-5)


@pytest.mark.parametrize("spacing", [FINE, COARSE])
def test_growing_by_millimetres_gives_the_larger_ball(spacing):
    region, steps = ball(grid(spacing), 10.0).array > 0, np.array(spacing)
    for result, radius in ((dilated(region, 5.0, steps), 15.0), (eroded(region, 5.0, steps), 5.0)):
        truth = 4 / 3 * np.pi * radius**3
        # Distances run between voxel centres: the surface is known to half a voxel.
        slack = 4 * np.pi * radius**2 * (0.5 if spacing == FINE else 1.6)
        assert abs(result.sum() * np.prod(steps) - truth) < slack
    assert dice(opened(region, 3.0, steps), region) > 0.95
    assert dice(closed(region, 3.0, steps), region) > 0.95


@pytest.mark.parametrize("spacing", [FINE, COARSE])
def test_the_object_is_found_with_its_holes_filled(spacing):
    def body(p):
        radius = np.linalg.norm(p, axis=-1)
        lung = np.linalg.norm(p - [5, 0, 0], axis=-1) < 6
        table = np.abs(p[..., 1] - 22) < 1
        return np.where(lung, -800, np.where(radius < 18, 40, np.where(table, 100, -1000)))

    image = from_world(body, grid(spacing))
    noise = np.random.default_rng(0).normal(0, 20, image.array.shape)
    result = mask_object(image.with_array(image.array + noise), kind="body", closing_mm=3.0)
    assert dice(result.array, ball(grid(spacing), 18.0).array) > 0.97
    assert volume_mm3(result) == pytest.approx(4 / 3 * np.pi * 18**3, rel=0.06)
    plain = mask_object(bright_ball(grid(spacing), noise=5.0))
    assert dice(plain.array, ball(grid(spacing)).array) > 0.97


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (3.0, 1.0, 1.0)])
def test_the_brain_is_cut_from_scalp_and_skull(spacing):
    geometry = grid(spacing, (120, 120, 120))

    def head(p):
        radius = np.linalg.norm(p, axis=-1)
        bridge = (radius < 52) & (np.hypot(p[..., 0], p[..., 2]) < 2) & (p[..., 1] < 0)
        shells = [radius < 40, radius < 44, radius < 49, radius < 54]
        return np.where(bridge, 90, np.select(shells, [100, 20, 8, 110], 0))

    image = from_world(head, geometry)
    noise = np.random.default_rng(0).normal(0, 4, image.array.shape)
    brain = strip_skull(image.with_array(np.abs(image.array + noise)))
    assert dice(brain.array, ball(geometry, 40.0).array) > 0.97


def test_cropping_to_a_mask_keeps_places_and_a_margin_in_mm():
    image, mask = noisy((20, 30, 30), spacing=(4.0, 1.0, 1.0)), None
    array = np.zeros((20, 30, 30), np.uint8)
    array[8:12, 10:20, 5:25] = 1
    mask = image.with_array(array, kind="labels")
    result = crop_to_mask(image, mask, margin_mm=4.0)
    assert result.spatial_shape == (6, 18, 28)
    np.testing.assert_array_equal(result.array, image.array[7:13, 6:24, 1:29])
    np.testing.assert_allclose(result.geometry.origin, image.geometry.index_to_world((7, 6, 1)))


@given(geometries())
@settings(max_examples=25, deadline=None)
def test_padding_cropping_and_fitting_move_nothing(geometry):
    image = MedicalImage(np.arange(1, 1 + np.prod(geometry.shape)).reshape(geometry.shape), "zyx", geometry)
    for result in (
        pad(image, margin_mm=3.0),
        fit_size(image, size=(9, 3)),
        crop_percent(image, x_percent=(0, 50)),
    ):
        index = np.argwhere(result.array > 0)
        source = np.rint(geometry.world_to_index(result.geometry.index_to_world(index))).astype(int)
        np.testing.assert_array_equal(result.array[tuple(index.T)], image.array[tuple(source.T)])
    back = fit_size(fit_size(image, size=(20, 21, 22)), size=geometry.shape)
    np.testing.assert_array_equal(back.array, image.array)


def test_impossible_crops_are_said():
    with pytest.raises(ArgumentError, match="nothing would be left"):
        crop_percent(noisy(), y_percent=(60, 40))
    with pytest.raises(ArgumentError, match="2-D"):
        fit_size(noisy((6, 6), "yx"), size=(3, 3, 3))
    with pytest.raises(ArgumentError, match="empty mask"):
        crop_to_mask(noisy(), ball(noisy().geometry, 0.0))
    with pytest.raises(ArgumentError, match="2-D"):
        strip_skull(noisy((6, 6), "yx"))
