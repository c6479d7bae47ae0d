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

from napari_medai.gui import panel

__all__ = ["napari"]


@pytest.fixture(autouse=True)
def forget_last_values():
    """Begin every test as a new session does."""
    panel._LAST_VALUES.clear()
