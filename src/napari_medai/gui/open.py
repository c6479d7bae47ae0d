"""Open the viewer with images and the Segment panel.

Run as ``python -m napari_medai.gui.open [SAMPLE or PATH ...]``.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import napari

PLUGIN = "napari-medai"
FIRST_SAMPLE = "ct-torso"


def main(arguments: Sequence[str] | None = None) -> None:
    """Open the viewer and stay until it is closed.

    Parameters
    ----------
    arguments : sequence of str, optional
        Names of samples, or paths; those of the process by default, the CT phantom where there are none.
    """
    import napari

    given = sys.argv[1:] if arguments is None else arguments
    viewer = napari.Viewer()
    fill(viewer, list(given) or [FIRST_SAMPLE])
    napari.run()


def fill(viewer: napari.viewer.Viewer, names: Sequence[str]) -> None:
    """Show samples and files, and dock the Segment panel.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Where.
    names : sequence of str
        Names of samples, or paths.
    """
    from napari_medai.phantoms.samples import SAMPLES

    for name in names:
        if name in SAMPLES:
            viewer.open_sample(PLUGIN, name)
        else:
            viewer.open(name, plugin=PLUGIN)
    viewer.window.add_plugin_dock_widget(PLUGIN, "Segment")


if __name__ == "__main__":
    main()
