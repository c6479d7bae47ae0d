"""Images ordered by how unsure a landmark model is of their points."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch")

from napari_medai import Landmarks, MedAIError
from napari_medai.phantoms.ceph import cephalogram
from napari_medai.train.points.ranking import doubt_of, rank_by_doubtful_points


def found(confidence, absent=None):
    count = len(confidence)
    names = tuple(f"p{k}" for k in range(count))
    return Landmarks(names, np.zeros((count, 2)), confidence=confidence, absent=absent)


def test_the_least_sure_quarter_of_the_points_speaks_for_an_image():
    assert doubt_of(found([0.2, 1, 1, 1, 0.6, 1, 1, 1])) == pytest.approx(0.6)
    assert doubt_of(found([0.5, 1])) == pytest.approx(0.5)


def test_a_point_that_is_surely_absent_is_no_doubt():
    assert doubt_of(found([0.1, 0.9], [True, False])) == pytest.approx(0.1)


def test_a_picture_that_shows_little_is_asked_about_first():
    plain = cephalogram(3, (134, 120), (1.5, 1.5)).image
    noise = np.random.default_rng(0).normal(0, 0.4, plain.array.shape)
    noisy = plain.with_array((np.asarray(plain.array) + noise).astype(np.float32))
    order = rank_by_doubtful_points([plain, noisy], "ceph-phantom")
    assert [place for place, _ in order] == [1, 0]
    assert order[0][1] > order[1][1] + 0.05


def test_a_model_that_finds_no_points_is_refused():
    with pytest.raises(MedAIError, match="landmarks"):
        rank_by_doubtful_points([cephalogram(3, (50, 45), (4, 4)).image], "phantom-3d")
