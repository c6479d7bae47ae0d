"""The check of an explanation of the shipped model: what must pass passes, what must fail fails."""

from __future__ import annotations

import numpy as np
import pytest

from napari_medai.core.errors import ArgumentError
from napari_medai.explain import check_explanation
from napari_medai.phantoms.torso import ct_torso

LIVER = 3
QUICK = {"layer_groups": 2, "draws": 2, "curve_points": 2, "device": "cpu"}


@pytest.fixture(scope="module")
def torso():
    image, labels = ct_torso(1)
    return image, labels.with_array((labels.array == LIVER).astype(np.uint8))


@pytest.mark.slow
def test_grad_cam_of_the_shipped_model_passes_every_test(torso):
    image, liver = torso
    result = check_explanation(image, "phantom-3d", None, liver, target="liver", device="cpu")
    assert result.passed, result.table.to_string()
    assert list(result.table["test"])[-1] == "verdict"
    assert len(result.table) == 11
    assert (result.table["seed"] == 0).all()
    random = result.curves.query("test == 'deletion' and map == 'random'")["value"].to_numpy()
    ours = result.curves.query("test == 'deletion' and map == 'explanation'")["value"].to_numpy()
    assert (ours < random).all()


@pytest.mark.slow
def test_guided_backpropagation_of_the_shipped_model_fails(torso):
    image, liver = torso
    result = check_explanation(
        image, "phantom-3d", None, liver, target="liver", method="guided_backpropagation", **QUICK
    )
    assert not result.passed
    found = result.table.set_index("test")
    assert not found.loc["all layers randomised: Spearman", "passed"]
    assert found.loc["all layers randomised: Spearman", "value"] > 0.6
    assert "all layers randomised: Spearman" in found.loc["verdict", "note"]


def test_what_cannot_be_checked_is_named(torso):
    image, liver = torso
    with pytest.raises(ArgumentError, match="looks at the input, not at the layer"):
        check_explanation(image, method="occlusion", layer="bottleneck")
    empty = liver.with_array(np.zeros(liver.array.shape, np.uint8))
    with pytest.raises(ArgumentError, match="region to explain is empty"):
        check_explanation(image, "phantom-3d", empty, target="liver")
