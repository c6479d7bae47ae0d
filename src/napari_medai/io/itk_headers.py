"""What the header of an NRRD or MetaImage says, looked at before ITK reads it."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from napari_medai.core.errors import ReadError
from napari_medai.io.files import Source

_PLAIN_NAME = re.compile(rb"[^%\x00-\x1f]{1,255}")
_NUMBERED_NAMES = re.compile(rb"[^%\s]{0,200}%0?\d{0,2}d[^%\s]{0,50}(\s+\d{1,6}){2,3}")


def header_text(path: Path) -> bytes:
    """Return the first 64 KB of a file, where the header of these formats stands."""
    with path.open("rb") as stream:
        return stream.read(1 << 16)


def refuse_strange_voxel_file(source: Source) -> None:
    """Refuse a MetaImage with more axes than ITK ends with, or a voxel file whose name breaks its memory.

    ITK takes a name with a per cent sign as a pattern for C's ``printf`` and does not check it: any other
    pattern than that of one number ends the whole program.
    """
    if source.format != "metaimage":
        return
    for found in re.finditer(rb"NDims\s*[=:][ \t]*([^\n]*)", header_text(source.path)):
        if not re.fullmatch(rb"0*[1-9]", found[1].strip()):
            raise ReadError(
                f"{source.shown} is a damaged MetaImage file: NDims is {found[1].strip()[:40]!r}.",
                hint="Copy the file again.",
            )
    for found in re.finditer(rb"ElementDataFile\s*[=:][ \t]*([^\n]*)", header_text(source.path)):
        name = found[1].strip()
        if not (_PLAIN_NAME.fullmatch(name) or _NUMBERED_NAMES.fullmatch(name)):
            raise ReadError(
                f"{source.shown} names its voxel file in a way that is no name: {name[:40]!r}.",
                hint="Needed: LOCAL, a file name, or a pattern as in slice%03d.raw 1 20 1.",
            )


def refuse_shear_lost(source: Source) -> None:
    """Refuse an NRRD whose axes are not at right angles: ITK would straighten them without a word."""
    if source.format != "nrrd":
        return
    line = re.search(rb"(?m)^space directions:(.*)$", header_text(source.path))
    vectors = re.findall(rb"\(([^)]*)\)", line[1]) if line else []
    try:
        steps = np.array([[float(v) for v in vector.split(b",")] for vector in vectors])
    except ValueError:
        return
    if len(steps) < 2 or not np.all(np.isfinite(steps)):
        return
    lengths = np.linalg.norm(steps, axis=1, keepdims=True)
    if not np.all(lengths > 0):
        raise ReadError(
            f"{source.shown} states a step of no length between its voxels.",
            hint="Save it again with the program it came from.",
        )
    units = steps / lengths
    if np.abs(units @ units.T - np.eye(len(units))).max() > 1e-4:
        raise ReadError(
            f"{source.shown} holds axes not at right angles, which its reader (ITK) would straighten.",
            hint="Save it as .nii.gz, which holds such grids, and read that.",
        )
