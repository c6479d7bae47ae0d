"""Errors of landmarks against counts and distances known beforehand."""

import numpy as np
import pytest

from napari_medai import Landmarks, MedAIError
from napari_medai.landmarks import evaluate_landmarks

TRUTH = Landmarks(("a", "b", "c"), [[0, 0], [10, 0], [0, 10]])


def summary(result):
    return result.summary.set_index("figure")["value"]


def test_distances_and_success_rates_are_those_that_were_made():
    found = [TRUTH.replace(positions=TRUTH.positions + np.array([d, 0])) for d in (1.0, 2.2, 3.5, 6.0)]
    result = evaluate_landmarks(found, [TRUTH] * 4)
    figures = summary(result)
    assert figures["mean"] == pytest.approx(np.mean([1, 2.2, 3.5, 6]))
    assert figures["median"] == pytest.approx((2.2 + 3.5) / 2)
    assert [figures[f"within_{t}"] for t in ("2", "2.5", "3", "4")] == [0.25, 0.5, 0.5, 0.75]
    assert result.points["mean"].tolist() == pytest.approx([3.175] * 3)


def test_in_space_the_usual_distances_are_others():
    points = Landmarks(("a",), [[0, 0, 0]])
    figures = summary(evaluate_landmarks([points.replace(positions=[[0, 0, 4]])], [points]))
    assert figures["within_3"] == 0
    assert figures["within_5"] == 1


def test_absence_is_judged_by_precision_and_recall():
    truth = [TRUTH.replace(absent=[True, False, False]), TRUTH.replace(absent=[True, True, False])]
    found = [TRUTH.replace(absent=[True, True, False]), TRUTH.replace(absent=[True, False, False])]
    figures = summary(evaluate_landmarks(found, truth))
    assert figures["absent_precision"] == pytest.approx(2 / 3)
    assert figures["absent_recall"] == pytest.approx(2 / 3)
    assert figures["absent_f1"] == pytest.approx(2 / 3)


def test_true_error_bars_hold_as_many_truths_as_they_say():
    rng = np.random.default_rng(0)
    spread = np.array([[2.0, 0.8], [0.8, 1.0]])
    noise = rng.multivariate_normal([0, 0], spread, (400, 3))
    found = [
        TRUTH.replace(positions=TRUTH.positions + d, covariance=np.tile(spread, (3, 1, 1))) for d in noise
    ]
    figures = summary(evaluate_landmarks(found, [TRUTH] * 400))
    for level in (50, 90, 95):
        assert figures[f"in_{level}_percent_ellipse"] == pytest.approx(level / 100, abs=0.04)


def test_with_two_readers_the_truth_is_their_mean_and_their_distance_stands_beside():
    second = TRUTH.replace(positions=TRUTH.positions + np.array([2, 0]))
    figures = summary(evaluate_landmarks([TRUTH], [TRUTH], [second]))
    assert figures["mean"] == pytest.approx(1)
    assert figures["readers_mean"] == pytest.approx(2)
    assert figures["mean_over_readers"] == pytest.approx(0.5)


def test_angles_and_classes_of_a_cephalogram_are_compared():
    truth = Landmarks(("S", "N", "A", "B"), [[-70, 0], [0, 0], [0, 50], [-2.7, 40]])
    other = truth.replace(positions=[[-70, 0], [0, 0], [0, 50], [-4.5, 40]])
    table = evaluate_landmarks([truth, other], [truth, truth]).angles.set_index("measure")
    gap = np.degrees(np.arctan2(4.5, 40) - np.arctan2(2.7, 40))
    assert table.loc["ANB", "mean_error"] == pytest.approx(gap / 2)
    assert table.loc["ANB", "class_agreement"] == 0.5


@pytest.mark.parametrize(
    ("found", "truth", "said"),
    [
        ([TRUTH], [TRUTH, TRUTH], "1 and 2 sets"),
        ([TRUTH], [TRUTH.replace(unit="pixel")], "needed one kind"),
        ([Landmarks(("x",), [[0, 0]])], [TRUTH], "No point has a partner"),
    ],
)
def test_sets_that_do_not_fit_are_refused(found, truth, said):
    with pytest.raises(MedAIError, match=said):
        evaluate_landmarks(found, truth)
