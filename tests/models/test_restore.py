"""Scores of the network's grid become labels on the image's grid."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_medai import Cancelled, Geometry
from napari_medai.core.sampling import sample_volume
from napari_medai.models import restore
from napari_medai.models.restore import labels_on_grid, softmax_in_place


def scores_of(labels, classes, sure=8.0):
    return np.stack([np.where(labels == k, sure, 0) for k in range(classes)]).astype(np.float32)


def test_on_the_same_grid_the_largest_score_wins():
    scores = np.random.default_rng(0).normal(size=(5, 6, 7, 8)).astype(np.float32)
    grid = Geometry.from_spacing((6, 7, 8), (1, 1, 1))
    labels = labels_on_grid(scores, grid, grid)
    assert labels.dtype == np.uint8
    np.testing.assert_array_equal(labels, scores.argmax(0))


def test_many_classes_need_wider_labels():
    scores = np.zeros((300, 2, 2), dtype=np.float32)
    scores[299] = 1
    grid = Geometry.from_spacing((2, 2))
    labels = labels_on_grid(scores, grid, grid)
    assert labels.dtype == np.uint16
    assert (labels == 299).all()


@given(spacing=st.tuples(*[st.floats(0.4, 3.0)] * 3), seed=st.integers(0, 1000))
def test_labels_are_the_argmax_of_linearly_resampled_probabilities(spacing, seed):
    source = Geometry.from_spacing((7, 8, 9), (1.5, 1.0, 2.0), (3, -4, 5))
    target = source.with_spacing(spacing)
    scores = np.random.default_rng(seed).normal(size=(4, *source.shape)).astype(np.float32)
    probabilities = scores.copy()
    softmax_in_place(probabilities)
    expected = np.stack([sample_volume(p, source, target, outside=np.nan) for p in probabilities])
    known = np.isfinite(expected[0])  # half a voxel beyond the edge, the sampler has no value
    top = np.sort(np.nan_to_num(expected), axis=0)
    clear = known & (top[-1] - top[-2] > 1e-5)  # near-ties may fall either way in the last bit
    labels = labels_on_grid(scores, source, target)
    assert labels.shape == target.shape
    np.testing.assert_array_equal(labels[clear], expected.argmax(0)[clear])


def test_softmax_makes_probabilities():
    scores = np.array([[1000.0, 0], [0, -1000]], dtype=np.float32)
    softmax_in_place(scores)
    np.testing.assert_allclose(scores, [[1, 1], [0, 0]])


def test_slabs_do_not_show(monkeypatch):
    source = Geometry.from_spacing((6, 6, 6), (2, 2, 2))
    target = source.with_spacing((0.7, 0.9, 1.1))
    scores = np.random.default_rng(0).normal(size=(3, 6, 6, 6)).astype(np.float32)
    whole = labels_on_grid(scores.copy(), source, target)
    monkeypatch.setattr(restore, "SLAB_VOXELS", 1)
    np.testing.assert_array_equal(labels_on_grid(scores, source, target), whole)


def test_a_flat_structure_comes_back_within_half_a_coarse_voxel():
    fine = Geometry.from_spacing((1, 40, 40), (1, 1, 1))
    coarse = fine.with_spacing((1, 2, 2))
    labels = (np.arange(20) >= 10)[None, None, :] * np.ones((1, 20, 1), dtype=int)
    result = labels_on_grid(scores_of(labels, 2), coarse, fine)
    np.testing.assert_array_equal(result[0, 0], np.arange(40) >= 20)


@pytest.mark.parametrize("spacing", [None, (0.5, 0.5, 0.5)])
def test_the_first_report_can_cancel(spacing):
    source = Geometry.from_spacing((4, 4, 4), (1, 1, 1))
    target = source if spacing is None else source.with_spacing(spacing)

    def cancel(step):
        raise Cancelled

    with pytest.raises(Cancelled):
        labels_on_grid(np.zeros((2, 4, 4, 4), dtype=np.float32), source, target, cancel)
