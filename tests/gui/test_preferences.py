"""napari's preferences of the plugin: declared for every setting, followed at once."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import pytest
from npe2 import PluginManifest

from napari_medai.core.settings import VARIABLES, Settings, explained, settings
from napari_medai.gui.preferences import CATEGORIES, ORIGIN, follow_convention, preferences

MANIFEST = PluginManifest.from_file(Path(__file__).parents[2] / "napari.yaml")


@pytest.fixture
def page(plugin_settings, npe2pm, monkeypatch):
    """The plugin's page in the preferences, kept in a folder of the test."""
    for variable in VARIABLES.values():
        monkeypatch.delenv(variable, raising=False)
    settings_module = pytest.importorskip("napari.settings")
    if not hasattr(settings_module, "get_plugin_settings"):
        pytest.skip("this napari has no preferences of plugins")
    npe2pm.register(MANIFEST)
    return settings_module.get_plugin_settings("napari-medai")


def test_the_manifest_declares_every_setting_with_its_default():
    declared = {
        name: entry.default
        for category in MANIFEST.contributions.configurations.values()
        for name, entry in category.properties.items()
    }
    assert declared == asdict(Settings())
    assert tuple(MANIFEST.contributions.configurations) == CATEGORIES


def test_a_choice_in_the_preferences_holds_at_once_and_before_the_environment(page, monkeypatch):
    monkeypatch.setenv("NAPARI_MEDAI_THREADS", "2")
    assert settings().threads == 2
    page.computing.threads = 5
    assert explained()["threads"] == (5, ORIGIN)
    page.computing.device = "cpu"
    assert settings().device == "cpu"


def test_an_older_napari_gives_the_defaults(page, monkeypatch):
    page.computing.threads = 5
    monkeypatch.delattr("napari.settings.get_plugin_settings")
    assert preferences() == {}
    assert settings() == Settings()


def test_a_session_without_the_plugin_gives_the_defaults(npe2pm):
    assert preferences() == {}


def test_the_view_is_turned_and_no_voxel(page, make_napari_viewer):
    viewer = make_napari_viewer()
    camera = getattr(viewer, "scene", viewer).camera
    from napari_medai.gui.contributions import load_sample

    page.display.convention = "neurological"
    (data, *_), *_ = load_sample("mr-head")
    assert str(camera.orientation2d[1]) == "left"
    page.display.convention = "radiological"
    (same, *_), *_ = load_sample("mr-head")
    assert str(camera.orientation2d[1]) == "right"
    assert (data == same).all()


def test_without_a_viewer_nothing_is_turned(page):
    follow_convention()
