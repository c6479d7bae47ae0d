"""Otsu and connected components agree with scikit-image, SimpleITK and geometry."""

import numpy as np
import pytest
import SimpleITK as sitk
import skimage.filters
from made_images import COARSE, FINE, ball, bright_ball, colour, dice, from_world, grid, noisy, volume_mm3

from napari_medai import Geometry, MedicalImage
from napari_medai.core.errors import ArgumentError
from napari_medai.segment import label_components, threshold_otsu


@pytest.mark.parametrize("spacing", [FINE, COARSE])
def test_otsu_finds_the_ball_in_noise(spacing):
    image = bright_ball(grid(spacing), noise=12.0)
    result = threshold_otsu(image)
    assert dice(result.array, ball(grid(spacing)).array) > 0.99
    assert volume_mm3(result) == pytest.approx(4 / 3 * np.pi * 14**3, rel=0.03)
    assert result.kind == "labels"
    assert result.array.dtype == np.uint8


def test_otsu_agrees_with_scikit_image_and_simpleitk():
    image = bright_ball(grid(), noise=20.0)
    found = threshold_otsu(image, bins=256).meta["thresholds"][0]
    assert found == pytest.approx(skimage.filters.threshold_otsu(image.array, 256))
    theirs = sitk.OtsuThresholdImageFilter()
    theirs.SetNumberOfHistogramBins(256)
    theirs.Execute(sitk.GetImageFromArray(image.array))
    assert found == pytest.approx(theirs.GetThreshold(), abs=1.0)  # the bins begin half a bin apart


def test_each_channel_has_its_threshold_and_the_other_side_is_the_rest():
    one = bright_ball(grid(COARSE), noise=5.0)
    pair = one.with_array(np.stack([one.array, one.array * 10]), axes="czyx")
    result = threshold_otsu(pair)
    np.testing.assert_array_equal(result.array[0], result.array[1])
    assert len(result.meta["thresholds"]) == 2
    np.testing.assert_array_equal(threshold_otsu(one, side="below").array, 1 - threshold_otsu(one).array)


def test_a_mask_limits_where_otsu_looks_and_labels():
    image, mask = bright_ball(grid(COARSE), noise=5.0), ball(grid(COARSE), 20.0)
    result = threshold_otsu(image, mask)
    assert not result.array[mask.array == 0].any()
    seen = image.array[mask.array > 0]
    assert result.meta["thresholds"][0] == pytest.approx(skimage.filters.threshold_otsu(seen, 1024))


def test_colour_is_taken_as_luminance_and_constants_are_refused():
    assert threshold_otsu(colour()).axes == "yx"
    with pytest.raises(ArgumentError, match="in every voxel"):
        threshold_otsu(noisy().with_array(np.ones((8, 10, 12))))


def blobs(spacing):
    def function(p):
        centres = [((-14, 0, 0), 9), ((10, 6, 4), 12), ((10, -16, -10), 3)]
        return sum(np.linalg.norm(p - c, axis=-1) < r for c, r in centres)

    return from_world(function, grid(spacing), "labels")


@pytest.mark.parametrize("spacing", [FINE, COARSE])
def test_pieces_are_counted_by_falling_size_and_small_ones_left_out_in_mm3(spacing):
    pieces = label_components(blobs(spacing))
    sizes = np.bincount(pieces.array.ravel())[1:] * pieces.geometry.voxel_volume
    expected = [4 / 3 * np.pi * r**3 for r in (12, 9, 3)]
    np.testing.assert_allclose(sizes, expected, rtol=0.35)  # a 3 mm ball in 4 mm slices is coarse
    assert label_components(blobs(spacing), min_size_mm3=500.0).array.max() == 2


@pytest.mark.parametrize(("connectivity", "full"), [("faces", False), ("corners", True)])
def test_components_agree_with_simpleitk(connectivity, full):
    array = (np.random.default_rng(0).uniform(size=(9, 10, 11)) > 0.7).astype(np.uint8)
    image = MedicalImage(array, "zyx", Geometry.from_spacing(array.shape, (1, 1, 1)), kind="labels")
    ours = label_components(image, connectivity=connectivity).array
    itk = sitk.ConnectedComponent(sitk.GetImageFromArray(array), full)
    theirs = sitk.GetArrayFromImage(sitk.RelabelComponent(itk))
    pairs = set(zip(ours.ravel().tolist(), theirs.ravel().tolist(), strict=True))
    assert len(pairs) == ours.max() + 1 == theirs.max() + 1
    sizes = np.bincount(ours.ravel())[1:]
    assert np.all(np.diff(sizes) <= 0)


def test_nothing_labelled_gives_nothing():
    empty = ball(grid(COARSE), 0.0)
    assert label_components(empty).array.max() == 0
