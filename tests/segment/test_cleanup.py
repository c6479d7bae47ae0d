"""Labels are tidied in millimetres."""

import numpy as np
import pytest
from made_images import COARSE, FINE, ball, dice, from_world, grid, noisy, volume_mm3
from scipy import ndimage

from napari_medai.core.errors import ArgumentError
from napari_medai.segment import (
    fill_holes,
    interpolate_slices,
    keep_largest,
    morph_labels,
    remove_small,
    smooth_labels,
    split_touching,
)


def volume_of(radius):
    return 4 / 3 * np.pi * radius**3


def pieces(spacing):
    """Label 1: balls of 10 and 4 mm; label 2: balls of 6 and 4 mm."""
    parts = [(1, 10, (-12, 0, 0)), (1, 4, (0, 18, 0)), (2, 6, (12, 0, 0)), (2, 4, (0, -18, 0))]

    def paint(p):
        return sum(number * (np.linalg.norm(p - np.array(c), axis=-1) < r) for number, r, c in parts)

    return from_world(paint, grid(spacing), "labels")


@pytest.mark.parametrize("spacing", [FINE, COARSE])
def test_the_largest_stay_and_the_small_go(spacing):
    labels = pieces(spacing)
    for result in (keep_largest(labels), remove_small(labels, min_size_mm3=500.0)):
        assert volume_mm3(result, 1) == pytest.approx(volume_of(10), rel=0.06)
        assert volume_mm3(result, 2) == pytest.approx(volume_of(6), rel=0.2)  # 3 slices of 4 mm
    np.testing.assert_array_equal(keep_largest(labels, count=2).array, labels.array)


@pytest.mark.parametrize("spacing", [FINE, COARSE])
def test_holes_are_filled_up_to_a_size_and_not_over_other_labels(spacing):
    def shell(p):
        radius = np.linalg.norm(p, axis=-1)
        small = np.linalg.norm(p - [0, 13, 0], axis=-1) < 2.5
        return np.where(radius < 4, 2, np.where((radius < 9) | small, 0, np.where(radius < 18, 1, 0)))

    labels = from_world(shell, grid(spacing), "labels")
    full = fill_holes(labels)
    assert volume_mm3(full) == pytest.approx(volume_of(18), rel=0.04)
    np.testing.assert_array_equal(full.array == 2, labels.array == 2)
    part = fill_holes(labels, max_size_mm3=300.0)
    assert 0 < volume_mm3(part) - volume_mm3(labels) < 300
    np.testing.assert_array_equal(
        fill_holes(labels.with_array((labels.array == 1).astype(np.uint8))).array > 0,
        ndimage.binary_fill_holes(labels.array == 1),
    )


@pytest.mark.parametrize("spacing", [FINE, (2.0, 1.0, 1.0)])
def test_growing_and_opening_have_their_radius_in_mm(spacing):
    labels = ball(grid(spacing), 10.0)
    assert volume_mm3(morph_labels(labels, action="grow", radius_mm=5.0)) == pytest.approx(
        volume_of(15), rel=0.12
    )
    assert volume_mm3(morph_labels(labels, action="shrink", radius_mm=4.0)) == pytest.approx(
        volume_of(6),
        rel=0.25,  # the surface is known to half a voxel
    )
    spike = np.array(labels.array)
    spike[spike.shape[0] // 2, 24, 24:] = 1
    opened = morph_labels(labels.with_array(spike), radius_mm=3.0)
    assert dice(opened.array, labels.array) > 0.97
    assert opened.array[spike.shape[0] // 2, 24, -5:].sum() == 0


def test_labels_do_not_grow_over_each_other():
    grown = morph_labels(pieces(FINE), action="grow", radius_mm=4.0)
    assert not np.any((pieces(FINE).array == 1) & (grown.array != 1))
    assert not np.any((pieces(FINE).array == 2) & (grown.array != 2))


@pytest.mark.parametrize("spacing", [FINE, COARSE])
def test_smoothing_takes_the_roughness_and_leaves_no_gap(spacing):
    truth = from_world(
        lambda p: np.where(np.linalg.norm(p, axis=-1) < 15, 1 + (p[..., 0] > 0), 0), grid(spacing), "labels"
    )
    rough = np.array(truth.array)
    flip = np.random.default_rng(0).uniform(size=rough.shape) < 0.15
    rough[flip] = np.random.default_rng(1).integers(0, 3, flip.sum())
    result = smooth_labels(truth.with_array(rough), sigma_mm=2.0)
    assert (result.array == truth.array).mean() > 0.97
    assert (rough == truth.array).mean() < 0.91


@pytest.mark.parametrize("spacing", [FINE, (3.0, 1.0, 1.0)])
def test_touching_balls_are_parted_at_the_waist(spacing):
    first, second = (ball(grid(spacing), 9.0, (x, 0, 0)).array > 0 for x in (-8, 8))
    parted = split_touching(ball(grid(spacing)).with_array((first | second).astype(np.uint8))).array
    assert parted.max() == 2
    sides = [
        np.bincount(parted[side & ~other], minlength=3)[1:].argmax()
        for side, other in ((first, second), (second, first))
    ]
    assert sides[0] != sides[1]
    assert np.bincount(parted.ravel())[1:].min() > 0.45 * (parted > 0).sum()


def test_painted_slices_are_joined_to_the_solid():
    truth = ball(grid(FINE), 16.0)
    painted = np.array(truth.array)
    keep = np.zeros(48, bool)
    keep[8:41:4] = True
    painted[~keep] = 0
    result = interpolate_slices(truth.with_array(painted))
    assert dice(result.array, truth.array) > 0.96  # nothing is made up beyond the last slice
    np.testing.assert_array_equal(result.array[keep], painted[keep])
    turned = interpolate_slices(truth.with_array(np.moveaxis(painted, 0, 2)), axis="x")
    np.testing.assert_array_equal(np.moveaxis(turned.array, 2, 0), result.array)
    with pytest.raises(ArgumentError, match="two slices"):
        interpolate_slices(truth.with_array(np.where(np.arange(48)[:, None, None] == 20, truth.array, 0)))
    with pytest.raises(ArgumentError, match="2-D"):
        interpolate_slices(noisy((8, 8), "yx").with_array(np.ones((8, 8), np.uint8), kind="labels"))
