"""The panel that shows how a training would vary an image."""

from __future__ import annotations

from napari_medai import catalog
from napari_medai.core.operation import Operation
from napari_medai.gui.panel import GroupPanel


class AugmentationPanel(GroupPanel):
    """Samples of an image as a training would vary it, before one learns from such."""

    group = "train"
    first = "preview_augmentation"

    @classmethod
    def offered(cls) -> tuple[Operation, ...]:
        """Return the one operation of its group that is about varying; Register has the others."""
        return (catalog.find(cls.first),)
