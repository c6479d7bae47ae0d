"""Where a segmentation model looked, on any image."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_medai import Cancelled, Geometry, MedicalImage
from napari_medai.core.errors import ArgumentError
from napari_medai.core.progress import Step
from napari_medai.explain import explain_prediction
from napari_medai.explain.cam import activations_and_gradients, gradient_map, upsample
from napari_medai.explain.gathering import gathering
from napari_medai.explain.layers import Layer, default_layer, list_layers
from napari_medai.explain.question import Question
from napari_medai.explain.targets import region_score
from napari_medai.explain.weightings import WEIGHTINGS
from napari_medai.explain.windows import region_map
from napari_medai.models.model import Model
from napari_medai.models.networks import build_network
from napari_medai.models.spec import parse_spec
from napari_medai.models.store import load_model
from napari_medai.phantoms import mr_head

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


def some_image(spacing: tuple[float, float, float] = (3.0, 1.5, 1.5)) -> MedicalImage:
    array = np.random.default_rng(0).normal(size=(12, 30, 28)).astype(np.float32)
    return MedicalImage(array, "zyx", Geometry.from_spacing(array.shape, spacing), name="scan")


@pytest.mark.parametrize("method", ["grad_cam", "hires_cam", "eigen_cam", "score_cam", "ablation_cam"])
def test_the_map_lies_on_the_image(model: Model, method: str):
    image = some_image()
    heat = explain_prediction(image, model, method=method, device="cpu")
    assert heat.geometry == image.geometry
    assert heat.array.dtype == np.float32
    assert 0 <= heat.array.min() <= heat.array.max() <= 1
    facts = heat.meta["explain"]
    assert facts["cell_size"] == [8.0, 8.0, 8.0]
    assert facts["checked"] is False
    assert "not been checked" in heat.meta["notices"][0]
    assert heat.history[-1].operation == "explain_prediction"


def test_a_painted_region_on_a_turned_image_turns_the_map(model: Model):
    image = some_image((2.0, 2.0, 2.0))
    painted = np.zeros(image.array.shape, np.uint8)
    painted[2:6, 4:9, 15:22] = 1
    region = image.with_array(painted, kind="labels")
    straight = explain_prediction(image, model, region, target="left", device="cpu")
    turn = Geometry.from_spacing((2, 3, 4)).permuted((2, 0, 1)).flipped([1]).nearest_axes()
    other = explain_prediction(
        image.reoriented(turn), model, region.reoriented(turn), target="1", device="cpu"
    )
    assert np.allclose(turn.undo(other.array), straight.array, atol=1e-5)


def test_one_window_gives_the_map_of_the_plain_network(model: Model):
    volume = np.random.default_rng(1).normal(size=(1, 16, 16, 16)).astype(np.float32)
    region = np.zeros((16, 16, 16), bool)
    region[4:9, 4:9, 4:9] = True
    layer = default_layer(list_layers(model.network, torch.zeros(1, 1, 16, 16, 16)), dense=True)
    whole = region_map(model.network, volume, Question("segmentation", 1, region), (16, 16, 16), layer)
    score = region_score(1, torch.from_numpy(region))
    cells = gradient_map(model.network, torch.from_numpy(volume)[None], score, layer).clamp(min=0)
    expected = torch.nn.functional.interpolate(cells[None, None], size=(16, 16, 16), mode="trilinear")
    assert np.allclose(whole, expected[0, 0].numpy(), atol=1e-7)


@pytest.mark.parametrize(
    "method", ["grad_cam", "xgrad_cam", "hires_cam", "layer_cam", "grad_cam_plus_plus", "eigen_cam"]
)
def test_windows_are_weighed_as_one_volume(model: Model, method: str):
    volume = np.random.default_rng(2).normal(size=(1, 16, 16, 32)).astype(np.float32)
    region = np.zeros((16, 16, 32), bool)
    region[4:9, 4:9, 12:20] = True
    layer = default_layer(list_layers(model.network, torch.zeros(1, 1, 16, 16, 16)), dense=True)
    found = []
    for start in (0, 16):
        score = region_score(1, torch.from_numpy(region[..., start : start + 16]))
        sample = torch.from_numpy(volume[None, ..., start : start + 16].copy())
        found.append(activations_and_gradients(model.network, sample, score, layer))
    whole = WEIGHTINGS[method](*(torch.cat(pair, dim=4) for pair in zip(*found, strict=True)))[0]
    question = Question("segmentation", 1, region)
    ours = region_map(model.network, volume, question, (16, 16, 16), layer, method=method, overlap=0.0)
    parts = [one[None, None].clamp(min=0) for one in whole.split(4, dim=2)]
    expected = torch.cat([upsample(one, (16, 16, 16))[0, 0] for one in parts], dim=2)
    assert np.allclose(ours, expected.numpy(), atol=1e-5 * float(expected.max()))


def test_a_layer_too_fine_to_keep_is_refused_unless_little_is_kept():
    layer = Layer("fine", "Conv3d", 64, (96, 96, 96))
    with pytest.raises(ArgumentError, match="GiB over 48 windows"):
        gathering("grad_cam", layer, 48)
    assert gathering("hires_cam", layer, 4).maps().shape == (4, 96, 96, 96)


def test_windows_without_the_region_say_nothing(model: Model):
    volume = np.random.default_rng(1).normal(size=(1, 16, 16, 64)).astype(np.float32)
    region = np.zeros((16, 16, 64), bool)
    region[8, 8, 4] = True
    layer = default_layer(list_layers(model.network, torch.zeros(1, 1, 16, 16, 16)), dense=True)
    heat = region_map(model.network, volume, Question("segmentation", 1, region), (16, 16, 16), layer)
    assert not heat[..., 24:].any()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"target": "liver"}, "no label 'liver'; it has background, left, right"),
        ({"target": "left", "layer": "nowhere"}, "no layer 'nowhere'"),
        ({"target": "left", "method": "cam"}, "global average pool"),
    ],
)
def test_what_cannot_be_explained_is_named(model: Model, arguments: dict[str, str], said: str):
    image = some_image()
    region = image.with_array(np.ones(image.array.shape, np.uint8), kind="labels")
    with pytest.raises(ArgumentError, match=said):
        explain_prediction(image, model, region, **arguments)


def test_an_empty_region_is_named(model: Model):
    image = some_image()
    region = image.with_array(np.zeros(image.array.shape, np.uint8), kind="labels")
    with pytest.raises(ArgumentError, match="region to explain is empty"):
        explain_prediction(image, model, region, target="left")


def test_it_stops_at_any_report(model: Model):
    heard: list[Step] = []

    def stop_late(step: Step) -> None:
        heard.append(step)
        if step.done >= 0.5:
            raise Cancelled

    with pytest.raises(Cancelled):
        explain_prediction(some_image(), model, progress=stop_late)
    assert len(heard) > 5


def test_a_landmarks_heat_map_is_explained_around_its_peak():
    head = mr_head(1, shape=(40, 52, 40), spacing=(5.0, 5.0, 5.0))
    model = load_model("head-phantom")
    name = model.spec.outputs.points[0]
    heat = explain_prediction(head.image, model, target=name, method="hires_cam", device="cpu")
    assert heat.meta["explain"]["target"] == name
    strongest = np.unravel_index(np.argmax(heat.array), heat.array.shape)
    place = heat.geometry.index_to_world(np.array([strongest]))[0]
    cell = np.linalg.norm(heat.meta["explain"]["cell_size"])
    assert np.linalg.norm(place - head.landmarks[name]) < cell
    with pytest.raises(ArgumentError, match="not said which output"):
        explain_prediction(head.image, model, device="cpu")
