"""The panel that shows how a training would vary an image."""

from __future__ import annotations

from napari_medai.gui.panel import GroupPanel


class AugmentationPanel(GroupPanel):
    """Samples of an image as a training would vary it, before one learns from such."""

    group = "train"
    first = "preview_augmentation"
