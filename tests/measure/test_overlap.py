"""Claims about compare_labels: closed forms, SimpleITK, MONAI, and the rule for empty labels."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk
import torch
from label_shapes import ANISOTROPIC, ISOTROPIC, ball, box, grid, labels
from monai.metrics import (
    compute_average_surface_distance,
    compute_hausdorff_distance,
    compute_surface_dice,
)
from scipy import ndimage

from napari_medai.core.errors import ArgumentError, GeometryError
from napari_medai.core.image import MedicalImage
from napari_medai.measure.overlap import compare_labels
from napari_medai.measure.surface import inner_band

MONAI_WARNS = "ignore:.*always_return_as_numpy:FutureWarning"  # MONAI calls itself by its old name

SPACINGS = [ISOTROPIC, ANISOTROPIC]


def first_row(a, b, spacing=ISOTROPIC, **options):
    return compare_labels(labels(a, spacing), labels(b, spacing), **options).iloc[0]


def noisy_pair(spacing):
    rng = np.random.default_rng(3)
    shape = (14, 40, 44)
    centre = np.array(shape) / 2 * spacing
    pair = []
    for radius in (15, 13):
        noise = ndimage.gaussian_filter(rng.normal(size=shape), 2) * 30
        points = np.indices(shape).reshape(3, -1).T * np.array(spacing) - centre - rng.uniform(-3, 3, 3)
        inside = np.linalg.norm(points, axis=1).reshape(shape) + noise < radius
        # a rim, since tools disagree whether a region ends where the image does
        pair.append(np.pad(inside, 1).astype(np.uint8))
    return pair


@pytest.mark.parametrize("surface", ["area", "voxels"])
@pytest.mark.parametrize("spacing", SPACINGS)
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_shifted_box_lies_as_far_off_as_it_was_shifted(spacing, axis, surface):
    start, stop, shift = np.array([4, 6, 6]), np.array([12, 16, 16]), np.eye(3, dtype=int)[axis] * 2
    a, b = box((20, 24, 24), start, stop), box((20, 24, 24), start + shift, stop + shift)
    row = first_row(a, b, spacing, surface=surface)
    size = stop - start
    common = np.prod(size - shift)
    assert row.hausdorff_mm == pytest.approx(2 * spacing[axis])
    assert row.centre_distance_mm == pytest.approx(2 * spacing[axis])
    assert row.dice == pytest.approx(common / np.prod(size))
    assert row.jaccard == pytest.approx(common / (2 * np.prod(size) - common))
    assert row.volume_difference_ml == 0


def test_area_weighting_gives_the_closed_form_on_a_box_grown_in_one_direction():
    spacing = ANISOTROPIC
    a, b = box((30, 30, 30), (5, 5, 5), (15, 15, 15)), box((30, 30, 30), (5, 5, 5), (17, 15, 15))
    row = first_row(a, b, spacing, tolerance_mm=2.0)
    # the upper face (about 10 x 10 mm) of each box lies 10 mm from the other's; all else agrees or is near
    side_a, side_b, face = 4 * 50 * 10, 4 * 60 * 10, 100
    far = 2 * face + 4 * 10 * (10 - 2)
    assert row.hausdorff_mm == pytest.approx(10)
    assert row.surface_dice == pytest.approx(1 - far / (side_a + side_b + 4 * face), abs=0.03)


@pytest.mark.parametrize("spacing", SPACINGS)
def test_concentric_balls_lie_apart_by_the_difference_of_their_radii(spacing):
    shape = tuple(int(50 / s) for s in spacing)
    centre = [(n - 1) / 2 * s for n, s in zip(shape, spacing, strict=True)]
    a, b = ball(shape, centre, 12, spacing), ball(shape, centre, 20, spacing)
    for surface in ("area", "voxels"):
        row = first_row(a, b, spacing, surface=surface)
        # half a voxel's diagonal: no surface of voxels lies nearer to the ball's
        tolerance = np.linalg.norm(spacing) / 2
        assert row.hausdorff_mm == pytest.approx(8, abs=2 * tolerance)
        assert row.assd_mm == pytest.approx(8, abs=tolerance)


@pytest.mark.filterwarnings(MONAI_WARNS)
@pytest.mark.parametrize("spacing", SPACINGS)
def test_distances_between_border_voxels_equal_monai(spacing):
    a, b = noisy_pair(spacing)
    row = first_row(a, b, spacing, surface="voxels")
    one_hot = [torch.from_numpy(x[None, None].astype(np.float32)) for x in (b, a)]
    settings = {"include_background": True, "spacing": spacing}
    hd = compute_hausdorff_distance(*one_hot, **settings).item()
    assd = compute_average_surface_distance(*one_hot, symmetric=True, **settings).item()
    assert row.hausdorff_mm == pytest.approx(hd, abs=1e-3)
    assert row.assd_mm == pytest.approx(assd, abs=1e-3)
    hd95 = compute_hausdorff_distance(*one_hot, percentile=95, **settings).item()
    assert row.hd95_mm == pytest.approx(hd95, abs=1e-3)


@pytest.mark.filterwarnings(MONAI_WARNS)
@pytest.mark.parametrize("spacing", SPACINGS)
@pytest.mark.parametrize("tolerance", [1.0, 2.5])
def test_surface_dice_by_area_equals_monai(spacing, tolerance):
    a, b = noisy_pair(spacing)
    row = first_row(a, b, spacing, tolerance_mm=tolerance)
    one_hot = [torch.from_numpy(x[None, None].astype(np.float32)) for x in (b, a)]
    peer = compute_surface_dice(
        *one_hot, [tolerance], include_background=True, spacing=spacing, use_subvoxels=True
    ).item()
    # MONAI takes areas from a table; both are sums of float32 areas of thousands of cells
    assert row.surface_dice == pytest.approx(peer, abs=2e-3)


@pytest.mark.parametrize("spacing", SPACINGS)
def test_overlap_and_hausdorff_equal_simpleitk(spacing):
    a, b = noisy_pair(spacing)
    row = first_row(a, b, spacing, surface="voxels")
    images = [sitk.GetImageFromArray(x) for x in (a, b)]
    for image in images:
        image.SetSpacing(spacing[::-1])
    overlap = sitk.LabelOverlapMeasuresImageFilter()
    overlap.Execute(*images)
    assert row.dice == pytest.approx(overlap.GetDiceCoefficient(1))
    assert row.jaccard == pytest.approx(overlap.GetJaccardCoefficient(1))
    directed = []
    for one, other in (images, images[::-1]):
        contour = sitk.GetArrayFromImage(sitk.LabelContour(one)) > 0
        away = sitk.SignedMaurerDistanceMap(
            sitk.LabelContour(other), useImageSpacing=True, squaredDistance=False
        )
        directed.append(np.maximum(sitk.GetArrayFromImage(away), 0)[contour])
    assert row.hausdorff_mm == pytest.approx(max(d.max() for d in directed), abs=1e-3)
    assert row.assd_mm == pytest.approx(np.concatenate(directed).mean(), abs=1e-3)


def test_a_label_in_one_image_alone_is_infinitely_far_and_overlaps_nothing():
    a = labels(box((6, 6, 6), (1, 1, 1), (3, 3, 3)), meta={"labels": {"1": "liver", "2": "cyst"}})
    table = compare_labels(a, labels(np.zeros((6, 6, 6)))).set_index("name")
    liver, cyst = table.loc["liver"], table.loc["cyst"]
    assert (liver.dice, liver.sensitivity, liver.surface_dice, liver.note) == (0, 0, 0, "not in b")
    assert np.isinf([liver.hausdorff_mm, liver.hd95_mm, liver.assd_mm, liver.centre_distance_mm]).all()
    assert np.isnan(liver.precision)
    assert np.isnan([cyst.dice, cyst.hausdorff_mm]).all()
    assert cyst.note == "not in a nor b"


def test_specificity_counts_the_whole_image():
    a, b = box((10, 10, 10), (0, 0, 0), (5, 10, 10)), box((10, 10, 10), (0, 0, 0), (6, 10, 10))
    row = first_row(a, b)
    assert (row.sensitivity, row.specificity, row.precision) == pytest.approx((1.0, 0.8, 5 / 6))
    assert row.volume_difference_percent == pytest.approx(20)


@pytest.mark.parametrize("spacing", SPACINGS)
@pytest.mark.parametrize("width", [0.5, 1.0, 2.0, 6.0])
def test_inner_band_is_the_border_widened_to_the_exact_distance(spacing, width):
    mask = noisy_pair(spacing)[0].astype(bool)
    padded = np.pad(mask, 1)
    distance = ndimage.distance_transform_edt(padded, sampling=spacing)[1:-1, 1:-1, 1:-1]
    border = mask & ~ndimage.binary_erosion(mask)
    expected = border | (mask & (distance <= width))
    assert np.array_equal(inner_band(mask, grid(mask.shape, spacing), width), expected)


def test_other_grids_are_refused_or_resampled_on_request():
    fine = labels(box((20, 20, 20), (4, 4, 4), (16, 16, 16)))
    coarse_grid = fine.geometry.with_spacing((2.0, 2.0, 2.0))
    coarse = MedicalImage(np.asarray(fine.array)[::2, ::2, ::2], "zyx", coarse_grid, "labels")
    with pytest.raises(GeometryError, match="another grid"):
        compare_labels(fine, coarse)
    assert compare_labels(fine, coarse, resample=True).dice[0] == 1


def test_time_points_are_compared_one_by_one():
    a = np.zeros((2, 4, 4, 4), np.uint8)
    a[:, 1:3] = 1
    b = a.copy()
    b[1, 2] = 0
    first, second = (MedicalImage(x, "tzyx", grid((4, 4, 4)), "labels") for x in (a, b))
    table = compare_labels(first, second)
    assert table.time.tolist() == [0, 1]
    assert table.dice.tolist() == pytest.approx([1, 2 / 3])
    with pytest.raises(ArgumentError, match="axes"):
        compare_labels(first, labels(a[0]))


def test_two_dimensional_masks_are_compared_in_the_plane():
    row = first_row(box((20, 20), (5, 5), (15, 15)), box((20, 20), (5, 7), (15, 17)), (2.0, 0.5))
    assert row.hausdorff_mm == pytest.approx(1.0)
    assert row.area_a_mm2 == pytest.approx(100)
