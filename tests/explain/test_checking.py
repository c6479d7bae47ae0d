"""The check of an explanation of the shipped models: what must pass passes, what must fail fails."""

from __future__ import annotations

import numpy as np
import pytest

from napari_medai import MedicalImage
from napari_medai.core.errors import ArgumentError
from napari_medai.explain import check_explanation, explain_prediction
from napari_medai.explain.check.controls import edge_map
from napari_medai.explain.check.hits import energy_inside, energy_needed
from napari_medai.explain.verdict import verdict_page, write_verdict
from napari_medai.phantoms import tissue_with_lesion
from napari_medai.phantoms.torso import ct_torso
from napari_medai.segment import predict_labels

SEEDS = (101, 102, 103)
KIDNEY = 4


def lesion_of(seed: int, ndim: int = 2):
    image, labels = tissue_with_lesion(seed, ndim)
    return image, labels.with_array((np.asarray(labels.array) == 1).astype(np.uint8))


def lower_part(image: MedicalImage, slices: int) -> MedicalImage:
    grid = image.geometry.cropped((0, 0, 0), (slices, *image.geometry.shape[1:]))
    return image.with_array(np.asarray(image.array)[:slices], geometry=grid)


@pytest.mark.parametrize("seed", SEEDS)
def test_grad_cam_of_a_trained_classifier_passes_every_test(seed: int):
    image, lesion = lesion_of(seed)
    result = check_explanation(image, "lesion-2d", None, lesion, target="lesion", device="cpu")
    assert result.passed, result.table.to_string()
    assert list(result.table["test"])[-1] == "verdict"
    assert len(result.table) == 12
    assert (result.table["seed"] == 0).all()


def test_guided_backpropagation_fails():
    alike = []
    for seed in SEEDS:
        image, lesion = lesion_of(seed)
        result = check_explanation(
            image, "lesion-2d", None, lesion, target="lesion", method="guided_backpropagation", device="cpu"
        )
        assert not result.passed
        alike.append(result.table.set_index("test").loc["output layers randomised: SSIM", "value"])
    assert np.mean(alike) > 0.5  # it hardly notices that the output layers have forgotten everything


def test_an_edge_map_fails(monkeypatch: pytest.MonkeyPatch):
    def edges(*_: object):
        return lambda network, sample, target, progress: edge_map(sample[0].numpy())

    monkeypatch.setattr("napari_medai.explain.checking._explainer", edges)
    image, lesion = lesion_of(101)
    result = check_explanation(image, "lesion-2d", None, lesion, target="lesion", device="cpu")
    found = result.table.set_index("test")["passed"]
    assert not result.passed
    assert not found["all layers randomised: Spearman"]
    assert not found["deletion area"]


def test_grad_cam_averages_the_place_of_a_small_region_away_and_hires_cam_does_not():
    image, labels = (lower_part(whole, 24) for whole in ct_torso(2, (30, 64, 64), (10.0, 6.0, 6.0)))
    kidney = np.asarray(labels.array) == KIDNEY
    found = predict_labels(image, "phantom-3d", quality="exact", overlap=0.0, device="cpu")
    region = found.with_array((np.asarray(found.array) == KIDNEY).astype(np.uint8), kind="labels")
    averaged, by_cell = (
        np.asarray(
            explain_prediction(
                image, "phantom-3d", region, target="kidney", method=m, overlap=0.0, device="cpu"
            ).array
        )
        for m in ("grad_cam", "hires_cam")
    )
    assert energy_inside(averaged, kidney) < energy_needed(kidney)
    assert energy_inside(by_cell, kidney) > 3 * energy_needed(kidney)


def test_the_verdict_is_one_page_with_every_test_and_curve(tmp_path):
    image, lesion = lesion_of(101)
    result = check_explanation(image, "lesion-2d", None, lesion, target="lesion", draws=1, device="cpu")
    page = verdict_page(result.table, result.curves, "lesion <1>")
    assert all(test in page for test in result.table["test"][:-1])
    assert page.count("<svg") == result.curves["test"].nunique() == 4
    assert "lesion &lt;1&gt;" in page
    write_verdict(result.table, result.curves, tmp_path / "verdict.html")
    assert (tmp_path / "verdict.html").read_text(encoding="utf-8").startswith("<!doctype html>")


def test_what_cannot_be_checked_is_named():
    image, lesion = lesion_of(101)
    with pytest.raises(ArgumentError, match="looks at the input, not at the layer"):
        check_explanation(image, "lesion-2d", method="occlusion", layer="features")
    with pytest.raises(ArgumentError, match="gives one number an image"):
        check_explanation(image, "lesion-2d", lesion, target="lesion")
    torso, labels = ct_torso(1, (20, 48, 48), (12.0, 7.0, 7.0))
    empty = labels.with_array(np.zeros(labels.array.shape, np.uint8))
    with pytest.raises(ArgumentError, match="region to explain is empty"):
        check_explanation(torso, "phantom-3d", empty, target="liver")
