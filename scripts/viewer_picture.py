"""Take the README's picture of the viewer: the CT phantom, and its organs as the shipped model sees them.

Run on a display: ``scripts/with-display.sh python scripts/viewer_picture.py docs/images/viewer.png``.
"""

from __future__ import annotations

import sys
import time

import napari
from qtpy.QtCore import QEventLoop
from qtpy.QtWidgets import QApplication

PLUGIN = "napari-medai"
SIZE = (1360, 960)
SLICE_MM = -65.0


def main() -> None:
    """Open, segment, measure, take the picture."""
    viewer = napari.Viewer()
    viewer.window.resize(*SIZE)
    viewer.open_sample(PLUGIN, "ct-torso")
    viewer.layers.remove("ct torso labels")
    dock, segment = viewer.window.add_plugin_dock_widget(PLUGIN, "Segment")
    run(segment, "predict_labels")
    _, measure = viewer.window.add_plugin_dock_widget(PLUGIN, "Measure", tabify=True)
    run(measure, "measure_regions", percentiles=(), shape=False)
    dock.raise_()
    viewer.dims.set_point(0, SLICE_MM)
    settle()
    viewer.screenshot(sys.argv[1], canvas_only=False, flash=False)
    viewer.close()


def run(panel: object, name: str, **options: object) -> None:
    """Press Run and wait."""
    panel.choose(name)
    panel.form.set_values(options)
    loop = QEventLoop()
    panel.runner.finished.connect(loop.quit)
    panel.run_button.click()
    loop.exec()


def settle() -> None:
    """Let the window draw itself."""
    for _ in range(30):
        QApplication.processEvents()
        time.sleep(0.02)


if __name__ == "__main__":
    main()
