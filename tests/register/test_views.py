"""Pictures of two images and of a bent grid."""

from __future__ import annotations

import numpy as np
import pytest
from pairs import FLAT, SOLID, bend, body, move, moved

from napari_medai import MedicalImage, SpatialTransform
from napari_medai.core.errors import ArgumentError, GeometryError
from napari_medai.register import compare_images, draw_grid
from napari_medai.register.views import edges, tiles


@pytest.fixture
def pair():
    fixed = body(FLAT)
    return fixed, moved(fixed, move((0, 0, 8.0), (3.0, 2.0), ndim=2))


def test_a_checkerboard_has_tiles_of_both(pair):
    fixed, other = pair
    picture = compare_images(fixed, other, tile_mm=6.0)
    alone = compare_images(fixed, fixed)
    assert picture.geometry == fixed.geometry
    chosen = tiles(fixed.geometry, 6.0)
    assert np.allclose(picture.array[~chosen], alone.array[~chosen])
    assert not np.allclose(picture.array[chosen], alone.array[chosen])
    assert 0.4 < chosen.mean() < 0.6
    assert not chosen[0, 0]
    step = int(np.ceil(6.0 / fixed.geometry.spacing[1]))
    assert chosen[0, step]


def test_a_difference_of_an_image_and_itself_is_nothing(pair):
    fixed, other = pair
    assert np.allclose(compare_images(fixed, fixed, view="difference").array, 0, atol=1e-6)
    picture = compare_images(fixed, other, view="difference").array
    assert picture.min() < -0.2
    assert picture.max() > 0.2


def test_a_blend_lies_between(pair):
    fixed, other = pair
    one = compare_images(fixed, fixed, view="blend").array
    most = compare_images(fixed, other, view="blend", share=1.0).array
    half = compare_images(fixed, other, view="blend").array
    assert np.allclose(half, (one + most) / 2, atol=1e-6)


def test_edges_follow_the_border_of_a_disc():
    disc = (np.hypot(*(np.indices((60, 60)) - 30)) < 15).astype(np.float32)
    found = np.argwhere(edges(disc)) - 30
    assert np.all(np.abs(np.hypot(*found.T) - 15) < 3)
    assert not edges(np.zeros((5, 5), np.float32)).any()


@pytest.mark.parametrize("geometry", [FLAT, SOLID], ids=["2-D", "3-D"])
def test_a_grid_drawn_without_a_transform_is_straight(geometry):
    fixed = body(geometry)
    straight = draw_grid(fixed, SpatialTransform.identity(geometry.ndim), distance_mm=12.0).array
    lines = straight > 0.5
    assert 0.01 < lines.mean() < 0.6
    bent = draw_grid(fixed, bend(geometry), distance_mm=12.0).array
    assert np.abs(bent - straight).mean() > 0.02
    if geometry.ndim == 2:
        whole_rows = lines.all(axis=1)
        assert whole_rows.any()
        assert not (bent > 0.5).all(axis=1).any()


def test_what_cannot_be_compared_is_refused(pair):
    fixed, _ = pair
    with pytest.raises(GeometryError, match="2-D fixed and a 3-D"):
        compare_images(fixed, body(SOLID))
    several = MedicalImage(np.stack([fixed.array] * 2), "tyx", FLAT)
    with pytest.raises(ArgumentError, match="tyx"):
        compare_images(several, fixed)
