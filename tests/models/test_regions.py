"""Labels painted region over region, and what is said of regions."""

import numpy as np
import pytest
from small_models import description, noise_image, random_model

from napari_medai import Geometry, MedAIError
from napari_medai.models.engine import How
from napari_medai.models.lookup import world_lookups
from napari_medai.models.maps import class_numbers, probability_maps, uncertainty_map
from napari_medai.models.pipeline import segment_image
from napari_medai.models.restore import RestoredLabels, labels_of_scores
from napari_medai.models.spec import parse_spec

LABELS = ["background", "whole", "core", "edge"]


def region_model(**changes):
    return random_model(tile=[16, 16], outputs={"labels": LABELS, "regions": [1, 3, 2]}, **changes)


def test_a_later_region_paints_over_an_earlier_one():
    scores = np.array([[-1, 1, 1, 1], [-1, -1, 2, 2], [-5, -1, -1, 0.5]], np.float32)
    assert labels_of_scores(scores, (1, 3, 2)).tolist() == [0, 1, 3, 2]
    assert labels_of_scores(scores).tolist() == [0, 0, 1, 1]


def test_regions_on_a_finer_grid_end_where_the_interpolated_score_is_0():
    scores = np.full((2, 3, 4, 4), -1, np.float32)
    scores[0, 1], scores[1, 1, 1:3, 1:3] = 1, 3
    source = Geometry.from_spacing((3, 4, 4), (4, 4, 4))
    target = Geometry.from_spacing((9, 13, 13), (1, 1, 1))
    restored = RestoredLabels(3, target.shape, world_lookups(source, target), regions=(1, 2))
    restored.feed(0, scores)
    profile = np.interp(np.arange(9) / 4, [0, 1, 2], [-1, 1, -1])
    inner = np.interp(np.arange(13) / 4, [0, 1, 2, 3], [-1, 3, 3, -1])
    np.testing.assert_array_equal(restored.labels[:, 0, 0], (profile > 0).astype(int))
    np.testing.assert_array_equal(restored.labels[4, 6], np.where(inner > 0, 2, 1))


def test_a_model_of_regions_labels_by_its_own_scores():
    import torch

    model = region_model()
    image = noise_image((16, 16))
    with torch.inference_mode():
        scores = model.network(torch.from_numpy(image.array.copy())[None, None])[0].numpy()
    assert scores.shape == (3, 16, 16)
    labels = segment_image(model, image)
    np.testing.assert_array_equal(labels.array, labels_of_scores(scores, (1, 3, 2)))
    assert labels.meta["labels"] == {"1": "whole", "2": "core", "3": "edge"}
    core = probability_maps(model, image, class_numbers(model, "core"), How(), lambda step: None)
    np.testing.assert_allclose(core.array, 1 / (1 + np.exp(-scores[2])), rtol=1e-5)
    doubt = uncertainty_map(model, image, "entropy", How(), lambda step: None).array
    p = 1 / (1 + np.exp(-scores.astype(float)))
    expected = -(p * np.log2(p) + (1 - p) * np.log2(1 - p)).mean(axis=0)
    np.testing.assert_allclose(doubt, expected, atol=1e-5)
    assert np.abs(uncertainty_map(model, image, "disagreement", How(), lambda step: None).array).max() < 1e-5


def test_the_background_of_regions_has_no_probability():
    assert class_numbers(region_model(), "") == [1, 2, 3]
    with pytest.raises(MedAIError, match="no probability of the rest"):
        class_numbers(region_model(), "background")


@pytest.mark.parametrize("regions", [[1, 4], [1, 1]])
def test_regions_that_paint_no_label_are_refused(regions):
    import json

    text = json.dumps(description(outputs={"labels": LABELS, "regions": regions}))
    with pytest.raises(MedAIError, match=r"outputs\.regions"):
        parse_spec(text)


def test_a_model_of_regions_is_not_explained():
    from napari_medai.explain.prediction import explain_prediction

    with pytest.raises(MedAIError, match="regions over each other"):
        explain_prediction(noise_image((16, 16)), region_model(), device="cpu")
