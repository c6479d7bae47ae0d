"""Images as napari layers: same place in the world, same voxels, and back without loss."""

from __future__ import annotations

import json

import numpy as np
import pytest
from grids import ORIENTATIONS, geometries, make_geometry
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from napari.layers import Image, Labels, Layer

from napari_medai import Geometry, MedicalImage
from napari_medai.core.errors import ArgumentError, GeometryError
from napari_medai.core.operation import IntensityImage, operation
from napari_medai.gui.layers import image_from_layer, image_of, layers_from_image
from napari_medai.gui.record import KEY

# napari warns at every slice of an oblique layer that its 2-D view leaves the tilt out.
pytestmark = pytest.mark.filterwarnings("ignore:Non-orthogonal slicing:UserWarning")


def voxels(grid: Geometry, dtype: str = "int16", lead: tuple[int, ...] = ()) -> np.ndarray:
    count = int(np.prod(lead + grid.shape))
    return (np.arange(count) % 251).reshape(lead + grid.shape).astype(dtype)


def as_layers(image: MedicalImage) -> list[Layer]:
    return [Layer.create(*layer) for layer in layers_from_image(image)]


def as_layer(image: MedicalImage) -> Layer:
    (layer,) = as_layers(image)
    return layer


@operation(group="tests", title="Add one")
def add_one(image: IntensityImage) -> MedicalImage:
    """Add one to every voxel.

    Parameters
    ----------
    image : MedicalImage
        The image.
    """
    return image.with_array(image.array + 1)


@pytest.mark.parametrize("orientation", ORIENTATIONS, ids=lambda o: str(o.astype(int).tolist()))
@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (3.0, 0.5, 1.25)])
@pytest.mark.parametrize("tilt", [0.0, 20.0])
def test_every_orientation_lies_where_the_geometry_says(orientation, spacing, tilt):
    grid = make_geometry((3, 4, 5), orientation, spacing, (tilt, tilt / 2, 0.0), (-50.0, 20.0, 300.0))
    layer = as_layer(MedicalImage(voxels(grid), "zyx", grid))
    index = np.argwhere(np.asarray(layer.data) == 37)[0]
    where = grid.index_to_world(np.argwhere(voxels(grid) == 37)[0])
    assert np.allclose(layer.data_to_world(index)[::-1], where, atol=1e-3)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(geometries(sheared=True), st.sampled_from(["uint8", "int16", "float32"]))
def test_image_comes_back_unchanged(grid, dtype):
    image = MedicalImage(voxels(grid, dtype), "zyx", grid, name="scan", meta={"modality": "CT"})
    back = image_of(as_layer(image))
    assert back.geometry == grid
    assert back.array.dtype == image.array.dtype
    assert np.array_equal(back.array, image.array)
    assert (back.axes, back.kind, back.name, dict(back.meta)) == (
        "zyx",
        "intensity",
        "scan",
        {"modality": "CT"},
    )


@settings(deadline=None, max_examples=40)
@given(geometries())
def test_place_is_right_without_the_record(grid):
    """A layer that lost its metadata still says where it lies."""
    layer = as_layer(MedicalImage(voxels(grid), "zyx", grid))
    layer.metadata = {}
    back = image_of(layer)
    nearest = grid.nearest_axes().apply_geometry(grid)
    assert back.geometry.is_close(nearest, tolerance_mm=1e-3)


def test_arrays_become_views_not_copies():
    grid = make_geometry((3, 4, 5), ORIENTATIONS[13])
    array = voxels(grid)
    assert np.shares_memory(as_layer(MedicalImage(array, "zyx", grid)).data, array)


