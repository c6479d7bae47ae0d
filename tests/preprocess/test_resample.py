"""Resampling keeps world positions, volumes and labels, and agrees with SimpleITK."""

import numpy as np
import pytest
import SimpleITK as sitk
from grids import make_geometry
from hypothesis import given, settings
from hypothesis import strategies as st
from made_images import COARSE, FINE, ball, colour, dice, from_world, grid, noisy, volume_mm3

from napari_medai import Geometry, MedicalImage
from napari_medai.core.errors import ArgumentError, GeometryError
from napari_medai.preprocess import reorient, resample_to, resample_to_spacing


def to_sitk(image):
    out = sitk.GetImageFromArray(np.asarray(image.array))
    out.SetSpacing(image.geometry.spacing[::-1].tolist())
    out.SetOrigin(image.geometry.origin.tolist())
    out.SetDirection(image.geometry.direction[:, ::-1].ravel().tolist())
    return out


def linear(p):
    return 3 * p[..., 0] - 2 * p[..., 1] + 0.5 * p[..., -1]


OBLIQUE = make_geometry(
    (20, 22, 24), np.eye(3)[:, ::-1], (2.5, 1.0, 0.8), (12.0, -7.0, 20.0), (5.0, -9.0, 30.0)
)


@pytest.mark.parametrize("method", ["linear", "cubic", "sinc"])
def test_resampling_agrees_with_simpleitk_on_an_oblique_grid(method):
    image = MedicalImage(
        np.random.default_rng(0).normal(size=OBLIQUE.shape).astype(np.float32), "zyx", OBLIQUE
    )
    target = OBLIQUE.cropped((3, 4, 5), (12, 12, 12)).with_spacing((1.3, 0.9, 1.1))
    like = MedicalImage(np.zeros(target.shape), "zyx", target)
    ours = resample_to(image, like, interpolation=method, antialias=False)
    kind = {"linear": sitk.sitkLinear, "cubic": sitk.sitkBSpline3, "sinc": sitk.sitkLanczosWindowedSinc}[
        method
    ]
    theirs = sitk.GetArrayFromImage(sitk.Resample(to_sitk(image), to_sitk(like), sitk.Transform(), kind))
    # ITK's B-spline coefficients treat the image's edge by mirroring, ours by extending: compare the middle.
    inner = (slice(3, -3),) * 3
    assert np.abs(ours.array - theirs)[inner].max() < 0.02
    assert ours.geometry is like.geometry


def test_a_linear_field_survives_a_change_of_spacing():
    image = from_world(linear, grid(COARSE))
    fine = resample_to_spacing(image, spacing_mm=(1.0, 1.0, 1.0))
    truth = linear(fine.geometry.index_to_world(np.moveaxis(np.indices(fine.spatial_shape), 0, -1)))
    assert np.abs(fine.array - truth)[2:-2].max() < 1e-3  # float32 of values up to 130


@pytest.mark.parametrize("spacing", [0.7, 1.7, (3.0, 2.0, 1.0)])
def test_the_field_of_view_keeps_its_centre_and_extent(spacing):
    image = noisy((11, 20, 31))
    result = resample_to_spacing(image, spacing_mm=spacing)
    middle = [(g.corners()[0] + g.corners()[-1]) / 2 for g in (image.geometry, result.geometry)]
    np.testing.assert_allclose(*middle, atol=1e-9)
    extent = [np.array(g.shape) * g.spacing for g in (image.geometry, result.geometry)]
    assert np.all(np.abs(extent[0] - extent[1]) <= result.geometry.spacing / 2 + 1e-9)


@pytest.mark.parametrize("method", ["nearest", "label"])
def test_a_ball_keeps_its_volume_from_thick_to_thin_slices(method):
    image = ball(grid(COARSE), 14.0)
    fine = resample_to_spacing(image, spacing_mm=1.0, interpolation=method)
    exact = 4 / 3 * np.pi * 14**3
    # A 4 mm slice cuts a ball to about 2 %; smooth borders also round off its two flat caps.
    assert volume_mm3(fine) == pytest.approx(exact, rel=0.05)
    assert fine.kind == "labels"
    assert fine.array.dtype == np.uint8


