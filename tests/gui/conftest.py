"""Fixtures of the viewer's tests."""

from __future__ import annotations

import warnings

with warnings.catch_warnings():
    # Importing napari 0.9 with pydantic 2.14 warns about napari's own model settings.
    warnings.simplefilter("ignore", DeprecationWarning)
    import napari
    import napari.layers
    import napari.qt.threading

import pytest
from qtpy.QtCore import QSettings

from napari_medai.gui.forms.remembered import REMEMBERED

__all__ = ["napari"]


@pytest.fixture(autouse=True)
def forget_last_values(tmp_path):
    """Begin every test as a new session does, with a settings file of its own."""
    QSettings.setPath(QSettings.Format.IniFormat, QSettings.Scope.UserScope, str(tmp_path / "settings"))
    REMEMBERED.end_session()
