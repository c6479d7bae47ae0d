"""Deformations: which way they go, that they are undone, that ITK sees the same, that labels stay labels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from grids import make_geometry, rotation
from made_images import points

from napari_medai import Geometry, Landmarks, MedicalImage, SpatialTransform
from napari_medai.core.errors import GeometryError, ReadError, WriteError
from napari_medai.core.history import digest
from napari_medai.core.sampling import sample_volume

OBLIQUE = make_geometry((20, 22, 24), np.eye(3)[:, ::-1], (2.0, 1.5, 1.5), (8, 5, -6), (-20, -15, -20))
FLAT = Geometry.from_spacing((40, 44), (1.5, 1.0), (-30.0, -22.0))


def bend(geometry: Geometry, height: float = 2.0) -> SpatialTransform:
    """A smooth deformation that moves nothing at the border."""
    place = points(geometry)
    index = np.moveaxis(np.indices(geometry.shape), 0, -1)
    window = np.prod(np.sin(np.pi * (index + 0.5) / np.array(geometry.shape)) ** 2, axis=-1)
    waves = np.stack([np.sin(0.12 * place[..., k - 1] + k) for k in range(geometry.ndim)], axis=-1)
    return SpatialTransform.from_displacement(height * window[..., None] * waves, geometry)


def chain(geometry: Geometry) -> SpatialTransform:
    """A deformation, then a turn with a shift."""
    matrix = np.eye(geometry.ndim + 1)
    matrix[:-1, :-1] = rotation((5.0, -8.0, 12.0))[: geometry.ndim, : geometry.ndim]
    matrix[:-1, -1] = np.arange(geometry.ndim) - 1.0
    return bend(geometry).then(SpatialTransform.from_matrix(matrix))


def some_points(geometry: Geometry, count: int = 50) -> np.ndarray:
    shares = np.random.default_rng(0).uniform(0.1, 0.9, (count, geometry.ndim))
    return geometry.index_to_world(shares * (np.array(geometry.shape) - 1))


@pytest.mark.parametrize("geometry", [OBLIQUE, FLAT], ids=["oblique", "2-D"])
def test_a_voxel_centre_moves_by_its_vector(geometry):
    there = bend(geometry)
    centre = geometry.index_to_world(np.array(geometry.shape) // 2)
    vector = there.parts[0].vectors[tuple(np.array(geometry.shape) // 2)]
    assert np.allclose(there.apply_to_points([centre])[0], centre + vector, atol=1e-6)
    assert np.allclose(there.apply_to_points(centre), centre + vector, atol=1e-6)
    far = centre + 1000.0
    # the vectors at the border, which go on beyond it, are nearly 0
    assert np.allclose(there.apply_to_points([far])[0], far, atol=0.01)


@pytest.mark.parametrize("geometry", [OBLIQUE, FLAT], ids=["oblique", "2-D"])
def test_a_chain_is_undone_within_a_tenth_of_a_voxel(geometry):
    there = chain(geometry)
    back = there.inverse()
    assert there.inverse_error(back, geometry).max() < 0.1 * geometry.spacing.min()
    assert there.inverse_error(SpatialTransform.identity(geometry.ndim), geometry).max() > 1


@pytest.mark.parametrize("suffix", [".h5", ".tfm", ".txt"])
@pytest.mark.parametrize("geometry", [OBLIQUE, FLAT], ids=["oblique", "2-D"])
def test_itk_reads_the_same_deformation(tmp_path: Path, geometry: Geometry, suffix: str):
    there = chain(geometry)
    there.save(tmp_path / f"bend{suffix}")
    theirs = sitk.ReadTransform(str(tmp_path / f"bend{suffix}"))
    expected = [theirs.TransformPoint(p) for p in some_points(geometry).tolist()]
    assert np.allclose(there.apply_to_points(some_points(geometry)), expected, atol=1e-4)
    again = SpatialTransform.load(tmp_path / f"bend{suffix}")
    assert np.allclose(again.apply_to_points(some_points(geometry)), expected, atol=1e-4)


@pytest.mark.parametrize("geometry", [OBLIQUE, FLAT], ids=["oblique", "2-D"])
def test_an_image_of_displacements_holds_the_whole_chain(tmp_path: Path, geometry: Geometry):
    there = chain(geometry)
    there.save(tmp_path / "warp.nii.gz", like=geometry)
    image = sitk.ReadImage(str(tmp_path / "warp.nii.gz"), sitk.sitkVectorFloat64)
    theirs = sitk.DisplacementFieldTransform(image)
    centres = geometry.index_to_world(np.argwhere(np.ones(geometry.shape))[::97])
    expected = [theirs.TransformPoint(p) for p in centres.tolist()]
    assert np.allclose(there.apply_to_points(centres), expected, atol=2e-3)
    again = SpatialTransform.load(tmp_path / "warp.nii.gz")
    assert np.allclose(again.apply_to_points(centres), expected, atol=2e-3)


def test_formats_that_cannot_hold_it_say_so(tmp_path: Path):
    with pytest.raises(WriteError, match=r"\.mat file cannot hold a deformation"):
        bend(FLAT).save(tmp_path / "a.mat")
    with pytest.raises(WriteError, match="needs a grid"):
        SpatialTransform.identity().save(tmp_path / "a.nii.gz")
    sitk.WriteImage(sitk.Image(4, 4, 4, sitk.sitkFloat32), str(tmp_path / "b.nii.gz"))
    with pytest.raises(ReadError, match="one vector a voxel"):
        SpatialTransform.load(tmp_path / "b.nii.gz")
    assert [p.name for p in tmp_path.iterdir()] == ["b.nii.gz"]


@pytest.mark.parametrize("geometry", [OBLIQUE, FLAT], ids=["oblique", "2-D"])
def test_a_bright_spot_and_its_point_land_together(geometry: Geometry):
    there = chain(geometry)
    target = some_points(geometry, 3)[0]
    bright = there.apply_to_points([target])[0]
    moving_grid = Geometry.from_spacing((60,) * geometry.ndim, (1.0,) * geometry.ndim, bright - 30.0)
    distance = np.linalg.norm(points(moving_grid) - bright, axis=-1)
    spot = MedicalImage(
        np.exp(-((distance / 3) ** 2)).astype(np.float32), "zyx"[-geometry.ndim :], moving_grid
    )
    moved = there.apply_to_image(spot, like=geometry)
    found = np.average(np.argwhere(moved.array > 0.3), axis=0, weights=moved.array[moved.array > 0.3])
    # a voxel is up to 2 mm wide
    assert np.linalg.norm(geometry.index_to_world(found) - target) < 0.5


def test_sampling_by_a_function_equals_sampling_by_its_matrix():
    volume = np.random.default_rng(0).random(OBLIQUE.shape).astype(np.float32)
    target = Geometry.from_spacing((9, 8, 7), (2.0, 2.0, 2.0), OBLIQUE.index_to_world((4, 4, 4)))
    shift = SpatialTransform.from_translation([0.7, -1.1, 0.4])
    for interpolation in ("nearest", "linear", "cubic"):
        kwargs = {"interpolation": interpolation, "outside": -1.0}
        by_matrix = sample_volume(volume, OBLIQUE, target, world_map=shift.matrix, **kwargs)
        by_points = sample_volume(volume, OBLIQUE, target, world_map=shift.places, **kwargs)
        assert np.allclose(by_matrix, by_points, atol=1e-5)


def test_sinc_follows_a_band_limited_signal_better_than_lines_do():
    grid, fine = (Geometry.from_spacing((n, n), (s, s), (0, 0)) for n, s in ((40, 1.0), (70, 0.5)))
    wave = lambda g: np.sin(1.4 * points(g)[..., 0]).astype(np.float32)  # noqa: E731
    inner = np.s_[10:-10, 10:-10]
    errors = {
        how: np.abs(sample_volume(wave(grid), grid, fine, interpolation=how) - wave(fine))[inner].max()
        for how in ("linear", "sinc")
    }
    assert errors["sinc"] < 0.25 * errors["linear"]


def test_smooth_labels_take_the_label_that_interpolation_favours():
    rng = np.random.default_rng(0)
    labels = rng.choice([0, 3, 200], (12, 13, 14)).astype(np.uint8)
    grid = Geometry.from_spacing(labels.shape, (1, 1, 1))
    target = Geometry.from_spacing((10, 10, 10), (0.9, 1.1, 1.0), (0.3, 0.6, 0.2))
    shares = [
        sample_volume((labels == v).astype(np.float32), grid, target, interpolation="linear")
        for v in (0, 3, 200)
    ]
    expected = np.array([0, 3, 200], np.uint8)[np.argmax(shares, axis=0)]
    clear = np.sort(shares, axis=0)[-1] - np.sort(shares, axis=0)[-2] > 1e-4
    found = sample_volume(labels, grid, target, interpolation="smooth_labels")
    assert found.dtype == np.uint8
    assert np.array_equal(found[clear], expected[clear])


def test_the_derivative_carries_uncertainty():
    there = chain(OBLIQUE)
    place = some_points(OBLIQUE, 1)
    linear = there.derivative(place)[0]
    step = np.array([0.05, -0.08, 0.06])
    change = there.apply_to_points(place + step)[0] - there.apply_to_points(place - step)[0]
    # within one voxel the vectors change linearly, so that finite steps agree to their curvature
    assert np.allclose(linear @ (2 * step), change, atol=0.02)
    moved = there.apply_to_points(Landmarks(["a"], place, covariance=np.eye(3)[None]))
    assert np.allclose(moved.covariance[0], linear @ linear.T)


def test_a_history_tells_deformations_apart():
    assert digest(bend(FLAT)) == digest(bend(FLAT))
    assert digest(bend(FLAT)) != digest(bend(FLAT, height=2.01))
    assert digest(chain(FLAT)) != digest(bend(FLAT))


def test_parts_that_do_not_fit_are_refused():
    with pytest.raises(GeometryError, match="displacements of shape"):
        SpatialTransform.from_displacement(np.zeros((4, 4, 3)), FLAT)
    with pytest.raises(GeometryError, match="NaN"):
        SpatialTransform.from_displacement(np.full((*FLAT.shape, 2), np.nan), FLAT)
    with pytest.raises(GeometryError, match="2-D and a 3-D"):
        bend(FLAT).then(SpatialTransform.identity())
    with pytest.raises(GeometryError, match="needed an affine"):
        _ = bend(FLAT).matrix
