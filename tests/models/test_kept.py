"""Prepared images are kept between runs, never in the place of another image, and given back."""

import gc

import numpy as np
import pytest
from small_models import noise_image, random_model

from napari_medai import Cancelled, Geometry, MedicalImage
from napari_medai.models import choice_store, kept, resident
from napari_medai.models.frugal import Budget, with_less_memory
from napari_medai.models.kept import copies_of, is_kept, kept_with, prepared_once, release_prepared
from napari_medai.models.resident import on_device
from napari_medai.segment import predict_labels, predict_probabilities, predict_uncertainty

RECIPE = [{"operation": "normalize_zscore", "arguments": {}}]


@pytest.fixture(autouse=True)
def _nothing_kept(tmp_path, monkeypatch):
    monkeypatch.setenv(choice_store.VARIABLE, str(tmp_path / "probes.json"))
    release_prepared()
    yield
    release_prepared()


@pytest.fixture
def preparations(monkeypatch):
    """Every preparation that is truly carried out."""
    done, prepare = [], kept.prepare

    def counted(spec, *args, **options):
        done.append(spec.name)
        return prepare(spec, *args, **options)

    monkeypatch.setattr(kept, "prepare", counted)
    return done


def model(name="one", seed=0, **changes):
    changes = {"spacing": [1.5, 1.5], "intensity": RECIPE, **changes}
    return random_model(seed, name=name, **changes)


def image():
    return noise_image((40, 44), (1.0, 1.0))


def test_models_in_a_row_prepare_an_image_once_and_give_the_same(preparations, monkeypatch):
    seen, first, second = image(), model("one", 1), model("two", 2)
    ours = [predict_labels(seen, one, device="cpu") for one in (first, second, first)]
    predict_probabilities(seen, first, device="cpu")
    predict_uncertainty(seen, second, device="cpu")
    assert preparations == ["one"]
    monkeypatch.setenv("NAPARI_MEDAI_KEEP_PREPARED_MB", "0")
    release_prepared()
    for one, found in zip((first, second, first), ours, strict=True):
        expected = predict_labels(seen, one, device="cpu")
        np.testing.assert_array_equal(found.array, expected.array)
        assert found.meta == expected.meta
        (theirs,), (step,) = expected.history, found.history
        assert (step.parameters, step.inputs) == (theirs.parameters, theirs.inputs)
    assert preparations == ["one", "one", "two", "one"]
    assert release_prepared() == 0


@pytest.mark.parametrize(
    "change", [{"spacing": [2.0, 2.0]}, {"intensity": []}, {"preparation": {"orientation": "RAS"}}]
)
def test_models_that_prepare_otherwise_do_not_share(preparations, change):
    seen = image()
    for one in (model("one"), model("two", **change)):
        predict_labels(seen, one, device="cpu")
    assert preparations == ["one", "two"]


def test_an_image_edited_in_place_is_another_image(preparations):
    voxels = np.array(image().array)
    seen, one = image().with_array(voxels), model()
    before = predict_labels(seen, one, device="cpu").array
    voxels[20, 20] += 1000
    after = predict_labels(seen, one, device="cpu").array
    voxels[20, 20] = image().array[20, 20]
    again = predict_labels(seen, one, device="cpu").array
    assert preparations == ["one", "one"]
    assert (before != after).any()
    np.testing.assert_array_equal(again, before)


def test_an_image_in_another_place_is_another_image(preparations):
    seen, one = image(), model()
    predict_labels(seen, one, device="cpu")
    moved = seen.replace(geometry=Geometry.from_spacing(seen.geometry.shape, (1.2, 1.2)))
    predict_labels(moved, one, device="cpu")
    assert preparations == ["one", "one"]


def test_a_preparation_that_shares_the_image_s_memory_is_not_kept():
    seen, plain = image(), model(spacing=None, intensity=[])
    with kept_with(seen):
        prepared = prepared_once(plain.spec, seen)
    assert np.shares_memory(prepared.volume, seen.array)
    assert release_prepared() == 0


def test_what_was_painted_during_the_preparation_is_not_kept(monkeypatch):
    voxels = np.array(image().array)
    seen, prepare = image().with_array(voxels), kept.prepare

    def disturbed(*args, **options):
        voxels[0, 0] += 1
        return prepare(*args, **options)

    monkeypatch.setattr(kept, "prepare", disturbed)
    predict_labels(seen, model(), device="cpu")
    assert release_prepared() == 0