def test_axis_aligned_grid_needs_no_affine_and_oblique_keeps_it():
    straight = as_layer(MedicalImage(voxels(g := make_geometry((3, 4, 5), np.eye(3)[:, ::-1])), "zyx", g))
    assert np.array_equal(straight.affine.affine_matrix, np.eye(4))
    grid = make_geometry((3, 4, 5), np.eye(3)[:, ::-1], (3.0, 1.0, 1.0), (12.0, 0.0, 0.0))
    oblique = as_layer(MedicalImage(voxels(grid), "zyx", grid))
    assert oblique.scale.tolist() == pytest.approx([3.0, 1.0, 1.0])
    assert not np.allclose(oblique.affine.affine_matrix, np.eye(4))


def test_rounding_of_a_stored_affine_does_not_make_a_grid_oblique():
    """NIfTI keeps affines as float32; directions come back off by about 1e-7."""
    grid = make_geometry((30, 40, 50), np.eye(3)[:, ::-1], (2.5, 0.7, 0.7), (4e-6, 2e-6, 0.0))
    layer = as_layer(MedicalImage(voxels(grid), "zyx", grid))
    assert np.array_equal(layer.affine.affine_matrix, np.eye(4))
    assert image_of(layer).geometry == grid


@pytest.mark.parametrize(("unit", "shown"), [("mm", "millimeter"), ("pixel", "pixel")])
@pytest.mark.parametrize("axes", ["yx", "zyx", "tzyx", "yxs", "zyxs", "czyx", "tczyx", "tyx"])
@pytest.mark.parametrize("kind", ["intensity", "labels"])
def test_every_layer_has_units_and_axis_labels(axes, unit, shown, kind):
    if kind == "labels" and "s" in axes:
        pytest.skip("labels have no colour samples")
    sizes = {"t": 2, "c": 3, "z": 4, "y": 5, "x": 6, "s": 3}
    shape = tuple(sizes[a] for a in axes)
    grid = Geometry.from_spacing(tuple(sizes[a] for a in axes if a in "zyx"), unit=unit)
    image = MedicalImage(np.zeros(shape, "uint8"), axes, grid, kind)
    layers = as_layers(image)
    assert len(layers) == (3 if "c" in axes else 1)
    for layer in layers:
        assert set(layer.axis_labels) <= set("tzyx")
        assert {str(u) for u, a in zip(layer.units, layer.axis_labels, strict=True) if a != "t"} == {shown}
        assert {str(u) for u, a in zip(layer.units, layer.axis_labels, strict=True) if a == "t"} <= {"second"}
        assert image_of(layer).axes == axes.replace("c", "")


def test_channels_become_layers_named_after_them():
    grid = Geometry.from_spacing((4, 5), (1.0, 1.0))
    array = np.arange(40).reshape(2, 4, 5)
    named = MedicalImage(array, "cyx", grid, name="slide", meta={"channels": ["DAPI", "GFP"]})
    layers = as_layers(named)
    assert [layer.name for layer in layers] == ["slide · DAPI", "slide · GFP"]
    assert np.array_equal(layers[1].data, array[1])
    assert [layer.name for layer in as_layers(named.replace(meta={}))] == [
        "slide · channel 1",
        "slide · channel 2",
    ]


def test_time_step_is_the_scale_of_the_time_axis_and_unknown_stays_unknown():
    grid = Geometry.from_spacing((2, 3, 4), (1.0, 1.0, 1.0))
    array = np.zeros((5, 2, 3, 4), "int16")
    known = as_layer(MedicalImage(array, "tzyx", grid, meta={"time_step_s": 2.5}))
    unknown = as_layer(MedicalImage(array, "tzyx", grid))
    assert known.scale[0] == 2.5
    assert image_of(known).meta["time_step_s"] == 2.5
    assert "time_step_s" not in image_of(unknown).meta
    known.scale = (4.0, 1.0, 1.0, 1.0)
    assert image_of(known).meta["time_step_s"] == 4.0


