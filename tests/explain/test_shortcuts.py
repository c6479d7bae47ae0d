"""A network that has learnt a burned-in tag is found out by its map."""

from __future__ import annotations

import numpy as np
import pytest

from napari_medai.explain import find_shortcuts


@pytest.fixture(scope="module")
def probe():
    return find_shortcuts(cases=40, training_cases=120, steps=60, device="cpu")


def test_the_map_of_the_shortcut_network_points_to_the_tag_and_the_honest_one_to_the_lesion(probe):
    table = probe.table.set_index("network")
    assert table.loc["trained with tags", "map points to tag"] >= 0.95
    assert table.loc["trained without tags", "map points to lesion"] >= 0.95
    assert table.loc["trained without tags", "map points to tag"] == 0


def test_its_figures_look_perfect_until_the_tag_is_gone(probe):
    table = probe.table.set_index("network")
    assert table.loc["trained with tags", "right with tags"] >= 0.95
    assert table.loc["trained with tags", "right without tags"] <= 0.6
    assert table.loc["trained without tags", "right without tags"] >= 0.9


def test_the_picture_it_brings_has_tag_and_lesion(probe):
    assert set(np.unique(np.asarray(probe.labels.array))) == {0, 1, 2}
    assert probe.map.geometry == probe.image.geometry
    assert probe.honest_map is not None
