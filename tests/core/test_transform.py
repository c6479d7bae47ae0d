"""Transforms: which way they go, that they can be undone, that ITK reads them the same."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from grids import geometries, make_geometry, rotation
from hypothesis import given

from napari_medai import Geometry, Landmarks, MedicalImage, SpatialTransform
from napari_medai.core.errors import GeometryError, ReadError, WriteError
from napari_medai.core.sampling import sample_volume


def some_transform() -> SpatialTransform:
    matrix = np.eye(4)
    matrix[:3, :3] = rotation((10.0, -20.0, 30.0)) * 1.1
    matrix[:3, 3] = (5.0, -7.0, 11.0)
    return SpatialTransform(matrix)


def test_there_and_back():
    points = np.random.default_rng(0).normal(size=(6, 3)) * 100
    there = some_transform()
    assert np.allclose(there.inverse().apply_to_points(there.apply_to_points(points)), points)
    assert np.allclose(there.then(there.inverse()).matrix, np.eye(4), atol=1e-12)


def test_then_applies_the_first_first():
    shift = SpatialTransform.from_translation([10.0, 0, 0])
    double = SpatialTransform(np.diag([2.0, 2, 2, 1]))
    assert shift.then(double).apply_to_points([[1.0, 0, 0]]).tolist() == [[22.0, 0, 0]]


@pytest.mark.parametrize("suffix", [".tfm", ".txt", ".mat", ".h5"])
def test_itk_reads_the_same_transform(tmp_path: Path, suffix: str):
    there = some_transform()
    there.save(tmp_path / f"move{suffix}")
    theirs = sitk.ReadTransform(str(tmp_path / f"move{suffix}"))
    point = (3.0, 4.0, 5.0)
    assert np.allclose(theirs.TransformPoint(point), there.apply_to_points([point])[0])
    assert np.array_equal(SpatialTransform.load(tmp_path / f"move{suffix}").matrix, there.matrix)


def test_a_bright_voxel_and_its_point_move_together():
    moving_grid = make_geometry(
        (20, 22, 24), np.eye(3)[:, ::-1], (2.0, 1.5, 1.5), (8, 5, -6), (-20, -15, -20)
    )
    fixed_grid = Geometry.from_spacing((40, 40, 40), (1.0, 1.0, 1.0), (-18, -18, -18))
    there = SpatialTransform.from_translation([2.0, -1.0, 3.0])
    array = np.zeros(moving_grid.shape, np.float32)
    array[9:12, 9:12, 10:13] = 100
    bright = moving_grid.index_to_world((10, 10, 11))
    moved = there.apply_to_image(MedicalImage(array, "zyx", moving_grid), like=fixed_grid)
    found = np.argwhere(moved.array > 50).mean(axis=0)
    expected = there.inverse().apply_to_points([bright])[0]
    assert np.linalg.norm(fixed_grid.index_to_world(found) - expected) < 0.3


def test_landmarks_keep_names_and_turn_their_uncertainty():
    spread = np.diag([4.0, 1.0, 1.0])[None]
    points = Landmarks(["tip"], [[1.0, 2, 3]], covariance=spread)
    turned = SpatialTransform(np.block([[rotation((0, 0, 90.0)), np.zeros((3, 1))], [0, 0, 0, 1.0]]))
    moved = turned.apply_to_points(points)
    assert moved.names == ("tip",)
    assert np.allclose(moved.covariance[0], np.diag([1.0, 4.0, 1.0]))


def test_labels_are_never_mixed():
    grid = Geometry.from_spacing((6, 6, 6), (1, 1, 1))
    array = np.zeros((6, 6, 6), np.uint8)
    array[2:4] = 200
    image = MedicalImage(array, "zyx", grid, kind="labels")
    moved = SpatialTransform.from_translation([0, 0, 0.4]).apply_to_image(image, like=image)
    assert set(np.unique(moved.array)) == {0, 200}
    assert moved.kind == "labels"


def test_files_of_other_kinds_are_refused(tmp_path: Path):
    (tmp_path / "a.tfm").write_text("not a transform")
    with pytest.raises(ReadError, match=r"a\.tfm is not a readable"):
        SpatialTransform.load(tmp_path / "a.tfm")
    sitk.WriteTransform(sitk.BSplineTransform(3), str(tmp_path / "b.h5"))
    with pytest.raises(ReadError, match="BSpline"):
        SpatialTransform.load(tmp_path / "b.h5")
    with pytest.raises(WriteError, match="suffix"):
        some_transform().save(tmp_path / "a.doc")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.tfm", "b.h5"]


def test_singular_transforms_are_refused():
    with pytest.raises(GeometryError, match="singular"):
        SpatialTransform(np.diag([1.0, 0, 1, 1]))


@given(geometries())
def test_sampling_agrees_with_simpleitk(grid: Geometry):
    volume = np.random.default_rng(1).random(grid.shape).astype(np.float32)
    target = Geometry.from_spacing((5, 6, 7), (1.0, 1.2, 0.8), grid.index_to_world((0.3, 0.2, 0.6)))
    ours = sample_volume(volume, grid, target, outside=-1.0)
    theirs = sitk.Resample(to_itk(volume, grid), like_itk(target), sitk.Transform(), sitk.sitkLinear, -1.0)
    expected = sitk.GetArrayFromImage(theirs)
    near_edge = edge_distance(grid, target) < 1e-3
    assert np.allclose(ours[~near_edge], expected[~near_edge], atol=1e-4)


def to_itk(volume: np.ndarray, grid: Geometry) -> sitk.Image:
    image = sitk.GetImageFromArray(volume)
    image.SetSpacing(grid.spacing[::-1].tolist())
    image.SetOrigin(grid.origin.tolist())
    image.SetDirection(grid.direction[:, ::-1].ravel().tolist())
    return image


def like_itk(grid: Geometry) -> sitk.Image:
    return to_itk(np.zeros(grid.shape, np.float32), grid)


def edge_distance(source: Geometry, target: Geometry) -> np.ndarray:
    """Distance in voxels of every target voxel from the border half a voxel outside the source."""
    index = source.world_to_index(target.index_to_world(np.stack(np.indices(target.shape), -1).astype(float)))
    ends = np.array(source.shape) - 0.5
    return np.minimum(np.abs(index + 0.5), np.abs(index - ends)).min(axis=-1)
