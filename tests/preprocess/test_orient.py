"""Turning axes moves no voxel in the world."""

import nibabel
import numpy as np
import pytest
from grids import geometries
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from made_images import noisy

from napari_medai import Geometry, MedicalImage
from napari_medai.core.errors import ArgumentError
from napari_medai.preprocess import flip, reorient

CODES = [a + b + c for a in "SI" for b in "PA" for c in "LR"]
CODES += [code[1] + code[2] + code[0] for code in CODES]


def world_of_largest(image):
    index = np.unravel_index(np.argmax(image.array), image.array.shape)
    return image.geometry.index_to_world(index)


@given(geometries(), st.sampled_from(CODES), st.integers(0, 99))
@settings(max_examples=60, deadline=None)
def test_every_voxel_keeps_its_place(geometry, code, seed):
    array = np.random.default_rng(seed).permutation(int(np.prod(geometry.shape))).reshape(geometry.shape)
    image = MedicalImage(array, "zyx", geometry)
    turned = reorient(image, orientation=code)
    assert turned.geometry.orientation == code
    np.testing.assert_allclose(world_of_largest(turned), world_of_largest(image), atol=1e-6)
    back = reorient(turned, orientation=image.geometry.orientation)
    np.testing.assert_array_equal(back.array, array)
    assert back.geometry.is_close(geometry, 1e-6)


@given(geometries())
@settings(max_examples=30, deadline=None)
def test_the_order_of_letters_agrees_with_nibabel(geometry):
    # Where two axes lie almost as near to a letter, both answers are right, and nibabel's may be the other.
    assume(np.abs(geometry.direction).max(axis=0).min() > 0.75)
    # nibabel works on x, y, z arrays in RAS; ours is z, y, x in LPS: reverse axes, negate two rows.
    image = MedicalImage(np.arange(np.prod(geometry.shape)).reshape(geometry.shape), "zyx", geometry)
    affine = np.diag([-1, -1, 1, 1]) @ geometry.affine[:, [2, 1, 0, 3]]
    theirs = nibabel.as_closest_canonical(nibabel.Nifti1Image(image.array.T.astype(np.int32), affine))
    ours = reorient(image, orientation="SAR")
    np.testing.assert_array_equal(ours.array.T, np.asarray(theirs.dataobj))


def test_in_two_dimensions_the_missing_letter_is_left_out():
    image = noisy((4, 5), "yx")
    assert reorient(image, orientation="SAL").geometry.orientation == "AL"
    np.testing.assert_array_equal(reorient(image, orientation="SAL").array, image.array[::-1])


def test_time_and_colour_axes_stay():
    series = noisy((2, 3, 4, 5), "tzyx")
    np.testing.assert_array_equal(reorient(series, orientation="IPL").array, series.array[:, ::-1])


def test_flipping_stores_the_other_way_round_at_the_same_place():
    image = noisy((3, 4, 5))
    flipped = flip(image, axes="zx")
    np.testing.assert_array_equal(flipped.array, image.array[::-1, :, ::-1])
    np.testing.assert_allclose(world_of_largest(flipped), world_of_largest(image))


@pytest.mark.parametrize("code", ["SP", "SPP", "XYZ", "SPLA", "", "SPA"])
def test_a_code_that_is_none_is_refused(code):
    image = MedicalImage(np.zeros((2, 3, 4)), "zyx", Geometry.from_spacing((2, 3, 4), (1, 1, 1)))
    with pytest.raises(ArgumentError):
        reorient(image, orientation=code)
    with pytest.raises(ArgumentError):
        flip(noisy((4, 5), "yx"), axes="z")
