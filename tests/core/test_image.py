"""Images: what fits together is accepted, what does not is named, nothing changes in place."""

from __future__ import annotations

import pickle

import dask.array
import numpy as np
import pytest

from napari_medai import Geometry, MedAIError, MedicalImage
from napari_medai.core.errors import ArgumentError, GeometryError
from napari_medai.core.image import map_volumes

GRID = Geometry.from_spacing((2, 3, 4), (3.0, 1.0, 1.0))


def make(**changes) -> MedicalImage:
    fields = {"array": np.arange(24).reshape(2, 3, 4), "axes": "zyx", "geometry": GRID}
    return MedicalImage(**{**fields, **changes})


def test_the_caller_keeps_a_writable_array():
    array = np.zeros((2, 3, 4))
    image = make(array=array)
    array[0, 0, 0] = 1
    with pytest.raises(ValueError, match="read-only"):
        image.array[0, 0, 0] = 2


def test_a_change_is_a_new_value():
    image = make(name="a")
    other = image.with_array(image.array * 2, name="b")
    assert (image.name, other.name) == ("a", "b")
    assert other.geometry is image.geometry


@pytest.mark.parametrize("axes", ["xyz", "zy", "yxz", "tyx", "zyxs", "ctzyx", "zzyx", "abc"])
def test_axes_that_do_not_fit_are_refused(axes: str):
    with pytest.raises(MedAIError, match="Found"):
        make(axes=axes)


def test_the_grid_must_be_that_of_the_array():
    with pytest.raises(GeometryError, match="spatial shape"):
        make(array=np.zeros((2, 3, 5)))


def test_labels_are_whole_numbers():
    assert make(array=np.ones((2, 3, 4), bool), kind="labels").array.dtype == np.uint8
    with pytest.raises(ArgumentError, match="whole numbers"):
        make(array=np.zeros((2, 3, 4)), kind="labels")


@pytest.mark.parametrize("dtype", ["complex64", "U3", object])
def test_voxels_are_real_numbers(dtype):
    with pytest.raises(ArgumentError, match="real numbers"):
        make(array=np.zeros((2, 3, 4), dtype))


def test_meta_is_json_and_read_only():
    image = make(meta={"window": {"center": 40, "width": 400}})
    with pytest.raises(TypeError):
        image.meta["window"] = None
    assert image.with_meta(modality="CT").meta["modality"] == "CT"
    with pytest.raises(ArgumentError, match="JSON"):
        make(meta={"x": object()})


def test_lazy_arrays_stay_lazy():
    lazy = make(array=dask.array.zeros((2, 3, 4), chunks=1))
    assert hasattr(lazy.array, "dask")
    turned = lazy.reoriented(GRID.nearest_axes())
    assert hasattr(turned.array, "dask")


def test_an_image_can_be_pickled():
    image = make(meta={"modality": "CT"})
    copy = pickle.loads(pickle.dumps(image))
    assert np.array_equal(copy.array, image.array)
    assert copy.geometry == image.geometry
    assert copy.meta["modality"] == "CT"


@pytest.mark.parametrize(("axes", "extra"), [("zyx", ()), ("tzyx", (2,)), ("tczyx", (2, 3))])
def test_volumes_are_visited_one_by_one(axes: str, extra: tuple[int, ...]):
    array = np.random.default_rng(0).random((*extra, 2, 3, 4))
    image = make(array=array, axes=axes)
    assert np.array_equal(
        map_volumes(image, lambda v: v - v.mean()).mean(axis=(-1, -2, -3)).round(12), np.zeros(extra)
    )


def test_colours_are_visited_one_by_one():
    array = np.random.default_rng(0).random((3, 4, 3))
    image = MedicalImage(array, "yxs", Geometry.from_spacing((3, 4)))
    assert np.allclose(map_volumes(image, lambda v: v * 2), array * 2)


def test_another_grid_is_named():
    other = make(geometry=Geometry.from_spacing((2, 3, 4), (3.0, 1.0, 2.0)))
    with pytest.raises(GeometryError, match=r"mask lies on another grid.*2\.0.*resample_to"):
        make().require_same_grid(other, "mask")
