"""Landmarks as napari Points layers."""

from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Layer, Points

from napari_medai import Landmarks
from napari_medai.core.errors import ArgumentError
from napari_medai.gui.points import landmarks_from_layer, layer_from_landmarks


def as_landmarks(layer: Points) -> Landmarks:
    return landmarks_from_layer(*layer.as_layer_data_tuple()[:2])


@pytest.mark.parametrize("ndim", [2, 3])
@pytest.mark.parametrize("unit", ["mm", "pixel"])
def test_landmarks_come_back(ndim, unit):
    positions = np.arange(2.0 * ndim).reshape(2, ndim)
    given = Landmarks(
        ("nasion", "inion"), positions, np.stack([np.eye(ndim)] * 2), np.array([0.5, 0.9]), unit, "head"
    )
    layer = Layer.create(*layer_from_landmarks(given))
    assert layer.data[1].tolist() == positions[1][::-1].tolist()
    assert layer.text.values.tolist() == ["nasion", "inion"]
    back = as_landmarks(layer)
    assert back.names == given.names
    assert np.array_equal(back.positions, positions)
    assert np.array_equal(back.confidence, given.confidence)
    assert np.array_equal(back.covariance, given.covariance)
    assert (back.unit, back.name) == (unit, "head")


def test_a_moved_point_loses_its_stated_uncertainty():
    given = Landmarks(("a",), [[1.0, 2.0, 3.0]], covariance=np.eye(3)[None])
    layer = Layer.create(*layer_from_landmarks(given))
    layer.data = layer.data + 1
    assert as_landmarks(layer).covariance is None


def test_points_drawn_by_hand_are_numbered_and_placed_in_mm():
    layer = Points([[0, 1, 2, 3], [0, 4, 5, 6]], scale=(1, 2, 1, 1), units=("s", "um", "um", "um"))
    back = as_landmarks(layer)
    assert back.names == ("point 1", "point 2")
    assert np.allclose(back.positions, [[3e-3, 2e-3, 2e-3], [6e-3, 5e-3, 8e-3]])


def test_a_name_given_twice_is_refused():
    with pytest.raises(ArgumentError, match="more than once"):
        as_landmarks(Points(np.zeros((2, 3)), features={"name": ["a", "a"]}))