def test_flat_film_keeps_its_plane():
    """A (t, y, x) film gets a z axis in the viewer, so that time never meets a length, and loses it again."""
    affine = np.array([[0.2, 0.5, 7.0], [0.4, -0.25, 9.0], [0.0, 0.0, 1.0]])
    grid = Geometry((4, 5), affine)
    image = MedicalImage(np.arange(60).reshape(3, 4, 5), "tyx", grid)
    layer = as_layer(image)
    assert layer.ndim == 4
    back = image_of(layer)
    assert back.axes == "tyx"
    assert back.geometry == grid
    assert np.array_equal(back.array, image.array)


def test_labels_are_small_writable_copies_that_come_back_in_their_type():
    grid = make_geometry((3, 4, 5), ORIENTATIONS[7])
    array = voxels(grid, "int32")
    layer = as_layer(MedicalImage(array, "zyx", grid, "labels", meta={"labels": {"1": "liver"}}))
    assert isinstance(layer, Labels)
    assert layer.data.dtype == np.uint8
    layer.data[0, 0, 0] = 9
    assert not np.shares_memory(layer.data, array)
    assert image_of(layer).array.dtype == np.int32
    assert layer.features["name"].tolist() == ["background", "liver"]


def test_labels_painted_beyond_their_old_type_keep_the_new_one():
    grid = Geometry.from_spacing((1, 2), (1.0, 1.0))
    layer = as_layer(MedicalImage(np.array([[0, 1]], "uint8"), "yx", grid, "labels"))
    layer.data = np.array([[0, 300]], "uint16")
    assert image_of(layer).array.tolist() == [[0, 300]]


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        ([0, 255], "uint8"),
        ([0, 256], "uint16"),
        ([0, 70_000], "uint32"),
        ([0, 2**33], "uint64"),
        ([-1, 5], "int8"),
    ],
)
def test_label_type_is_the_smallest_that_holds_them(values, dtype):
    grid = Geometry.from_spacing((1, 2), (1.0, 1.0))
    layer = layers_from_image(MedicalImage(np.array([values]), "yx", grid, "labels"))[0]
    assert layer[0].dtype == dtype
    assert layer[0].tolist() == [values]


def test_record_is_plain_json():
    grid = make_geometry((3, 4, 5), ORIENTATIONS[7])
    layer = as_layer(add_one(MedicalImage(voxels(grid), "zyx", grid, meta={"modality": "MR"})))
    assert json.loads(json.dumps(layer.metadata[KEY])) == layer.metadata[KEY]


def test_history_comes_back_and_ends_where_somebody_changes_the_voxels():
    grid = make_geometry((3, 4, 5), ORIENTATIONS[7])
    layer = as_layer(add_one(MedicalImage(voxels(grid), "zyx", grid)))
    assert [step.operation for step in image_of(layer).history] == ["add_one"]
    layer.data = np.asarray(layer.data) * 2
    assert image_of(layer).history == ()


def test_moving_a_layer_moves_the_image_and_ends_its_history():
    grid = make_geometry((3, 4, 5), ORIENTATIONS[21], (2.0, 1.0, 1.0), (10.0, 5.0, 0.0))
    layer = as_layer(add_one(MedicalImage(voxels(grid), "zyx", grid)))
    shift = np.eye(4)
    shift[:3, 3] = [1.0, 2.0, 3.0]
    layer.affine = shift @ layer.affine.affine_matrix
    back = image_of(layer)
    assert np.allclose(back.geometry.origin - grid.origin, [3.0, 2.0, 1.0])
    assert np.allclose(back.geometry.matrix, grid.matrix)
    assert back.history == ()


@settings(deadline=None, max_examples=50)
@given(
    st.tuples(*[st.floats(0.2, 5)] * 3),
    st.tuples(*[st.floats(-100, 100)] * 3),
    st.tuples(*[st.floats(-40, 40)] * 3),
    st.tuples(*[st.floats(-0.5, 0.5)] * 3),
    st.tuples(*[st.floats(-40, 40)] * 3),
)
def test_all_transforms_of_a_foreign_layer_compose(scale, translate, rotate, shear, turned):
    outer = np.eye(4)
    outer[:3, :3] = make_geometry((2, 2, 2), np.eye(3), angles_deg=turned).matrix
    layer = Image(
        np.zeros((3, 4, 5), "uint8"),
        scale=scale, translate=translate, rotate=rotate, shear=shear, affine=outer,
        units=("um", "um", "um"), contrast_limits=(0, 1),
    )  # fmt: skip
    image = image_of(layer)
    point = np.array([1.0, 2.0, 3.0])
    expected = np.asarray(layer.data_to_world(point))[::-1] * 1e-3
    assert np.allclose(image.geometry.index_to_world(point), expected, atol=1e-9)
    assert image.geometry.unit == "mm"


