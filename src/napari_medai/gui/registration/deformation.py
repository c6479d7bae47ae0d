"""A transform as arrows in the viewer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtWidgets import QToolButton, QWidget

from napari_medai.core.geometry import Geometry
from napari_medai.core.transform import SpatialTransform
from napari_medai.gui.layers import image_of

if TYPE_CHECKING:
    import napari

_MOST_ARROWS = 40_000


class ArrowsButton(QToolButton):
    """Adds a transform to the viewer as arrows.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Gets the new layer.
    transform : SpatialTransform
        The transform.
    fixed : napari layer
        The image over which the arrows are drawn.
    """

    def __init__(
        self,
        viewer: napari.viewer.Viewer,
        transform: SpatialTransform,
        fixed: Any,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.viewer, self.transform, self.fixed = viewer, transform, fixed
        self.setText("Arrows")
        self.setToolTip("Show where each place of the fixed image lies in the moving one")
        self.clicked.connect(self.add)

    def add(self) -> Any:
        """Add the layer and return it."""
        from napari.layers import Vectors

        layer = self.fixed
        image = image_of(layer)
        arrows = arrows_of(self.transform, image.geometry)
        spatial = image.spatial_ndim
        return self.viewer.add_layer(
            Vectors(
                arrows,
                name=f"{layer.name} · arrows",
                affine=layer.affine.affine_matrix[-spatial - 1 :, -spatial - 1 :],
                scale=layer.scale[-spatial:],
                rotate=layer.rotate[-spatial:, -spatial:],
                shear=_shear(layer, spatial),
                translate=layer.translate[-spatial:],
                units=layer.units[-spatial:],
                edge_width=0.3,
                edge_color="yellow",
                vector_style="arrow",
            )
        )


def _shear(layer: Any, spatial: int) -> Any:
    """The layer's shear where it has any; napari gives three numbers for three axes, one for two."""
    return layer.shear if len(layer.shear) == spatial * (spatial - 1) // 2 else None


def arrows_of(transform: SpatialTransform, geometry: Geometry) -> NDArray[np.float32]:
    """Return arrows (N, 2, D) from voxels of a grid to where a transform takes them, in voxels.

    Parameters
    ----------
    transform : SpatialTransform
        From fixed to moving world.
    geometry : Geometry
        The fixed grid. Every slice has arrows; within a large one every few voxels get one.
    """
    step = max(1, int(np.ceil((np.prod(geometry.shape) / _MOST_ARROWS) ** 0.5)))
    steps = [1] * (geometry.ndim - 2) + [step] * 2
    lines = [np.arange((n - 1) % s // 2, n, s) for n, s in zip(geometry.shape, steps, strict=True)]
    index = np.stack(np.meshgrid(*lines, indexing="ij"), -1).reshape(-1, geometry.ndim)
    ends = geometry.world_to_index(transform.apply_to_points(geometry.index_to_world(index)))
    return np.stack([index, ends - index], axis=1).astype(np.float32)
