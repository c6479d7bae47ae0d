"""The drawn input of a new model's self-check."""

from __future__ import annotations

import numpy as np

from napari_medai.core.geometry import Geometry
from napari_medai.core.image import MedicalImage
from napari_medai.models.spec import ModelSpec


def drawn_image(spec: ModelSpec) -> MedicalImage:
    """Draw smooth noise of a model's size, the input of its self-check: nobody's image."""
    from scipy import ndimage

    rng = np.random.default_rng(0)
    shape = tuple(min(n, 128) if spec.ndim == 2 else min(n, 48) for n in spec.tile)
    shape, spacing = tuple(max(8, n) for n in shape), spec.spacing
    if spec.preparation.slicewise:
        shape, spacing = (3, *shape), spacing and (spacing[0], *spacing)
    noise = rng.normal(0, 100, (len(spec.channels), *shape))
    array = np.stack([ndimage.gaussian_filter(c, 2) * 8 for c in noise]).astype(np.float32)
    geometry = Geometry.from_spacing(shape, spacing)
    return MedicalImage(array, "c" + "zyx"[-len(shape) :], geometry, name="drawn noise")