def test_multiscale_layer_gives_its_finest_level():
    fine = np.arange(64).reshape(8, 8)
    layer = Image([fine, fine[::2, ::2]], multiscale=True, units=("mm", "mm"))
    assert np.array_equal(image_of(layer).array, fine)


@pytest.mark.parametrize(
    ("shape", "labels", "units", "axes"),
    [
        ((4, 5), None, ("mm", "mm"), "yx"),
        ((3, 4, 5), None, None, "zyx"),
        ((3, 4, 5), ("t", "y", "x"), None, "tyx"),
        ((3, 4, 5), None, ("ms", "mm", "mm"), "tyx"),
        ((2, 3, 4, 5), None, None, "tzyx"),
        ((2, 3, 4, 5), ("c", "z", "y", "x"), None, "czyx"),
        ((2, 2, 3, 4, 5), None, None, "tczyx"),
    ],
)
def test_axes_of_a_foreign_layer(shape, labels, units, axes):
    layer = Image(np.zeros(shape), axis_labels=labels, units=units, contrast_limits=(0, 1))
    assert image_of(layer).axes == axes


def test_colour_photograph_of_another_reader():
    layer = Image(np.zeros((4, 5, 3), "uint8"), rgb=True)
    image = image_of(layer)
    assert (image.axes, image.geometry.unit) == ("yxs", "pixel")


def test_half_known_units_are_refused():
    with pytest.raises(GeometryError, match="pixel"):
        image_of(Image(np.zeros((3, 4, 5)), units=("mm", "mm", "pixel"), contrast_limits=(0, 1)))


def test_six_axes_are_refused():
    with pytest.raises(ArgumentError, match="6 axes"):
        image_from_layer(np.zeros((1,) * 6), {}, "image")


def test_time_mixed_with_space_is_refused():
    affine = np.eye(5)
    affine[0, 2] = 0.5
    with pytest.raises(GeometryError, match="mixes"):
        image_of(Image(np.zeros((2, 3, 4, 5)), affine=affine, contrast_limits=(0, 1)))


def test_window_is_followed_unless_it_misses_the_values():
    grid = Geometry.from_spacing((10, 10), (1.0, 1.0))
    array = np.arange(100.0).reshape(10, 10)

    def limits(window):
        meta = {"window": window} if window else {}
        return layers_from_image(MedicalImage(array, "yx", grid, meta=meta))[0][1]["contrast_limits"]

    assert limits({"center": 40, "width": 20}) == (30, 50)
    low, high = limits({"center": 4000, "width": 20})
    assert 0 <= low < 1
    assert 98 < high <= 99
    assert limits(None) == (low, high)


@pytest.mark.parametrize("array", [np.zeros((3, 3)), np.full((3, 3), np.nan), np.array([[True, False]])])
def test_flat_empty_and_binary_images_have_valid_contrast(array):
    grid = Geometry.from_spacing(array.shape, (1.0, 1.0))
    low, high = layers_from_image(MedicalImage(array, "yx", grid))[0][1]["contrast_limits"]
    assert low < high


def test_monochrome1_is_shown_inverted():
    grid = Geometry.from_spacing((3, 3), (1.0, 1.0))
    layer = as_layer(MedicalImage(np.eye(3), "yx", grid, meta={"colormap": "gray_r"}))
    assert layer.colormap.name == "gray_r"
