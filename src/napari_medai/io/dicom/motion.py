"""Mosaics whose place follows the patient's head, volume by volume."""

from __future__ import annotations

import numpy as np

from napari_medai.core.geometry import FloatArray
from napari_medai.io.dicom.stack import Stack

_LARGEST_MOTION_MM = 15.0


def moved_together(stacks: list[Stack], name: str) -> list[Stack]:
    """Put single volumes of mosaics that follow the head into one image, and say how far they moved.

    Parameters
    ----------
    stacks : list of Stack
        The images of one series.
    name : str
        Its name, for the notice.

    Returns
    -------
    list of Stack
        One, if all are single mosaics of one size that lie within 15 mm of each other; else as they came.
    """
    shapes = {(s.first.rows, s.first.columns, len(s.volumes[0])) for s in stacks}
    mosaics = all(s.first.tile is not None and len(s.volumes) == 1 and s.is_placed for s in stacks)
    if len(stacks) < 2 or len(shapes) > 1 or not mosaics:
        return stacks
    ordered = sorted(stacks, key=lambda s: (s.first.moments.get("instance", 0.0), s.header.shown))
    centres = np.array([_centre(stack) for stack in ordered])
    moved = float(np.linalg.norm(centres - centres[0], axis=1).max())
    if moved > _LARGEST_MOTION_MM:
        return stacks
    notice = (
        f"{name}: the scanner moved its slices along with the head, by up to {moved:.2f} mm; "
        "all volumes are shown at the place of the first."
    )
    volumes = tuple(stack.volumes[0] for stack in ordered)
    return [Stack(volumes, name, {"axis": "time"}, (*ordered[0].notices, notice))]


def _centre(stack: Stack) -> FloatArray:
    """Return the middle of a volume, so that a turn about it counts for little."""
    first, last = stack.volumes[0][0], stack.volumes[0][-1]
    assert first.position is not None
    assert last.position is not None
    assert first.plane is not None
    assert first.spacing is not None
    half = np.array([first.columns * first.spacing[1], first.rows * first.spacing[0]]) / 2
    return np.asarray((first.position + last.position) / 2 + half @ first.plane)
