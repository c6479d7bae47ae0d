"""Probabilities and doubts of a network, against the softmax of its scores."""

import numpy as np
import pytest
from small_models import noise_image, random_model

from napari_medai import MedAIError
from napari_medai.models.infer import tiled_scores
from napari_medai.models.restore import softmax_in_place
from napari_medai.segment import predict_probabilities, predict_uncertainty

THREE = {"outputs": {"labels": ["background", "one", "two"]}}


def expected_probabilities(model, image):
    scores = tiled_scores(model.network, image.array[None], model.spec.tile)
    softmax_in_place(scores)
    return scores


def test_probabilities_are_the_softmax_of_the_scores():
    model, image = random_model(**THREE), noise_image((30, 40))
    expected = expected_probabilities(model, image)
    both = predict_probabilities(image, model, quality="exact")
    assert both.axes == "cyx"
    assert both.meta["channels"] == ["one", "two"]
    np.testing.assert_allclose(both.array, expected[1:], atol=1e-6)
    two = predict_probabilities(image, model, target="two", quality="exact")
    assert two.axes == "yx"
    np.testing.assert_allclose(two.array, expected[2], atol=1e-6)
    with pytest.raises(MedAIError, match="no label 'three'"):
        predict_probabilities(image, model, target="three")


def test_entropy_is_that_of_the_probabilities():
    model, image = random_model(**THREE), noise_image((30, 40))
    p = expected_probabilities(model, image)
    expected = -(p * np.log(p)).sum(axis=0) / np.log(3)
    found = predict_uncertainty(image, model)
    np.testing.assert_allclose(found.array, expected, atol=1e-5)


def test_one_window_agrees_with_itself_and_mirrored_copies_do_not():
    image = noise_image((16, 16))
    alone = predict_uncertainty(image, random_model(**THREE), measure="disagreement")
    np.testing.assert_allclose(alone.array, 0, atol=1e-6)
    mirrored = random_model(mirror_axes=[0, 1], **THREE)
    found = predict_uncertainty(image, mirrored, measure="disagreement").array
    assert 1e-4 < found.max() <= 1
