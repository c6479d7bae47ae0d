"""Fixtures of the viewer's tests."""

from __future__ import annotations

import warnings

with warnings.catch_warnings():
    # Importing napari 0.9 with pydantic 2.14 warns about napari's own model settings.
    warnings.simplefilter("ignore", DeprecationWarning)
    import napari
    import napari.layers
    import napari.qt.threading

__all__ = ["napari"]
