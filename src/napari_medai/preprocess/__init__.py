"""Operations that prepare images: place, intensity, noise, bias, edges, masks."""

from napari_medai.core.lazy import lazy_operations

__getattr__, __dir__ = lazy_operations(__name__)
