"""A regression model applied and explained: a network whose value can be written down; the shipped one."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from napari_medai import Geometry, MedicalImage
from napari_medai.core.errors import ArgumentError, ModelError
from napari_medai.explain import check_explanation, estimate_value, explain_prediction
from napari_medai.explain.check.hits import energy_inside
from napari_medai.models.check import check_model
from napari_medai.models.model import Model
from napari_medai.models.spec import ModelSpec
from napari_medai.models.store import load_model
from napari_medai.phantoms import tissue_with_lesion

SPEC = {
    "schema": "napari-medai/model/1",
    "name": "means",
    "version": "1.0.0",
    "licence": "BSD-3-Clause",
    "citation": "none",
    "task": "regression",
    "network": {"name": "pooled", "arguments": {"widths": [2], "strides": [1]}},
    "channels": ["image"],
    "spacing": [1.0, 1.0],
    "tile": [32, 32],
    "outputs": {"values": ["mean", "half of it [mm]"]},
}


class Mean(nn.Module):
    """Gives 2 m + 3 and m + 1.5 of an image whose mean is m, by way of one layer."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Conv2d(1, 2, 1, bias=False)
        self.layer.weight.data = torch.tensor([[[[2.0]]], [[[1.0]]]])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(x).mean(dim=(2, 3)) + torch.tensor([3.0, 1.5])


@pytest.fixture(scope="module")
def model() -> Model:
    return Model(ModelSpec.model_validate(SPEC), Mean().eval())


def image_of(array: np.ndarray, axes: str = "yx") -> MedicalImage:
    return MedicalImage(array.astype(np.float32), axes, Geometry.from_spacing(array.shape[-2:], (1.0, 1.0)))


def test_the_values_are_those_of_the_formula_at_every_time_point(model: Model):
    array = np.random.default_rng(0).normal(size=(2, 32, 32))
    table = estimate_value(image_of(array, "tyx"), model, device="cpu")
    assert list(table.columns) == ["time", "quantity", "value", "windows"]
    assert table["quantity"].tolist() == ["mean", "half of it [mm]"] * 2
    means = array.mean(axis=(1, 2))
    expected = [2 * means[0] + 3, means[0] + 1.5, 2 * means[1] + 3, means[1] + 1.5]
    assert np.allclose(table["value"], expected, atol=1e-5)


def test_windows_of_a_large_image_are_averaged(model: Model):
    array = np.concatenate([np.full((32, 32), k) for k in (1.0, 2.0, 6.0)], axis=1)
    table = estimate_value(image_of(array), model, device="cpu", overlap=0.0)
    assert table["value"].tolist() == pytest.approx([9.0, 4.5])
    assert (table["windows"] == 3).all()


def test_the_map_of_a_value_is_that_of_the_formula(model: Model):
    array = np.random.default_rng(1).uniform(1, 4, (32, 32))
    image = image_of(array)
    heat = explain_prediction(image, model, target="mean", method="integrated_gradients", device="cpu")
    expected = (array - array.min()) / np.ptp(array)
    assert np.allclose(heat.array, expected, atol=1e-4)
    cells = explain_prediction(image, model, target="half of it [mm]", method="grad_cam", device="cpu")
    assert np.allclose(cells.array, array / array.max(), atol=1e-4)


def test_a_value_must_be_named_where_there_are_several_and_other_models_are_refused(model: Model):
    image = image_of(np.ones((32, 32)))
    with pytest.raises(ArgumentError, match="not said which output"):
        explain_prediction(image, model, device="cpu")
    with pytest.raises(ModelError, match="needed one for regression") as refused:
        estimate_value(image, "lesion-2d")
    assert "classify_image" in refused.value.hint


def test_the_shipped_model_tells_the_size_of_a_lesion_and_looks_at_it():
    model = load_model("lesion-size-2d")
    assert check_model(model).passed
    found, truth, energy = [], [], []
    for seed in range(200, 212):
        image, labels = tissue_with_lesion(seed, 2)
        lesion = np.asarray(labels.array) == 1
        found.append(estimate_value(image, model, device="cpu")["value"].item())
        truth.append(2 * (lesion.sum() * labels.geometry.voxel_volume / np.pi) ** 0.5)
        heat = explain_prediction(image, model, device="cpu")
        energy.append(energy_inside(np.asarray(heat.array), lesion) / lesion.mean())
    error = np.abs(np.subtract(found, truth)).mean()
    guess = np.abs(np.subtract(truth, np.mean(truth))).mean()
    assert error < 0.6 * guess
    assert np.mean(energy) >= 3


def test_a_map_of_a_value_can_be_checked():
    image, labels = tissue_with_lesion(101, 2)
    lesion = labels.with_array((np.asarray(labels.array) == 1).astype(np.uint8))
    result = check_explanation(image, "lesion-size-2d", None, lesion, draws=1, device="cpu")
    tests = result.table.set_index("test")
    assert tests.loc["all layers randomised: Spearman", "passed"]
    assert np.isfinite(tests.loc["deletion area", "value"])
