"""The dock widgets of the manifest: one panel a group of operations."""

from __future__ import annotations

from napari_medai.gui.panel import GroupPanel


class PreprocessPanel(GroupPanel):
    """Bring an image into shape: grid, bias field, intensities, noise."""

    group = "preprocess"


class SegmentPanel(GroupPanel):
    """Label what is in an image, with classical methods and trained models."""

    group = "segment"


class MeasurePanel(GroupPanel):
    """Numbers of regions, and how well two segmentations agree."""

    group = "measure"