def test_label_interpolation_is_smoother_than_nearest_and_keeps_numbers():
    truth = ball(grid(FINE), 14.0)
    array = np.asarray(ball(grid(COARSE), 14.0).array) * 7
    thick = ball(grid(COARSE), 14.0).with_array(array.astype(np.uint8))
    nearest = resample_to(thick, truth, interpolation="nearest")
    smooth = resample_to(thick, truth, interpolation="label")
    assert set(np.unique(smooth.array)) == {0, 7}
    assert dice(smooth.array, truth.array) > dice(nearest.array, truth.array) + 0.005


def test_thinning_out_a_fine_pattern_leaves_its_mean_not_stripes():
    stripes = np.zeros((4, 64, 64), dtype=np.float32)
    stripes[:, :, ::2] = 100
    image = MedicalImage(stripes, "zyx", Geometry.from_spacing(stripes.shape, (1, 1, 1)))
    smooth = resample_to_spacing(image, spacing_mm=(1.0, 1.0, 3.2))
    plain = resample_to_spacing(image, spacing_mm=(1.0, 1.0, 3.2), antialias=False)
    inner = (slice(None), slice(None), slice(3, -3))
    assert smooth.array[inner].std() < 0.05 * plain.array[inner].std()
    assert smooth.array[inner].mean() == pytest.approx(50, abs=1)


def test_every_time_point_channel_and_colour_is_resampled():
    series = noisy((2, 3, 4, 6, 8), "tczyx")
    assert resample_to_spacing(series, spacing_mm=(1.0, 1.0, 1.0)).array.shape == (2, 3, 8, 6, 8)
    picture = resample_to_spacing(colour((16, 20)), spacing_mm=0.5)
    assert picture.array.shape == (32, 40, 3)
    assert picture.array.dtype == np.uint8


def test_points_outside_get_the_value_asked_for():
    image = noisy((6, 6, 6), spacing=(1.0, 1.0, 1.0))
    wide = image.geometry.cropped((-3, 0, 0), (6, 6, 6))
    result = resample_to(image, MedicalImage(np.zeros((6, 6, 6)), "zyx", wide), outside=-1000.0)
    assert np.all(result.array[:3] == -1000)
    np.testing.assert_array_equal(result.array[3:], image.array[:3])


@given(st.integers(0, 47), st.floats(0.3, 4.0))
@settings(max_examples=20, deadline=None)
def test_resampling_onto_ones_own_reoriented_grid_loses_nothing(which, step):
    from grids import ORIENTATIONS

    geometry = make_geometry((4, 5, 6), ORIENTATIONS[which], (step, 1.0, 2.0), (10.0, 5.0, -8.0))
    image = MedicalImage(np.arange(120).reshape(4, 5, 6), "zyx", geometry)
    turned = reorient(image, orientation="SPL")
    np.testing.assert_array_equal(resample_to(image, turned, interpolation="nearest").array, turned.array)


def test_what_would_mix_labels_or_cannot_be_placed_is_refused():
    labels = ball(grid(COARSE))
    with pytest.raises(ArgumentError, match="mix label numbers"):
        resample_to_spacing(labels, interpolation="linear")
    with pytest.raises(ArgumentError, match="needed 1 or 3"):
        resample_to_spacing(labels, spacing_mm=(1.0, 2.0))
    with pytest.raises(ArgumentError, match="voxels"):
        resample_to_spacing(labels, spacing_mm=0.001)
    unplaced = MedicalImage(np.zeros((4, 4, 4)), "zyx", Geometry.from_spacing((4, 4, 4)))
    for method in ("linear", "sinc"):
        with pytest.raises(GeometryError):
            resample_to(unplaced, labels, interpolation=method)
