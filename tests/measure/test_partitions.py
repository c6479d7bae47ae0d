"""Claims about partitions, instances and confusion: scikit-image, scikit-learn and counts by hand."""

from __future__ import annotations

import numpy as np
import pytest
from label_shapes import ISOTROPIC, ball, box, labels
from skimage.metrics import adapted_rand_error, variation_of_information
from sklearn.metrics import adjusted_rand_score, v_measure_score
from sklearn.metrics import confusion_matrix as sklearn_confusion
from sklearn.metrics.cluster import pair_confusion_matrix

from napari_medai.measure.confusion import confusion_matrix
from napari_medai.measure.instances import compare_instances
from napari_medai.measure.partitions import compare_partitions


def random_pair(seed=0):
    rng = np.random.default_rng(seed)
    a = rng.integers(0, 6, (6, 20, 20)).repeat(2, 1).repeat(2, 2)
    return a, np.where(rng.random(a.shape) < 0.2, rng.integers(0, 9, a.shape), a)


@pytest.mark.parametrize("seed", [0, 1])
def test_partition_measures_equal_scikit_image_and_scikit_learn(seed):
    a, b = random_pair(seed)
    row = compare_partitions(labels(a), labels(b)).iloc[0]
    error, _, _ = adapted_rand_error(a, b, ignore_labels=(0,))
    assert row.adapted_rand_error == pytest.approx(error, abs=1e-3)  # scikit-image leaves out self-pairs
    inside = a != 0
    (_, joined), (cut, right) = pair_confusion_matrix(a[inside], b[inside])
    shares = (right / (right + joined), right / (right + cut))
    assert (row.rand_precision, row.rand_recall) == pytest.approx(shares, abs=1e-3)
    assert row.adjusted_rand == pytest.approx(adjusted_rand_score(a[inside], b[inside]))
    assert row.v_info == pytest.approx(v_measure_score(a[inside], b[inside]))
    whole = compare_partitions(labels(a), labels(b), ignore_background=False).iloc[0]
    split, merge = variation_of_information(a, b)
    assert (whole.split_bits, whole.merge_bits) == pytest.approx((split, merge))


def test_renumbered_pieces_agree_fully_and_a_merge_is_called_a_merge():
    a, _ = random_pair()
    same = compare_partitions(labels(a), labels(np.array([0, 9, 3, 8, 1, 4])[a])).iloc[0]
    assert (same.adapted_rand_error, same.variation_of_information_bits) == pytest.approx((0, 0))
    merged = compare_partitions(labels(a), labels(np.where(a == 2, 1, a))).iloc[0]
    assert merged.merge_bits > 0.1
    assert merged.split_bits == pytest.approx(0)


def test_an_empty_reference_has_no_partition_measures():
    row = compare_partitions(labels(np.zeros((3, 3, 3))), labels(np.ones((3, 3, 3)))).iloc[0]
    assert np.isnan(row).all()


def test_confusion_matrix_equals_scikit_learn():
    a, b = random_pair()
    table = confusion_matrix(labels(a), labels(b))
    assert np.array_equal(table.to_numpy(), sklearn_confusion(a.ravel(), b.ravel(), labels=range(9)))
    assert table.columns[0] == "background"
    shares = confusion_matrix(labels(a), labels(b), normalise="rows").to_numpy()
    assert shares[:6].sum(axis=1) == pytest.approx(1)
    assert np.isnan(shares[6:]).all()


def test_lesions_are_matched_one_to_one_and_counted():
    shape = (30, 30, 60)
    a = sum(ball(shape, (15, 15, x), 5) for x in (8, 24, 40))
    b = ball(shape, (15, 15, 9), 5) + ball(shape, (15, 15, 26), 5) + box(shape, (0, 0, 55), (3, 3, 58))
    table = compare_instances(labels(a), labels(b), iou_thresholds=(0.1, 0.5, 0.9)).set_index("iou_threshold")
    assert table.in_a.tolist() == table.in_b.tolist() == [3, 3, 3]
    ious = [(a & b)[..., s].sum() / (a | b)[..., s].sum() for s in (slice(0, 16), slice(16, 33))]
    assert table.found.tolist() == [2, sum(i >= 0.5 for i in ious), 0]
    assert table.mean_iou[0.1] == pytest.approx(np.mean(ious))
    assert table.panoptic_quality[0.1] == pytest.approx(sum(ious) / (2 + 0.5 + 0.5))
    assert (table.found[0.9], table.f1[0.9], table.panoptic_quality[0.9]) == (0, 0, 0)
    assert np.isnan(table.mean_iou[0.9])


def test_one_object_cannot_match_two():
    a, b = box((4, 4, 12), (0, 0, 0), (4, 4, 12)), box((4, 4, 12), (0, 0, 0), (4, 4, 6))
    b[:, :, 7:] = 1
    row = compare_instances(labels(a), labels(b), iou_thresholds=(0.3,)).iloc[0]
    assert (row.found, row.false, row.missed) == (1, 1, 0)


def test_cells_are_objects_by_number_and_no_objects_give_no_shares():
    a, _ = random_pair()
    row = compare_instances(labels(a), labels(a), instances="labels", iou_thresholds=(0.5,)).iloc[0]
    assert (row.found, row.f1, row.panoptic_quality) == (5, 1, 1)
    nothing = labels(np.zeros((3, 3, 3)), ISOTROPIC)
    row = compare_instances(nothing, nothing, instances="labels", iou_thresholds=(0.5,)).iloc[0]
    assert np.isnan([row.f1, row.precision, row.panoptic_quality]).all()
