"""Numbers people can publish: regions, overlap, distances, agreement, radiomics, meshes."""

from napari_medai.core.lazy import lazy_operations

__getattr__, __dir__ = lazy_operations(__name__)
