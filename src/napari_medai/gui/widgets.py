"""The dock widgets of the manifest: one panel a group of operations."""

from __future__ import annotations

from napari_medai.gui.landmarking import LandmarksPanel as LandmarksPanel
from napari_medai.gui.panel import GroupPanel
from napari_medai.gui.registering import RegisterPanel as RegisterPanel
from napari_medai.gui.varying import AugmentationPanel as AugmentationPanel


class ExplorePanel(GroupPanel):
    """What an image holds: values, noise, quality, metadata."""

    group = "explore"
    first = "histogram"


class PreprocessPanel(GroupPanel):
    """Bring an image into shape: grid, bias field, intensities, noise."""

    group = "preprocess"
    first = "smooth_gaussian"


class SegmentPanel(GroupPanel):
    """Label what is in an image, with classical methods and trained models."""

    group = "segment"
    first = "predict_labels"


class MeasurePanel(GroupPanel):
    """Numbers of regions, and how well two segmentations agree."""

    group = "measure"
    first = "measure_regions"


class ExplainPanel(GroupPanel):
    """Where a network looked, and whether that can be believed."""

    group = "explain"
    first = "explain_prediction"
