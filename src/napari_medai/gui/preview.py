"""A layer that shows what work under way has so far, and goes when the work is done."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_medai.core.image import MedicalImage
from napari_medai.gui.layers import layers_from_image

if TYPE_CHECKING:
    import napari

LOOK_OF_IMAGES = {"intensity": ("contrast_limits",), "labels": ()}


class Preview:
    """One layer, replaced by each newer picture; what is selected stays selected.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Where it is shown.
    name : str
        What the layer is called; by default as each picture is.
    """

    def __init__(self, viewer: napari.viewer.Viewer, name: str = "") -> None:
        self.viewer, self.name = viewer, name
        self._layer: Any = None
        self._shown: MedicalImage | None = None

    def shows(self, layer: Any) -> bool:
        """Whether a layer is this preview."""
        return layer is self._layer

    def show(self, picture: MedicalImage | None) -> None:
        """Show a picture unless it is shown already."""
        if picture is None or picture is self._shown:
            return
        from napari.layers import Layer

        layers = self.viewer.layers
        selected = layers.selection.active
        old = self._layer if self._layer in layers else None
        self._shown = picture
        self._layer = Layer.create(*layers_from_image(picture.replace(name=self.name or picture.name))[0])
        if old is not None:
            for look in ("visible", "opacity", "colormap", *LOOK_OF_IMAGES[picture.kind]):
                setattr(self._layer, look, getattr(old, look))
            layers.remove(old)
        layers.append(self._layer)
        if selected in layers:
            layers.selection.active = selected

    def remove(self) -> None:
        """Take the layer away."""
        if self._layer is not None and self._layer in self.viewer.layers:
            self.viewer.layers.remove(self._layer)
        self._layer = self._shown = None
