"""Straightened, re-sliced and merged volumes show the same world."""

import numpy as np
import pytest
from grids import geometries, make_geometry
from hypothesis import given, settings
from made_images import from_world, grid, noisy

from napari_medai import MedicalImage
from napari_medai.core.errors import ArgumentError
from napari_medai.preprocess import merge_stacks, reslice, straighten


def scene(p):
    """Smooth structure with detail of about 6 mm."""
    x, y, z = np.moveaxis(p, -1, 0)
    ripple = np.sin(x / 2.5) * np.cos(y / 2.5) + np.sin(z / 2.5)
    return 100 * np.exp(-(x**2 + y**2 + z**2) / 500) * (1.2 + 0.4 * ripple)


def test_straightening_shows_the_same_world_along_straight_axes():
    oblique = make_geometry((40, 50, 50), np.eye(3)[:, ::-1], (1.5, 1.0, 1.0), (15, -10, 20), (-30, -20, -35))
    image = from_world(scene, oblique)
    result = straighten(image, interpolation="cubic", outside=-1.0)
    assert result.geometry.obliquity_deg < 1e-6
    truth = from_world(scene, result.geometry)
    inside = result.array != -1
    assert inside.mean() > 0.3
    assert np.abs(result.array - truth.array)[inside].mean() < 0.5
    corners = result.geometry.corners()
    assert np.all(corners.min(axis=0) <= oblique.corners().min(axis=0) + 1e-6)


@given(geometries(oblique=False))
@settings(max_examples=20, deadline=None)
def test_a_straight_image_is_only_reordered(geometry):
    image = MedicalImage(np.arange(np.prod(geometry.shape)).reshape(geometry.shape), "zyx", geometry)
    result = straighten(image)
    assert result.geometry.orientation == "SPL"
    assert sorted(result.array.ravel()) == sorted(image.array.ravel())


@pytest.mark.parametrize(("plane", "code"), [("axial", "SPL"), ("coronal", "PIL"), ("sagittal", "LIP")])
def test_reslicing_loses_nothing_and_may_change_the_distance(plane, code):
    image = noisy((8, 10, 12))
    result = reslice(image, plane=plane)
    assert result.geometry.orientation == code
    index = np.unravel_index(np.argmax(result.array), result.array.shape)
    np.testing.assert_allclose(
        result.geometry.index_to_world(index),
        image.geometry.index_to_world(np.unravel_index(np.argmax(image.array), image.array.shape)),
    )
    assert reslice(image, plane=plane, thickness_mm=3.0).geometry.spacing[0] == pytest.approx(3)
    with pytest.raises(ArgumentError, match="2-D"):
        reslice(noisy((4, 5), "yx"))


def stacks(shift=(0.0, 0.0, 0.0)):
    """Three stacks of 5 mm slices, axial, coronal and sagittal; the later two moved by ``shift``."""
    images = []
    for k in range(3):
        spacing = [1.0, 1.0, 1.0]
        spacing[k] = 5.0
        offset = np.array(shift) * (k > 0)
        images.append(from_world(lambda p, o=offset: scene(p - o), grid(spacing, (60, 60, 60))))
    return images


def test_merged_stacks_are_nearer_the_truth_than_the_best_of_them():
    from napari_medai.preprocess import resample_to

    images = stacks()
    merged = merge_stacks(images, align=False)
    np.testing.assert_allclose(merged.geometry.spacing, 1)
    truth = from_world(scene, merged.geometry)
    inner = (slice(6, -6),) * 3
    error = np.abs(merged.array - truth.array)[inner].mean()
    single = [resample_to(image, truth, interpolation="cubic") for image in images]
    alone = [np.abs(image.array - truth.array)[inner].mean() for image in single]
    assert error < 0.65 * min(alone)


def test_alignment_undoes_a_movement_between_the_scans():
    moved = stacks((1.5, -1.0, 2.0))
    plain, aligned = merge_stacks(moved, align=False), merge_stacks(moved)
    truth = from_world(scene, plain.geometry)
    inner = (slice(8, -8),) * 3
    errors = [np.abs(m.array - truth.array)[inner].mean() for m in (plain, aligned)]
    assert errors[1] < 0.5 * errors[0]


def test_what_cannot_be_merged_is_said():
    with pytest.raises(ArgumentError, match="two or more"):
        merge_stacks(stacks()[:1])
    with pytest.raises(ArgumentError, match="every voxel"):
        merge_stacks([noisy(), noisy().with_array(np.ones((8, 10, 12)))])
