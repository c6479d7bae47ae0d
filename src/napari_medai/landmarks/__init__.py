"""Anatomical points: found by networks, templates or registration; measured, judged, reported."""

from napari_medai.core.lazy import lazy_operations

__getattr__, __dir__ = lazy_operations(__name__)
