"""The landmark panel: the operations of its group, and the tools to look through points."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_medai.gui.landmarks.review import LandmarkReview
from napari_medai.gui.panel import GroupPanel

if TYPE_CHECKING:
    import napari


class LandmarksPanel(GroupPanel):
    """Find anatomical points, correct them, measure with them."""

    group = "landmarks"
    first = "detect_landmarks"

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__(viewer)
        self.review = LandmarkReview(viewer, self)
        layout = self.layout()
        if layout is not None:
            layout.addWidget(self.review)
