"""Maps of the input, maps of several layers, and the table from which layers are chosen."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_medai import Geometry, MedicalImage
from napari_medai.core.errors import ArgumentError
from napari_medai.explain import explain_prediction, list_model_layers
from napari_medai.explain.attribution import integrated_gradients
from napari_medai.explain.methods import INPUT_METHODS, fused
from napari_medai.explain.question import Question
from napari_medai.explain.targets import region_score
from napari_medai.explain.windows import input_region_map
from napari_medai.models.model import Model
from napari_medai.models.networks import build_network
from napari_medai.models.spec import parse_spec

SPEC = """{
  "schema": "napari-medai/model/1", "name": "tiny", "version": "1.0.0", "licence": "BSD-3-Clause",
  "citation": "none", "task": "segmentation", "channels": ["image"], "spacing": [2, 2, 2],
  "network": {"name": "dynunet", "arguments": {"widths": [4, 8, 16], "strides": [1, 2, 2]}},
  "tile": [16, 16, 16], "outputs": {"labels": ["background", "left", "right"]}
}"""


@pytest.fixture(scope="module")
def model() -> Model:
    torch.manual_seed(0)
    spec = parse_spec(SPEC)
    return Model(spec, build_network(spec).eval())


@pytest.fixture(scope="module")
def image() -> MedicalImage:
    array = np.random.default_rng(0).normal(size=(16, 16, 24)).astype(np.float32)
    return MedicalImage(array, "zyx", Geometry.from_spacing(array.shape, (2.0, 2.0, 2.0)))


@pytest.fixture(scope="module")
def region(image: MedicalImage) -> MedicalImage:
    painted = np.zeros(image.array.shape, np.uint8)
    painted[4:10, 4:10, 2:6] = 1
    return image.with_array(painted, kind="labels")


@pytest.mark.parametrize("method", INPUT_METHODS)
def test_input_methods_have_cells_of_one_voxel(model, image, region, method: str):
    heat = explain_prediction(image, model, region, target="left", method=method, device="cpu")
    facts = heat.meta["explain"]
    assert facts["cell_size"] == [2.0, 2.0, 2.0]
    assert facts["layer"] == "input"
    assert heat.geometry == image.geometry
    assert heat.array.max() == 1
    assert heat.array.min() >= 0


def test_one_window_gives_the_input_map_of_the_plain_network(model, image, region):
    volume = np.array(image.array[None, :, :, :16])
    where = np.array(region.array[:, :, :16]) > 0
    ours = input_region_map(
        model.network, volume, Question("segmentation", 1, where), (16, 16, 16), method="integrated_gradients"
    )
    score = region_score(1, torch.from_numpy(where))
    plain = integrated_gradients(model.network, torch.from_numpy(volume)[None], score, float(volume.min()))
    assert np.allclose(ours, plain.clamp(min=0).numpy(), atol=1e-6)


def test_windows_without_the_region_are_not_explained(model, region):
    volume = np.random.default_rng(0).normal(size=(1, 16, 16, 64)).astype(np.float32)
    where = np.zeros((16, 16, 64), bool)
    where[8, 8, 3] = True
    heat = input_region_map(
        model.network, volume, Question("segmentation", 1, where), (16, 16, 16), method="smooth_grad"
    )
    assert heat.any()
    assert not heat[..., 16:].any()


def test_several_layers_are_averaged_at_equal_height(model, image, region):
    names = ["bottleneck", "upsamples.0"]
    options = {"target": "left", "device": "cpu"}
    one, other = (explain_prediction(image, model, region, layer=n, **options) for n in names)
    both = explain_prediction(image, model, region, layer=", ".join(names), **options)
    expected = (one.array + other.array) / 2
    assert np.allclose(both.array, expected / expected.max(), atol=1e-5)
    assert both.meta["explain"]["layer"] == "bottleneck, upsamples.0"
    assert both.meta["explain"]["cell_size"] == one.meta["explain"]["cell_size"] == [8.0, 8.0, 8.0]


def test_fusing_keeps_one_map_as_it_is_and_an_empty_one_out_of_the_way():
    heat = np.array([0.0, 4.0], np.float32)
    assert fused([heat]) is heat
    assert fused([heat, np.zeros_like(heat)]).tolist() == [0.0, 0.5]


def test_a_layer_is_refused_where_the_input_is_looked_at(model, image):
    with pytest.raises(ArgumentError, match="looks at the input, not at the layer 'bottleneck'"):
        explain_prediction(image, model, method="smooth_grad", layer="bottleneck")


def test_every_layer_of_the_table_can_be_chosen_and_one_is_the_default(model, image, region):
    table = list_model_layers(model)
    assert table["default"].sum() == 1
    chosen = table[table["default"]].iloc[0]
    assert (chosen["layer"], chosen["cells"], chosen["cell_size"]) == (
        "bottleneck",
        "4x4x4 cells",
        "8 x 8 x 8",
    )
    heat = explain_prediction(image, model, region, target="left", device="cpu")
    assert heat.meta["explain"]["layer"] == chosen["layer"]
    for name in table["layer"]:
        if name.startswith("bottleneck"):
            explain_prediction(image, model, region, target="left", layer=name, device="cpu")