def test_what_is_kept_goes_with_the_image():
    seen, other, one = image(), noise_image((40, 44), (1.0, 1.0), seed=1), model()
    for given in (seen, other):
        predict_labels(given, one, device="cpu")
    assert is_kept(one.spec, [seen.array])
    assert not is_kept(model(spacing=[3.0, 3.0]).spec, [seen.array])
    del seen, given
    gc.collect()
    assert release_prepared() == 1


def test_joined_channels_are_kept_with_their_images(preparations):
    parts = [noise_image((40, 44), (1.0, 1.0), seed=k) for k in range(2)]
    both = model(channels=["a", "b"])
    for _ in range(2):
        predict_labels(parts[0], both, [parts[1]], device="cpu")
    assert preparations == ["one"]
    assert is_kept(both.spec, [part.array for part in parts])
    del parts[1]
    gc.collect()
    assert release_prepared() == 0


def test_nothing_is_kept_of_work_that_was_stopped():
    seen, other, one = image(), noise_image((40, 44), (1.0, 1.0), seed=1), model()
    predict_labels(other, one, device="cpu")

    def stop(step):
        if "Predicting" in step.message:
            raise Cancelled

    with pytest.raises(Cancelled):
        predict_labels(seen, one, device="cpu", progress=stop)
    assert not is_kept(one.spec, [seen.array])
    assert is_kept(one.spec, [other.array])


def test_the_oldest_goes_where_the_setting_leaves_no_room(monkeypatch):
    images = [noise_image((600, 600), (1.0, 1.0), seed=k) for k in range(3)]  # 0.64 MB each at 1.5 mm
    monkeypatch.setenv("NAPARI_MEDAI_KEEP_PREPARED_MB", "1")
    for one in images:
        with kept_with(one):
            prepared_once(model().spec, one)
    assert [is_kept(model().spec, [one.array]) for one in images] == [False, False, True]


def test_nothing_is_kept_where_memory_is_short(monkeypatch):
    seen, other = image(), noise_image((40, 44), (1.0, 1.0), seed=1)
    with kept_with(seen):
        prepared_once(model().spec, seen)
    monkeypatch.setattr(kept, "available_bytes", lambda: 1000)
    with kept_with(other):
        prepared_once(model().spec, other)
    assert release_prepared() == 0


def test_memory_that_ran_out_is_given_back_first():
    seen, tried = image(), []
    with kept_with(seen):
        prepared_once(model().spec, seen)

    def work(budget):
        tried.append(is_kept(model().spec, [seen.array]))
        if len(tried) == 1:
            raise MemoryError
        return budget

    with_less_memory(work, Budget("cpu", 2, 10), [])
    assert tried == [True, False]


def test_nobody_s_preparation_is_kept(preparations):
    for _ in range(2):
        prepared_once(model().spec, image())
    assert preparations == ["one", "one"]
    assert release_prepared() == 0


def test_a_volume_goes_to_a_device_once_and_its_parts_lie_there(monkeypatch):
    import torch

    copied, copy = [], resident._copied
    monkeypatch.setattr(
        resident, "_copied", lambda v, place: copied.append(v.shape) or copy(v, place).clone()
    )
    place, seen = torch.device("cpu"), noise_image((9, 40, 44), (1.0, 1.0, 1.0))
    with kept_with(seen):
        spec = model(tile=[8, 8, 8], spacing=[1.5, 1.5, 1.5]).spec
        volume = prepared_once(spec, seen).volume
    part = volume[:, 1:5, 3:20, 2:]
    for asked in (volume, part, volume):
        found = on_device(asked, place)
        assert found.shape == asked.shape
        np.testing.assert_array_equal(found.numpy(), asked)
    assert copied == [volume.shape]
    assert list(copies_of(part)) == ["cpu"]
    release_prepared()
    on_device(volume, place)
    on_device(volume, place)
    assert copied == [volume.shape] * 3


def test_a_card_without_room_is_freed_and_then_left_alone(monkeypatch):
    import torch

    place, seen = torch.device("cpu"), image()
    with kept_with(seen):
        volume = prepared_once(model().spec, seen).volume
    assert on_device(volume, place) is not None
    room = iter([False, True, False])
    monkeypatch.setattr(resident, "_fits", lambda size, place: next(room))
    assert on_device(np.zeros((1, 5, 5), np.float32), place) is not None
    assert not copies_of(volume)
    assert on_device(np.zeros((1, 5, 5), np.float32), place) is None


def test_images_that_are_not_in_memory_are_not_kept():
    dask = pytest.importorskip("dask.array")
    seen = image()
    lazy = MedicalImage(dask.from_array(np.array(seen.array)), seen.axes, seen.geometry)
    for _ in range(2):
        predict_labels(lazy, model(), device="cpu")
    assert release_prepared() == 0
