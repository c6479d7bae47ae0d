"""Grey level run lengths: how many voxels of one level follow each other along a direction."""

from __future__ import annotations

import numpy as np

from napari_medai.measure.radiomics.directions import neighbours
from napari_medai.measure.radiomics.matrices import Stack, tabulate
from napari_medai.measure.radiomics.roi import IntArray, Levels


def run_lengths(levels: Levels, planar: bool) -> Stack:
    """Count runs by level and length, direction by direction."""
    padded = np.pad(levels.grid, 1)
    flat = padded.reshape(-1)
    strides = np.array(padded.strides) // padded.itemsize
    runs = [_runs(flat, int(np.dot(direction, strides))) for direction in neighbours(planar)]
    return tabulate([level for level, _ in runs], [length for _, length in runs], levels.count, levels.voxels)


def _runs(flat: IntArray, step: int) -> tuple[IntArray, IntArray]:
    """Return the level and length of every run; the padding of zeros ends runs at the array's rim."""
    inside = np.flatnonzero(flat)
    position = inside[flat[inside] != flat[inside - step]]
    level = flat[position]
    length = np.ones(len(position), dtype=np.int64)
    growing = np.arange(len(position))
    while len(growing):
        position = position + step
        same = flat[position] == level[growing]
        growing, position = growing[same], position[same]
        length[growing] += 1
    return level, length
