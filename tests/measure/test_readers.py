"""Claims about readers: published examples, scikit-learn, SimpleITK's STAPLE, and the rules for ties."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk
from label_shapes import ANISOTROPIC, ball, box, labels
from scipy import stats
from sklearn.metrics import cohen_kappa_score

from napari_medai.core.errors import ArgumentError, GeometryError
from napari_medai.measure.agreement import bland_altman, cohen_kappa, intraclass_correlation
from napari_medai.measure.fusion import fuse_labels, rate_readers
from napari_medai.measure.readers import compare_readers

# Shrout and Fleiss 1979, table 2: six subjects, four judges
SHROUT_FLEISS = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]


def noisy_readers(count=5, seed=0):
    rng = np.random.default_rng(seed)
    truth = ball((16, 24, 24), (8, 12, 12), 7)
    truth[truth > 0] += box(truth.shape, (0, 0, 12), truth.shape)[truth > 0]
    readers = []
    for share in np.linspace(0.02, 0.25, count):
        wrong = rng.random(truth.shape) < share
        readers.append(np.where(wrong, rng.integers(0, 3, truth.shape), truth).astype(np.uint8))
    return truth, readers


def test_intraclass_correlations_of_the_published_example():
    found = intraclass_correlation(SHROUT_FLEISS)
    assert found["icc_one_way"] == pytest.approx(0.17, abs=0.005)
    assert found["icc"] == pytest.approx(0.29, abs=0.005)
    assert found["icc_consistency"] == pytest.approx(0.71, abs=0.006)
    assert found["icc_average"] == pytest.approx(0.62, abs=0.005)
    # the interval McGraw and Wong's formula gives for these data in R's psych package
    assert (found["icc_low"], found["icc_high"]) == pytest.approx((0.02, 0.76), abs=0.01)


def test_readers_who_agree_fully_have_a_correlation_of_one_and_constants_have_none():
    assert intraclass_correlation(np.repeat(np.arange(5.0)[:, None], 2, axis=1))["icc"] == 1
    assert np.isnan(intraclass_correlation(np.ones((5, 2)))["icc"])
    assert np.isnan(intraclass_correlation(np.ones((1, 2)))["icc"])


def test_bland_altman_has_bias_limits_and_interval():
    rng = np.random.default_rng(0)
    a = rng.normal(50, 10, 40)
    b = a + rng.normal(2, 1, 40)
    found = bland_altman([*a, np.nan], [*b, 1.0])
    low, high = stats.t.interval(0.95, 39, (b - a).mean(), stats.sem(b - a))
    assert found["pairs"] == 40
    assert (found["bias_low"], found["bias_high"]) == pytest.approx((low, high))
    reach = 1.96 * (b - a).std(ddof=1)
    assert (found["lower_limit"], found["upper_limit"]) == pytest.approx(
        ((b - a).mean() - reach, (b - a).mean() + reach)
    )
    assert found["slope_p"] > 0.01
    assert bland_altman(a, 1.2 * a)["slope"] == pytest.approx(0.2 / 1.1)


@pytest.mark.parametrize("weights", ["none", "linear", "quadratic"])
def test_kappa_equals_scikit_learn(weights):
    rng = np.random.default_rng(1)
    a = rng.integers(0, 4, 300)
    b = np.where(rng.random(300) < 0.3, rng.integers(0, 4, 300), a)
    table = np.zeros((4, 4))
    np.add.at(table, (a, b), 1)
    peer = cohen_kappa_score(a, b, weights=None if weights == "none" else weights)
    assert cohen_kappa(table, weights) == pytest.approx(peer)
    assert np.isnan(cohen_kappa([[5, 0], [0, 0]]))


def test_staple_equals_simpleitk_for_one_label():
    _, readers = noisy_readers()
    binary = [(r > 0).astype(np.uint8) for r in readers]
    peer = sitk.STAPLEImageFilter()
    peer.SetForegroundValue(1)
    peer.SetMaximumIterations(500)
    expected = sitk.GetArrayFromImage(peer.Execute([sitk.GetImageFromArray(b) for b in binary])) >= 0.5
    fused = fuse_labels([labels(b) for b in binary])
    assert np.array_equal(np.asarray(fused.array) > 0, expected)
    table = rate_readers([labels(b) for b in binary])
    # SimpleITK stops somewhat earlier
    assert table.sensitivity.to_numpy() == pytest.approx(np.array(peer.GetSensitivity()), abs=1e-3)
    assert table.specificity.to_numpy() == pytest.approx(np.array(peer.GetSpecificity()), abs=1e-3)


def test_staple_is_nearer_to_the_truth_than_any_reader_and_ranks_them():
    truth, readers = noisy_readers()
    fused = np.asarray(fuse_labels([labels(r) for r in readers]).array)
    assert (fused != truth).sum() < min((r != truth).sum() for r in readers)
    table = rate_readers([labels(r) for r in readers])
    by_reader = table.groupby("reader").sensitivity.mean().to_numpy()
    assert (np.diff(by_reader) < 0).all()
    assert len(table) == 10


def test_majority_vote_equals_simpleitk_and_ties_go_where_asked():
    _, readers = noisy_readers(4)
    fused = fuse_labels([labels(r) for r in readers], method="majority", tie_label=9)
    peer = sitk.LabelVoting([sitk.GetImageFromArray(r) for r in readers], 9)
    assert np.array_equal(fused.array, sitk.GetArrayFromImage(peer))
    assert fused.history[-1].operation == "fuse_labels"


def test_readers_who_cannot_be_fused_are_refused():
    one = labels(np.ones((3, 3, 3)))
    with pytest.raises(ArgumentError, match="at least two"):
        fuse_labels([one])
    with pytest.raises(GeometryError, match="another grid"):
        fuse_labels([one, labels(np.ones((3, 3, 3)), ANISOTROPIC)])


def test_two_readers_over_cases_are_compared_in_millilitres():
    shape = (20, 30, 30)
    radii, grown = (5, 6, 7, 8), (5.5, 6.4, 7.6, 8.5)
    first = [labels(ball(shape, (10, 15, 15), r)) for r in radii]
    second = [labels(ball(shape, (10, 15, 15), r)) for r in grown]
    table = compare_readers(first, second).set_index("label")
    ml = np.array([[np.asarray(i.array).sum() / 1000 for i in group] for group in (first, second)])
    row = table.loc[1]
    assert row.cases == 4
    assert row.bias == pytest.approx((ml[1] - ml[0]).mean())
    assert row.icc == pytest.approx(intraclass_correlation(ml.T)["icc"])
    a, b = (np.concatenate([np.asarray(i.array).ravel() for i in group]) for group in (first, second))
    assert row.kappa == pytest.approx(cohen_kappa_score(a, b))
    assert table.kappa[-1] == pytest.approx(row.kappa)
    with pytest.raises(ArgumentError, match="same order"):
        compare_readers(first, second[:2])


def test_two_cases_without_any_spread_between_them_have_no_correlation():
    found = intraclass_correlation([[1.0, 3.0], [1.0, 3.0]])
    assert found["icc"] == 0
    assert found["icc_average"] == 0
