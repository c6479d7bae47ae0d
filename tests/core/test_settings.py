"""Settings: who goes before whom, and that each one does what it says."""

from dataclasses import fields

import pytest

from napari_medai import MedAIError
from napari_medai.core.device import resolve_device
from napari_medai.core.settings import VARIABLES, Settings, explained, set_source, settings

ORIGIN = "the test"


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch):
    for variable in VARIABLES.values():
        monkeypatch.delenv(variable, raising=False)
    yield
    set_source(ORIGIN, None)


def prefer(**values):
    set_source(ORIGIN, lambda: values)


def test_defaults_hold_where_nobody_says_otherwise():
    assert settings() == Settings()
    assert {origin for _, origin in explained().values()} == {"default"}


def test_every_setting_has_its_variable():
    assert list(VARIABLES) == [f.name for f in fields(Settings)]


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("device", "cuda:1", "cuda:1"),
        ("threads", " 3 ", 3),
        ("memory_limit_mb", "1500", 1500),
        ("models", "/models of mine", "/models of mine"),
        ("keep_prepared_mb", "0", 0),
        ("convention", "neurological", "neurological"),
    ],
)
def test_the_environment_goes_before_the_default_and_the_viewer_before_both(monkeypatch, name, text, value):
    monkeypatch.setenv(VARIABLES[name], text)
    assert getattr(settings(), name) == value
    prefer(**{name: getattr(Settings(), name)})
    assert getattr(settings(), name) == value, "a default in the viewer means: not said"
    others = {"device": "cpu", "threads": 7, "memory_limit_mb": 9, "models": "/b", "keep_prepared_mb": 3}
    other = others.get(name, value)
    prefer(**{name: other})
    assert explained()[name] == (other, ORIGIN)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("device", "gpu"),
        ("threads", "-1"),
        ("threads", "many"),
        ("memory_limit_mb", "1.5"),
        ("convention", "x"),
    ],
)
def test_nonsense_is_refused_with_its_place(monkeypatch, name, text):
    monkeypatch.setenv(VARIABLES[name], text)
    with pytest.raises(MedAIError, match=VARIABLES[name]) as refused:
        settings()
    assert repr(text) in str(refused.value)


def test_auto_means_the_preferred_device_and_a_named_one_goes_before(monkeypatch):
    monkeypatch.setenv("NAPARI_MEDAI_DEVICE", "cpu")
    assert resolve_device("auto") == "cpu"
    monkeypatch.setenv("NAPARI_MEDAI_DEVICE", "cuda:99")
    with pytest.raises(MedAIError, match="cuda:99"):
        resolve_device("auto")
    assert resolve_device("cpu") == "cpu"


def test_threads_are_those_of_the_setting_while_a_network_runs(monkeypatch):
    import torch

    from napari_medai.models.runtime import ready

    before = torch.get_num_threads()
    monkeypatch.setenv("NAPARI_MEDAI_THREADS", str(before + 1))
    with ready(torch.nn.Identity().eval(), "cpu"):
        assert torch.get_num_threads() == before + 1
    assert torch.get_num_threads() == before


def test_the_models_folder_is_looked_into(monkeypatch, tmp_path):
    from napari_medai.models.store import SHIPPED, model_folders

    shipped = next(iter(model_folders().values()))
    assert shipped.parent == SHIPPED
    (tmp_path / "mine").symlink_to(shipped)
    prefer(models=str(tmp_path))
    assert model_folders()["mine"] == tmp_path / "mine"


def test_an_image_over_the_memory_limit_is_opened_slice_by_slice(monkeypatch, tmp_path):
    import numpy as np

    from napari_medai import Geometry, MedicalImage, read
    from napari_medai.phantoms.dicom import write_dicom_series

    voxels = (np.arange(8 * 300 * 300).reshape(8, 300, 300) % 1000).astype("int16")
    image = MedicalImage(voxels, "zyx", Geometry.from_spacing(voxels.shape, (2.0, 1.0, 1.0)), name="scan")
    write_dicom_series(image, tmp_path / "series")
    assert isinstance(read(tmp_path / "series")[0].array, np.ndarray)
    monkeypatch.setenv("NAPARI_MEDAI_MEMORY_LIMIT_MB", "1")
    (later,) = read(tmp_path / "series")
    assert hasattr(later.array, "dask")
    np.testing.assert_array_equal(np.asarray(later.array), voxels)
