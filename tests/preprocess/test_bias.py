"""N4 on a phantom whose field is known: the tissues come apart again, the field is the truth."""

import time

import numpy as np
import pytest
from made_images import ball, from_world, grid, noisy

from napari_medai import Geometry, MedicalImage
from napari_medai.core.errors import ArgumentError, Cancelled
from napari_medai.preprocess import correct_bias_field, estimate_bias_field

SPACING = (3.0, 1.5, 1.5)


def shade(p):
    x, y, z = np.moveaxis(p, -1, 0) / 60
    return np.exp(0.35 * x - 0.25 * y * z + 0.3 * z**2 - 0.2 * np.sin(2 * y))


@pytest.fixture(scope="module")
def head():
    """Two tissues in a ball, shaded and noisy, with the labels and the true field."""
    geometry = grid(SPACING, (120, 120, 120))
    rng = np.random.default_rng(0)

    def tissue(p):
        radius = np.linalg.norm(p, axis=-1)
        folds = np.sin(p[..., 0] / 5) + np.sin(p[..., 1] / 6) + np.sin(p[..., 2] / 7)
        return np.where(radius < 52, np.where(folds > 0, 2, 1), 0)

    labels = from_world(tissue, geometry, "labels")
    field = from_world(shade, geometry)
    clean = np.choose(labels.array, [0.0, 70.0, 100.0])
    array = np.abs(clean * field.array + rng.normal(0, 2, clean.shape))
    return field.with_array(array.astype(np.float32)), labels, field


def joint_variation(array, labels):
    a, b = array[labels == 1], array[labels == 2]
    return (a.std() + b.std()) / abs(a.mean() - b.mean())


def test_joint_variation_falls_by_half_and_the_field_is_the_truth(head):
    image, labels, field = head
    corrected = correct_bias_field(image)
    before, after = (joint_variation(i.array, labels.array) for i in (image, corrected))
    assert after < 0.5 * before
    inside = labels.array > 0
    found = estimate_bias_field(image)
    assert np.corrcoef(found.array[inside], field.array[inside])[0, 1] > 0.95
    np.testing.assert_allclose(corrected.array * found.array, image.array, rtol=1e-4, atol=1e-3)
    assert corrected.array.dtype == np.float32
    assert corrected.array[inside].mean() == pytest.approx(image.array[inside].mean(), rel=0.1)


def test_a_given_mask_and_two_dimensions_work(head):
    image, labels, field = head
    k = 20
    flat = from_world(lambda p: np.zeros(p.shape[:-1]), grid(SPACING[1:], (120, 120)))
    picture = flat.with_array(image.array[k])
    mask = flat.with_array(labels.array[k], kind="labels")
    found = estimate_bias_field(picture, mask)
    inside = mask.array > 0
    assert np.corrcoef(found.array[inside], field.array[k][inside])[0, 1] > 0.95


def test_it_stops_soon_and_leaves_nothing(head):
    image, _, _ = head
    asked = []

    def report(step):
        if step.fraction > 0.02:
            asked.append(time.perf_counter())
            raise Cancelled

    with pytest.raises(Cancelled):
        correct_bias_field(image, progress=report)
    assert time.perf_counter() - asked[0] < 6  # aim: 2 s; one more iteration on a busy machine


def test_a_stop_prints_nothing(head, capfd):
    def report(step):
        if step.fraction > 0.02:
            raise Cancelled

    with pytest.raises(Cancelled):
        correct_bias_field(head[0], progress=report)
    assert capfd.readouterr() == ("", "")


def test_an_error_of_the_reporter_is_not_swallowed(head):
    def report(step):
        if step.fraction > 0.02:
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        correct_bias_field(head[0], progress=report)


def test_what_cannot_be_corrected_is_said():
    with pytest.raises(ArgumentError, match="every voxel"):
        correct_bias_field(noisy().with_array(np.zeros((8, 10, 12))))
    with pytest.raises(ArgumentError, match="NaN"):
        correct_bias_field(noisy().with_array(np.full((8, 10, 12), np.nan)))
    with pytest.raises(ArgumentError, match="empty mask"):
        correct_bias_field(noisy(), ball(noisy().geometry, 0.0))


def test_a_single_slice_of_a_volume_is_corrected_as_the_plane_it_is():
    y, x = np.mgrid[:90, :80]
    picture = ((np.hypot(y - 45, x - 40) < 35) * 100 * np.exp((y - 45) / 100) + 1).astype(np.float32)
    slice_ = MedicalImage(picture[None], "zyx", Geometry.from_spacing((1, 90, 80), (4, 0.7, 0.7)))
    plane = MedicalImage(picture, "yx", Geometry.from_spacing((90, 80), (0.7, 0.7)))
    corrected = correct_bias_field(slice_)
    assert corrected.array.shape == (1, 90, 80)
    np.testing.assert_array_equal(corrected.array[0], correct_bias_field(plane).array)
