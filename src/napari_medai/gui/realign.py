"""The offer that follows a refusal: bring the layer that lies on another grid onto the image's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from qtpy.QtWidgets import QPushButton, QWidget

from napari_medai.core.errors import GridError, MedAIError
from napari_medai.gui.facts import kind_of
from napari_medai.gui.layers import image_of


@dataclass(frozen=True)
class Misfit:
    """A chosen layer that lies on another grid than it has to.

    Parameters
    ----------
    name : str
        The input for which it was chosen.
    layer, like : napari layer
        It, and the layer whose grid is needed.
    """

    name: str
    layer: Any
    like: Any


def find_misfit(error: MedAIError, layers: Mapping[str, Any]) -> Misfit | None:
    """Find the two layers that a refusal is about.

    Parameters
    ----------
    error : MedAIError
        What was said.
    layers : mapping
        From an input's name to what was chosen for it.
    """
    if not isinstance(error, GridError):
        return None
    images = {name: one for name, one in layers.items() if kind_of(one) in ("image", "labels")}
    grids = {name: image_of(one).geometry for name, one in images.items()}
    like = next((name for name, grid in grids.items() if grid.is_close(error.wanted)), None)
    off = next((name for name, grid in grids.items() if grid.is_close(error.found)), None)
    return Misfit(off, images[off], images[like]) if like and off else None


class RealignButton(QPushButton):
    """Shown while there is a layer to bring onto another one's grid."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.misfit: Misfit | None = None
        self.offer(None)

    def offer(self, misfit: Misfit | None) -> None:
        """Offer to mend a misfit, or nothing."""
        self.misfit = misfit
        self.setVisible(misfit is not None)
        if misfit is not None:
            self.setText(f"Resample {misfit.layer.name} onto {misfit.like.name}")
            self.setToolTip("Makes a new layer on the image's grid and chooses it; labels stay labels")
