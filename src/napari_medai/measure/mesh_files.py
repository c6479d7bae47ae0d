"""Meshes on disk: STL, OBJ and PLY, with the frame of their coordinates said in the file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from napari_medai.core.errors import WriteError
from napari_medai.core.files import written_beside
from napari_medai.core.geometry import FloatArray, Unit

Frame: TypeAlias = Literal["LPS", "RAS"]
Faces: TypeAlias = NDArray[np.int64]


def write_triangles(
    vertices: FloatArray, faces: Faces, path: str | Path, *, unit: Unit = "mm", frame: Frame = "LPS"
) -> Path:
    """Write triangles.

    Parameters
    ----------
    vertices : (N, 3) float array
        World positions (x, y, z), LPS.
    faces : (M, 3) int array
        Three vertices each.
    path : str or Path
        Ends in ``.stl`` (binary), ``.obj`` or ``.ply`` (binary).
    unit : {"mm", "pixel"}
        Of the positions, named in the file.
    frame : {"LPS", "RAS"}
        The frame of the coordinates, which the file names as ``SPACE=LPS`` in its header or comment, as
        3D Slicer reads it: x to the patient's left and y to the back, or to the right and front.

    Returns
    -------
    Path
        Where it was written.

    Raises
    ------
    WriteError
        If the suffix is none of the three, or the folder does not exist.
    """
    path = Path(path)
    writer = _WRITERS.get(path.suffix.lower())
    if writer is None:
        raise WriteError(f"Found {path.name}; needed a name that ends in {', '.join(_WRITERS)}.")
    placed = np.asarray(vertices * (1 if frame == "LPS" else [-1, -1, 1]))
    with written_beside(path) as partial:
        partial.write_bytes(writer(placed, faces, f"napari-medai SPACE={frame} UNIT={unit}"))
    return path


def _stl(vertices: FloatArray, faces: Faces, said: str) -> bytes:
    corners = vertices[faces]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-30)
    record = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("spare", "<u2")])
    records = np.zeros(len(faces), record)
    records["normal"], records["corners"] = normals, corners
    header = said.encode("ascii")[:80].ljust(80)
    return header + np.uint32(len(records)).tobytes() + records.tobytes()


def _obj(vertices: FloatArray, faces: Faces, said: str) -> bytes:
    lines = [f"# {said}"]
    lines += [f"v {x:.6f} {y:.6f} {z:.6f}" for x, y, z in vertices.tolist()]
    lines += [f"f {a} {b} {c}" for a, b, c in (faces + 1).tolist()]
    return ("\n".join(lines) + "\n").encode("ascii")


def _ply(vertices: FloatArray, faces: Faces, said: str) -> bytes:
    header = (
        f"ply\nformat binary_little_endian 1.0\ncomment {said}\nelement vertex {len(vertices)}\n"
        "property float x\nproperty float y\nproperty float z\n"
        f"element face {len(faces)}\nproperty list uchar int vertex_indices\nend_header\n"
    )
    records = np.zeros(len(faces), np.dtype([("count", "u1"), ("corners", "<i4", 3)]))
    records["count"], records["corners"] = 3, faces
    return header.encode("ascii") + vertices.astype("<f4").tobytes() + records.tobytes()


_WRITERS: dict[str, Callable[[FloatArray, Faces, str], bytes]] = {".stl": _stl, ".obj": _obj, ".ply": _ply}
