"""Claims about measure_regions: sizes in mm, places in the world, intensities, stated rules."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from label_shapes import ANISOTROPIC, ball, box, grid, intensity, labels
from scipy.spatial.distance import pdist
from skimage.measure import marching_cubes, mesh_surface_area

from napari_medai.core.errors import ArgumentError, GeometryError
from napari_medai.core.geometry import Geometry
from napari_medai.core.image import MedicalImage
from napari_medai.measure.cells import surface_and_volume
from napari_medai.measure.regions import measure_regions
from napari_medai.measure.shape import longest_distance, outline_candidates


def test_box_has_its_volume_place_and_bounding_box_in_mm():
    array = box((6, 10, 12), (1, 2, 3), (4, 7, 9))
    image = intensity(np.zeros(array.shape, np.float32), ANISOTROPIC)
    row = measure_regions(image, labels(array, ANISOTROPIC)).iloc[0]
    assert row.voxels == 90
    assert row.volume_mm3 == pytest.approx(3 * 5 * 6 * 5)
    assert row.volume_ml == pytest.approx(0.45)
    assert [row.centroid_x_mm, row.centroid_y_mm, row.centroid_z_mm] == pytest.approx([5.5, 4.0, 10.0])
    assert [row.bbox_z_min, row.bbox_z_max, row.bbox_y_min, row.bbox_x_max] == [1, 3, 2, 8]


def test_centroid_follows_an_oblique_flipped_grid():
    turn = np.array([[0.8, -0.6, 0], [0.6, 0.8, 0], [0, 0, -1]])
    affine = np.eye(4)
    affine[:3, :3] = (turn * [1, 2, 4])[:, ::-1]
    affine[:3, 3] = [10, -20, 30]
    geometry = Geometry((4, 5, 6), affine)
    array = np.zeros((4, 5, 6), np.uint8)
    array[1, 2, 3] = 7
    image = MedicalImage(np.zeros(array.shape, np.float32), "zyx", geometry)
    row = measure_regions(image, MedicalImage(array, "zyx", geometry, "labels")).iloc[0]
    expected = geometry.index_to_world([1, 2, 3])
    assert [row.centroid_x_mm, row.centroid_y_mm, row.centroid_z_mm] == pytest.approx(expected.tolist())


def test_intensities_agree_with_numpy_on_random_scattered_labels():
    rng = np.random.default_rng(1)
    regions, values = rng.integers(0, 5, (7, 8, 9)), rng.normal(size=(7, 8, 9))
    table = measure_regions(intensity(values), labels(regions), percentiles=(5.0, 97.5)).set_index("label")
    for label in range(1, 5):
        inside = values[regions == label]
        row = table.loc[label]
        found = [row["mean"], row["sd"], row["min"], row["max"], row["median"], row["p5"], row["p97.5"]]
        cuts = np.percentile(inside, [0, 100, 50, 5, 97.5])
        assert found == pytest.approx([inside.mean(), inside.std(), *cuts])
        assert row["sum"] == pytest.approx(inside.sum())


def test_labels_with_large_and_negative_numbers_are_measured_alike():
    array = np.zeros((4, 4, 4), np.int32)
    array[0], array[2] = -3, 2_000_000_000
    table = measure_regions(intensity(np.ones(array.shape)), labels(array))
    assert table.label.tolist() == [-3, 2_000_000_000]
    assert table.voxels.tolist() == [16, 16]


def test_a_named_label_without_voxels_gets_an_empty_row():
    array = box((4, 4, 4), (0, 0, 0), (2, 2, 2))
    names = {"labels": {"1": "liver", "2": "spleen"}}
    table = measure_regions(intensity(np.ones(array.shape)), labels(array, meta=names)).set_index("name")
    assert table.voxels["spleen"] == 0
    assert table.volume_mm3["spleen"] == 0
    assert np.isnan(table["mean"]["spleen"])
    assert table["mean"]["liver"] == 1


def test_no_labels_at_all_give_an_empty_table_with_columns():
    table = measure_regions(intensity(np.ones((3, 3, 3))), labels(np.zeros((3, 3, 3))))
    assert len(table) == 0
    assert list(table.columns) == ["label", "name", "voxels"]


def test_values_that_are_no_numbers_are_counted_and_left_out():
    values = np.ones((3, 3, 3))
    values[0, 0, 0], values[1, 1, 1] = np.nan, np.inf
    row = measure_regions(intensity(values), labels(np.ones((3, 3, 3)))).iloc[0]
    assert (row["mean"], row["non_finite"], row["voxels"]) == (1.0, 2, 27)
    row = measure_regions(intensity(np.full((3, 3, 3), np.nan)), labels(np.ones((3, 3, 3)))).iloc[0]
    assert np.isnan(row["mean"])
    assert row["non_finite"] == 27


def test_one_voxel_and_disconnected_parts_are_measured():
    array = np.zeros((5, 5, 5), np.uint8)
    array[0, 0, 0] = array[4, 4, 4] = 1
    array[2, 2, 2] = 2
    table = measure_regions(intensity(np.ones(array.shape)), labels(array))
    assert table.parts.tolist() == [2, 1]
    assert table.voxels.tolist() == [2, 1]
    assert table.longest_diameter_mm[1] == pytest.approx(1.0)


def test_every_time_point_and_channel_gets_its_rows():
    regions = labels(np.ones((2, 3, 3)))
    stack = np.arange(6.0).reshape(3, 2, 1, 1, 1) * np.ones((3, 2, 2, 3, 3))
    table = measure_regions(MedicalImage(stack, "tczyx", regions.geometry), regions)
    assert table[["time", "channel"]].to_numpy().tolist() == [[t, c] for t in range(3) for c in range(2)]
    assert table["mean"].tolist() == list(range(6))


def test_labels_that_change_over_time_are_matched_to_their_time_point():
    image = MedicalImage(np.ones((2, 3, 3, 3)), "tzyx", grid((3, 3, 3)))
    array = np.zeros((2, 3, 3, 3), np.uint8)
    array[0, 0], array[1, :2] = 1, 1
    table = measure_regions(image, MedicalImage(array, "tzyx", grid((3, 3, 3)), "labels"))
    assert table.voxels.tolist() == [9, 18]
    still = MedicalImage(np.ones((3, 3, 3)), "zyx", grid((3, 3, 3)))
    with pytest.raises(ArgumentError, match="axes"):
        measure_regions(still, MedicalImage(array, "tzyx", grid((3, 3, 3)), "labels"))


def test_two_dimensions_give_areas_and_unknown_spacing_gives_pixels():
    flat = labels(box((8, 8), (1, 1), (4, 7)), (2.0, 0.5))
    row = measure_regions(intensity(np.zeros((8, 8)), (2.0, 0.5)), flat).iloc[0]
    assert row.area_mm2 == pytest.approx(18.0)
    assert 0 < row.circularity < 1
    unknown = Geometry.from_spacing((8, 8))
    image = MedicalImage(np.zeros((8, 8)), "yx", unknown)
    row = measure_regions(image, MedicalImage(np.asarray(flat.array), "yx", unknown, "labels")).iloc[0]
    assert row.area_pixel2 == 18
    assert "centroid_x_pixel" in row.index


def test_labels_on_another_grid_are_refused_with_a_remedy():
    with pytest.raises(GeometryError, match=r"another grid.*resample_to"):
        measure_regions(intensity(np.ones((3, 3, 3))), labels(np.ones((3, 3, 3)), ANISOTROPIC))


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (5.0, 1.0, 1.0), (0.7, 1.3, 2.1)])
def test_surface_and_volume_equal_those_of_the_marching_cubes_mesh(spacing):
    mask = np.pad(np.random.default_rng(0).random((6, 7, 8)) > 0.6, 1)
    surface, volume = surface_and_volume(mask, grid(mask.shape, spacing))
    vertices, faces, _, _ = marching_cubes(mask.astype(np.float32), 0.5, spacing=spacing)
    a, b, c = vertices[faces].astype(float).transpose(1, 0, 2)
    # the mesh is held in single precision
    assert surface == pytest.approx(mesh_surface_area(vertices, faces), rel=1e-5)
    assert volume == pytest.approx(abs((a * np.cross(b, c)).sum() / 6), rel=1e-4)


def test_fine_ball_is_nearly_a_ball():
    mask = ball((66, 66, 66), (32.5,) * 3, 30)
    row = measure_regions(intensity(np.zeros(mask.shape, np.float32)), labels(mask)).iloc[0]
    assert row.volume_mm3 == pytest.approx(4 / 3 * np.pi * 30**3, rel=0.005)
    # stairs make a binary ball's marching-cubes surface about 9 % too large, at every size
    assert row.surface_mm2 == pytest.approx(4 * np.pi * 30**2, rel=0.1)
    assert row.longest_diameter_mm == pytest.approx(60, abs=1)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.02, 0.9))
def test_longest_diameter_is_that_of_all_surface_points(seed, share):
    rng = np.random.default_rng(seed)
    mask = np.pad(rng.random((5, 6, 4)) < share, 1)
    mask[2, 2, 2] = True
    spacing = rng.uniform(0.3, 5, 3)
    found = longest_distance(outline_candidates(mask, grid(mask.shape, spacing)))
    edges = []
    for axis in range(3):
        for shift in (1, -1):
            ends = np.argwhere(mask & ~np.roll(mask, shift, axis)).astype(float)
            ends[:, axis] -= shift / 2
            edges.append(ends)
    assert found == pytest.approx(pdist(np.concatenate(edges) * spacing).max())
