"""Claims about diameters, SUV, HU classes and profiles: closed forms and counts by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from label_shapes import ANISOTROPIC, ball, box, grid, intensity, labels

from napari_medai.core.errors import ArgumentError
from napari_medai.core.geometry import Geometry
from napari_medai.core.image import MedicalImage
from napari_medai.core.landmarks import Landmarks
from napari_medai.measure.diameters import measure_diameters
from napari_medai.measure.lines import profile_line
from napari_medai.measure.profiles import profile_slices, profile_time
from napari_medai.measure.suv import compute_suv
from napari_medai.measure.tissue import measure_hu_classes


def ellipse(shape, centre, half, angle):
    y, x = (i - c for i, c in zip(np.indices(shape), centre, strict=True))
    u, v = x * np.cos(angle) + y * np.sin(angle), -x * np.sin(angle) + y * np.cos(angle)
    return ((u / half[0]) ** 2 + (v / half[1]) ** 2 <= 1).astype(np.uint8)


@settings(max_examples=20, deadline=None)
@given(st.floats(0, np.pi))
def test_diameters_of_an_ellipse_are_its_axes_at_any_angle(angle):
    row = measure_diameters(labels(ellipse((90, 90), (44.3, 45.1), (36, 20), angle), (1.0, 1.0))).iloc[0]
    # the outline lies up to half a pixel off on either side
    assert row.longest_mm == pytest.approx(72, abs=1.5)
    assert row.perpendicular_mm == pytest.approx(40, abs=2)
    assert row.product_mm2 == pytest.approx(row.longest_mm * row.perpendicular_mm)


def test_the_slice_of_the_longest_diameter_is_found_with_ends_in_the_world():
    array = np.zeros((7, 60, 60), np.uint8)
    array[2] = ellipse((60, 60), (30, 30), (10, 6), 0)
    array[4] = ellipse((60, 60), (30, 30), (20, 8), 0)
    geometry = Geometry.from_spacing(array.shape, (5, 0.5, 0.5), (-10, 20, 100))
    row = measure_diameters(MedicalImage(array, "zyx", geometry, "labels")).iloc[0]
    assert row.slice == 4
    assert row.longest_mm == pytest.approx(20.5, abs=0.01)
    ends = sorted(
        [(row.longest_start_x_mm, row.longest_start_z_mm), (row.longest_end_x_mm, row.longest_end_z_mm)]
    )
    assert ends == [
        pytest.approx((-10 + 9.75 * 0.5, 120), abs=0.3),
        pytest.approx((-10 + 50.25 * 0.5, 120), abs=0.3),
    ]
    assert row.perpendicular_mm == pytest.approx(8.5, abs=0.01)
    assert row.perpendicular_start_x_mm == pytest.approx(row.perpendicular_end_x_mm)
    assert row.longest_3d_mm >= row.longest_mm


def test_the_two_diameters_of_an_oblique_scan_are_at_right_angles():
    array = np.zeros((5, 50, 50), np.uint8)
    array[2] = ellipse((50, 50), (25, 25), (18, 9), 0.7)
    turn = np.linalg.qr(np.random.default_rng(1).normal(size=(3, 3)))[0]
    affine = np.eye(4)
    affine[:3, :3] = turn * [4, 0.8, 0.8]
    row = measure_diameters(MedicalImage(array, "zyx", Geometry(array.shape, affine), "labels")).iloc[0]
    lines = [
        np.array([row[f"{n}_end_{a}_mm"] - row[f"{n}_start_{a}_mm"] for a in "xyz"])
        for n in ("longest", "perpendicular")
    ]
    assert lines[0] @ lines[1] == pytest.approx(0, abs=1e-9)
    assert np.linalg.norm(lines[0]) == pytest.approx(36 * 0.8, abs=1.2)
    normal = affine[:3, 0]
    assert [line @ normal for line in lines] == pytest.approx([0, 0], abs=1e-9)


def test_one_voxel_has_diameters_and_an_absent_label_none():
    array = np.zeros((3, 5, 5), np.uint8)
    array[1, 2, 2] = 1
    table = measure_diameters(labels(array, meta={"labels": {"1": "dot", "2": "none"}})).set_index("name")
    assert table.longest_mm["dot"] == pytest.approx(1)
    assert table.perpendicular_mm["dot"] == pytest.approx(1)
    assert np.isnan(table.longest_mm["none"])
    assert len(measure_diameters(labels(np.zeros((3, 3, 3))))) == 0


def test_suv_is_activity_over_the_decayed_dose_per_gram():
    image = intensity(np.full((2, 2, 2), 5000.0))
    expected = 5000 * 70_000 / (350e6 * 0.5 ** (3600 / 6586.2))
    suv = compute_suv(image, weight_kg=70, dose_mbq=350, delay_s=3600)
    assert suv.array == pytest.approx(expected, rel=1e-6)
    assert suv.meta["value_unit"] == "g/ml"
    assert compute_suv(image, weight_kg=70, dose_mbq=350).array == pytest.approx(1.0, rel=1e-6)
    tagged = image.with_meta(suv={"body_weight_factor": 3e-4})
    assert compute_suv(tagged).array == pytest.approx(1.5, rel=1e-6)


def test_suv_is_never_guessed():
    image = intensity(np.ones((2, 2, 2)))
    with pytest.raises(ArgumentError, match="does not say weight and dose"):
        compute_suv(image)
    with pytest.raises(ArgumentError, match="Give weight_kg and dose_mbq"):
        compute_suv(image.with_meta(suv={"body_weight_factor": 1.0}), weight_kg=70)
    with pytest.raises(ArgumentError, match="does not state the dose"):
        compute_suv(image.with_meta(suv={"unknown": "the file does not state the dose"}))
    with pytest.raises(ArgumentError, match="already"):
        compute_suv(compute_suv(image, weight_kg=70, dose_mbq=350))


def test_hu_classes_are_counted_in_ml():
    values = np.full((4, 10, 10), -1000.0)
    values[1:] = 40
    values[3, :5], values[3, 5:] = -100, 300
    values[0, 0, 0] = np.nan
    row = measure_hu_classes(intensity(values, ANISOTROPIC), labels(np.ones(values.shape), ANISOTROPIC)).iloc[
        0
    ]
    assert (row.air_ml, row.soft_tissue_ml, row.fat_ml, row.bone_ml) == pytest.approx(
        (0.495, 1.0, 0.25, 0.25)
    )
    assert row.fat_percent == pytest.approx(100 * 50 / 399)
    assert row.non_finite == 1
    with pytest.raises(ArgumentError, match="ascend"):
        measure_hu_classes(intensity(values), labels(np.ones(values.shape)), edges_hu=(0.0, -1.0, 2.0, 3.0))


def test_slices_are_measured_one_by_one():
    values = np.arange(4.0)[:, None, None] * np.ones((4, 6, 6))
    table = profile_slices(
        intensity(values, ANISOTROPIC), labels(box((4, 6, 6), (1, 0, 0), (3, 2, 3)), ANISOTROPIC)
    )
    assert table.slice.tolist() == [1, 2]
    assert table.position_mm.tolist() == [5, 10]
    assert table.area_mm2.tolist() == [6, 6]
    assert table["mean"].tolist() == [1, 2]


def test_a_line_reads_a_plane_of_intensities_exactly():
    geometry = grid((20, 30, 30), (3.0, 1.0, 1.0), (5, -7, 2))
    indices = np.indices(geometry.shape).reshape(3, -1).T
    field = geometry.index_to_world(indices) @ [2.0, -1.0, 0.5]
    image = MedicalImage(field.reshape(geometry.shape), "zyx", geometry)
    line = Landmarks(("a", "b", "c"), [[8, 0, 10], [20, 10, 30], [20, 15, 50]])
    for curve in ("straight", "smooth"):
        for width in (0.0, 3.0):
            table = profile_line(image, line, curve=curve, width_mm=width, step_mm=0.5)
            expected = table[["x_mm", "y_mm", "z_mm"]].to_numpy() @ [2.0, -1.0, 0.5]
            assert table.value.to_numpy() == pytest.approx(expected, abs=1e-6)
            steps = np.linalg.norm(np.diff(table[["x_mm", "y_mm", "z_mm"]].to_numpy(), axis=0), axis=1)
            assert np.median(steps) == pytest.approx(0.5, abs=1e-3)
    length = np.linalg.norm([12, 10, 20]) + np.linalg.norm([0, 5, 20])
    assert profile_line(image, line).distance_mm.max() == pytest.approx(length, abs=0.5)


def test_beyond_the_image_a_line_has_no_value():
    image = intensity(np.ones((10, 10)), (1.0, 1.0))
    table = profile_line(image, Landmarks(("a", "b"), [[-5, 5], [5, 5]]), step_mm=1.0)
    assert np.isnan(table.value).tolist() == [True] * 5 + [False] * 6
    with pytest.raises(ArgumentError, match="two or more"):
        profile_line(image, Landmarks(("a",), [[1, 1]]))
    with pytest.raises(ArgumentError, match="one place"):
        profile_line(image, Landmarks(("a", "b"), [[1, 1], [1, 1]]))


def test_regions_are_followed_through_time():
    curve = np.array([0.0, 3.0, 1.0])
    stack = curve[:, None, None, None] * np.ones((3, 4, 6, 6))
    image = MedicalImage(stack, "tzyx", grid((4, 6, 6)), meta={"time_step_s": 2.5})
    table = profile_time(image, labels(ball((4, 6, 6), (2, 3, 3), 2)))
    assert table.time_s.tolist() == [0, 2.5, 5]
    assert table["mean"].tolist() == curve.tolist()
