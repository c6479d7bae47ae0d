"""One image brought onto another: a start that finds its way, a deformation that does not fold."""

from napari_medai.core.lazy import lazy_operations

__getattr__, __dir__ = lazy_operations(__name__)
