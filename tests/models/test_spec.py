"""``model.json`` says what it may, and every fault is named."""

import json

import pytest
from small_models import description

from napari_medai import MedAIError
from napari_medai.models.networks import build_network
from napari_medai.models.spec import ModelSpec, parse_spec, read_spec


def parsed(**changes):
    return parse_spec(json.dumps(description(**changes)))


def test_a_description_survives_writing_and_reading():
    spec = parsed(spacing=[2.0, 3.0], parent="sha256:" + "0" * 64)
    assert parse_spec(spec.to_json()) == spec
    assert spec.ndim == 2
    assert spec.label_names == {"1": "thing"}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"licens": "MIT"}, "did you mean licence?"),
        ({"licence": ...}, "licence: Field required"),
        ({"schema": "napari-medai/model/99"}, "'napari-medai/model/1'"),
        ({"task": "astrology"}, "'segmentation'"),
        ({"tile": [16]}, "tile"),
        ({"tile": [16, 10**9]}, "tile.1"),
        ({"spacing": [1.0, 1.0, 1.0]}, "spacing has 3 axes, tile has 2"),
        ({"spacing": [1.0, -1.0]}, "spacing.1"),
        ({"name": "../../etc/passwd"}, "name"),
        ({"version": "new"}, "version"),
        ({"parent": "abc"}, "parent"),
        ({"outputs": {"labels": ["background"]}}, "outputs.labels"),
        (
            {"outputs": {"labels": ["a", "b"], "colour": 1}},
            "outputs.colour is not a known entry; known: labels",
        ),
        ({"network": {"name": "unet", "argument": {}}}, "did you mean arguments?"),
        ({"intensity": [{"operation": "x", "argument": {}}]}, "did you mean arguments?"),
    ],
)
def test_a_fault_in_the_description_is_named(changes, said):
    with pytest.raises(MedAIError) as caught:
        parsed(**changes)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "not valid JSON"),
        ('{"name": NaN}', "NaN is not a JSON number"),
        ("[" * 100_000, "not valid JSON"),
        ("9" * 100_000, "not valid JSON"),
        ('"' + "x" * 2_000_000 + '"', "needed at most 1000000"),
        (b"\xff\xfe\x00", "not valid JSON"),
        ("[]", "model.json"),
    ],
    ids=["cut", "nan", "deep", "digits", "long", "binary", "list"],
)
def test_text_that_is_no_description_is_refused(text, said):
    with pytest.raises(MedAIError, match=said):
        parse_spec(text)


def test_a_folder_without_description_is_no_model(tmp_path):
    with pytest.raises(MedAIError, match="not a model folder"):
        read_spec(tmp_path / "model.json")


@pytest.mark.parametrize(
    ("network", "said"),
    [
        ({"name": "skynet"}, "known: unet, dynunet"),
        (
            {"name": "unet", "arguments": {"widths": [4, 8], "strides": [2], "stride": 1}},
            "did you mean strides?",
        ),
        ({"name": "unet", "arguments": {"widths": [4, 8], "strides": [2, 2]}}, "needed one fewer strides"),
        ({"name": "dynunet", "arguments": {"widths": [4, 8, 8], "strides": [1, 2]}}, "strides"),
        ({"name": "unet", "arguments": {"widths": [4, 10**12], "strides": [2]}}, "widths.1"),
        ({"name": "unet", "arguments": {}}, "widths"),
        ({"name": "unet", "arguments": {"widths": [4, 8], "strides": [3]}}, "needed multiples of 3"),
    ],
)
def test_a_network_that_cannot_be_built_is_named(network, said):
    spec = ModelSpec.model_validate(description(network=network))
    with pytest.raises(MedAIError) as caught:
        build_network(spec)
    assert said in str(caught.value)


@pytest.mark.parametrize("tile", [[16, 16], [16, 16, 16]])
@pytest.mark.parametrize(
    "network",
    [
        {"name": "unet", "arguments": {"widths": [4, 8], "strides": [2], "residual_units": 1}},
        {"name": "dynunet", "arguments": {"widths": [4, 8, 8], "strides": [1, 2, 2], "norm": "instance"}},
    ],
    ids=["unet", "dynunet"],
)
def test_every_network_gives_one_score_a_class_and_voxel(tile, network):
    import torch

    spec = ModelSpec.model_validate(description(tile=tile, network=network, channels=["a", "b", "c"]))
    with torch.inference_mode():
        scores = build_network(spec).eval()(torch.zeros(2, 3, *tile))
    assert scores.shape == (2, 2, *tile)
