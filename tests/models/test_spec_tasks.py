"""Descriptions of every task, and the entries that say what differs from the usual."""

import json

import numpy as np
import pytest
from small_models import description, noise_image

from napari_medai import MedAIError
from napari_medai.models.intensity import apply_recipe
from napari_medai.models.spec import OUTPUTS_OF, parse_spec


def parsed(**changes):
    return parse_spec(json.dumps(description(**changes)))


@pytest.mark.parametrize(("task", "entry"), OUTPUTS_OF.items())
def test_each_task_names_its_own_outputs(task, entry):
    spec = parsed(task=task, outputs={entry: ["a", "b", "c"]})
    assert spec.outputs.names == ("a", "b", "c")
    assert spec.results == (("b", "c") if task == "segmentation" else ("a", "b", "c"))
    assert spec.label_names == ({"1": "b", "2": "c"} if task == "segmentation" else {})
    assert json.loads(spec.to_json())["outputs"] == {entry: ["a", "b", "c"]}
    assert parse_spec(spec.to_json()) == spec
    other = "points" if entry != "points" else "values"
    for outputs in ({other: ["a", "b"]}, {entry: ["a", "b"], other: ["c"]}, {}):
        with pytest.raises(MedAIError, match=f"names its {entry} alone"):
            parsed(task=task, outputs=outputs)


@pytest.mark.parametrize(("task", "entry"), [("segmentation", "labels"), ("classification", "classes")])
def test_one_class_is_no_choice(task, entry):
    with pytest.raises(MedAIError, match="needed two or more"):
        parsed(task=task, outputs={entry: ["only"]})


def test_what_is_usual_is_left_out_and_the_rest_comes_back():
    usual = json.loads(parsed().to_json())
    assert not {"members", "mirror_axes", "windows", "preparation"} & set(usual)
    changes = {
        "members": 3,
        "mirror_axes": [0, 1],
        "windows": {"overlap": 0.25, "spread": "even", "padding": "zero", "blending": "peaked"},
        "preparation": {
            "orientation": "RAS",
            "axes": [1, 0],
            "crop": "nonzero",
            "intensity_first": True,
            "resampling": {"scheme": "edges", "image_order": 3},
        },
        "intensity": [{"operation": "normalize_zscore", "arguments": {}, "channels": [0]}],
    }
    spec = parsed(**changes)
    assert parse_spec(spec.to_json()) == spec
    assert (spec.members, spec.windows.overlap, spec.preparation.axes) == (3, 0.25, (1, 0))
    assert json.loads(spec.to_json())["intensity"][0]["channels"] == [0]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"members": 0}, "members"),
        ({"mirror_axes": [2]}, "mirror_axes are (2,), tile has 2 axes"),
        ({"preparation": {"axes": [0, 0]}}, "in some order"),
        ({"preparation": {"axes": [0, 1, 2]}}, "the 2 axes in some order"),
        ({"preparation": {"slicewise": True}, "tile": [16, 16, 16]}, "slicewise"),
        ({"preparation": {"orientaton": "RAS"}}, "did you mean orientation?"),
        ({"windows": {"overlap": 1.0}}, "windows.overlap"),
        ({"preparation": {"resampling": {"image_order": 9}}}, "image_order"),
        ({"schema": "napari-medai/model/2"}, "pip install -U napari-medai"),
    ],
)
def test_a_fault_in_what_differs_is_named(changes, said):
    with pytest.raises(MedAIError) as caught:
        parsed(**changes)
    assert said in str(caught.value)


def test_a_network_of_a_newer_version_is_said_to_be_one():
    from napari_medai.models.networks import build_network

    with pytest.raises(MedAIError, match="pip install -U napari-medai"):
        build_network(parsed(network={"name": "from-the-future"}))


def test_a_step_can_be_for_one_channel():
    image = noise_image((2, 6, 8), axes="cyx")
    step = {"operation": "window_intensity", "arguments": {"preset": "custom", "center": 0, "width": 2}}
    spec = parsed(channels=["a", "b"], intensity=[{**step, "channels": [1]}])
    seen = apply_recipe(spec, image).array
    assert np.array_equal(seen[0], image.array[0])
    np.testing.assert_allclose(seen[1], np.clip((image.array[1] + 1) / 2, 0, 1), atol=1e-6)
    with pytest.raises(MedAIError, match="not so many"):
        apply_recipe(parsed(intensity=[{**step, "channels": [5]}]), image)
