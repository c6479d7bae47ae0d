"""Medical imaging for napari: read with true geometry, prepare, register, segment, explain, and repeat.

The public names are imported when first used, so that ``import napari_medai`` costs next to nothing.
"""

from typing import TYPE_CHECKING

from napari_medai.core.guests import receive
from napari_medai.core.lazy import lazy_names

if TYPE_CHECKING:
    from napari_medai.catalog import operations as operations
    from napari_medai.core.boxes import Boxes as Boxes
    from napari_medai.core.errors import Cancelled as Cancelled
    from napari_medai.core.errors import MedAIError as MedAIError
    from napari_medai.core.geometry import Geometry as Geometry
    from napari_medai.core.image import MedicalImage as MedicalImage
    from napari_medai.core.landmarks import Landmarks as Landmarks
    from napari_medai.core.progress import Step as Step
    from napari_medai.core.replay import replay as replay
    from napari_medai.core.transform import SpatialTransform as SpatialTransform
    from napari_medai.io.read import read as read
    from napari_medai.io.write import write as write

_NAMES = {
    "Boxes": "napari_medai.core.boxes",
    "Cancelled": "napari_medai.core.errors",
    "Geometry": "napari_medai.core.geometry",
    "Landmarks": "napari_medai.core.landmarks",
    "MedAIError": "napari_medai.core.errors",
    "MedicalImage": "napari_medai.core.image",
    "SpatialTransform": "napari_medai.core.transform",
    "Step": "napari_medai.core.progress",
    "operations": "napari_medai.catalog",
    "read": "napari_medai.io.read",
    "replay": "napari_medai.core.replay",
    "write": "napari_medai.io.write",
}
_PACKAGES = (
    "explain",
    "explore",
    "io",
    "landmarks",
    "measure",
    "models",
    "phantoms",
    "preprocess",
    "recipe",
    "register",
    "segment",
    "train",
)

__all__ = [*_NAMES, *_PACKAGES]

# Operations take napari's layers as well; the module that knows them is imported when the first one comes.
receive("as_layer_data_tuple", f"{__name__}.gui.guests")

__getattr__, __dir__ = lazy_names(__name__, {**_NAMES, **{p: f"{__name__}.{p}" for p in _PACKAGES}})
