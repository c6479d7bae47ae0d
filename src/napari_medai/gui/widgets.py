"""The dock widgets of the manifest that show operations: one panel a group."""

from __future__ import annotations

from napari_medai.gui.explanations.panel import ExplainPanel as ExplainPanel
from napari_medai.gui.landmarks.panel import LandmarksPanel as LandmarksPanel
from napari_medai.gui.panel import GroupPanel
from napari_medai.gui.registration.panel import RegisterPanel as RegisterPanel
from napari_medai.gui.segmentation.panel import SegmentPanel as SegmentPanel
from napari_medai.gui.training.augmentation import AugmentationPanel as AugmentationPanel


class ExplorePanel(GroupPanel):
    """What an image holds: values, noise, quality, metadata."""

    group = "explore"
    first = "histogram"


class PreprocessPanel(GroupPanel):
    """Bring an image into shape: grid, bias field, intensities, noise."""

    group = "preprocess"
    first = "smooth_gaussian"


class MeasurePanel(GroupPanel):
    """Numbers of regions, and how well two segmentations agree."""

    group = "measure"
    first = "measure_regions"
