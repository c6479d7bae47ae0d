"""Where a network looked, and whether the picture of it can be trusted."""

from napari_medai.core.lazy import lazy_operations

__getattr__, __dir__ = lazy_operations(__name__)
