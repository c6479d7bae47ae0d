"""Marks keep their place on the network's grid, and none is lost on a coarser one."""

import numpy as np
import pytest

from napari_medai import Geometry, MedicalImage
from napari_medai.models.prepare import prepare
from napari_medai.models.spec import NetworkSpec
from napari_medai.train.marks import marks_on
from napari_medai.train.plan import Plan

UNKNOWN = 255


def seen_at(spacing, shape=(9, 12, 15)):
    network = NetworkSpec(name="dynunet", arguments={"widths": [4, 8], "strides": [1, 2]})
    plan = Plan(
        schema="napari-medai/plan/1",
        channels=["image"],
        labels=["background", "ball"],
        network=network,
        patch=(8, 8, 8),
        spacing=(spacing,) * 3,
    )
    grid = Geometry.from_spacing(shape, (1.0, 1.0, 1.0))
    image = MedicalImage(np.random.default_rng(0).normal(size=shape).astype(np.float32), "zyx", grid)
    return prepare(plan.spec(), image)


@pytest.mark.parametrize("z", range(9))
def test_a_painted_slice_is_not_lost_between_coarser_ones(z):
    marks = np.full((9, 12, 15), UNKNOWN, np.uint8)
    marks[z] = 0
    marks[z, 4:8, 5:10] = 1
    seen = seen_at(3.0)
    found = marks_on(marks, seen, UNKNOWN)
    assert found.shape == (3, 4, 5)
    assert (found[z // 3] != UNKNOWN).all()
    assert (np.delete(found, z // 3, axis=0) == UNKNOWN).all()
    assert found[z // 3, 2, 2] == 1  # rows 6 to 8, columns 6 to 8: six of nine voxels are of the ball
    assert found[z // 3, 0, 0] == 0


def test_where_everything_is_marked_the_nearest_counts():
    marks = np.random.default_rng(1).integers(0, 2, (9, 12, 15)).astype(np.uint8)
    np.testing.assert_array_equal(marks_on(marks, seen_at(3.0), UNKNOWN), marks[1::3, 1::3, 1::3])


def test_on_a_finer_grid_the_nearest_counts():
    marks = np.full((9, 12, 15), UNKNOWN, np.uint8)
    marks[4, 5] = 1
    found = marks_on(marks, seen_at(0.5), UNKNOWN)
    np.testing.assert_array_equal(found, np.kron(marks, np.ones((2, 2, 2), np.uint8)))
