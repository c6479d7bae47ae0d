"""Meshes on disk: STL, OBJ and PLY, with the frame of their coordinates said in the file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_medai.core.errors import WriteError
from napari_medai.core.geometry import FloatArray

if TYPE_CHECKING:
    from napari_medai.measure.mesh import Frame, Mesh


def write_mesh(mesh: Mesh, path: str | Path, frame: Frame = "LPS") -> Path:
    """Write a mesh.

    Parameters
    ----------
    mesh : Mesh
        What to write.
    path : str or Path
        Ends in ``.stl`` (binary), ``.obj`` or ``.ply`` (binary).
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
    if not path.parent.is_dir():
        raise WriteError(f"The folder of {path.name} does not exist.", hint="Make it first.")
    vertices = mesh.vertices * (1 if frame == "LPS" else [-1, -1, 1])
    path.write_bytes(writer(mesh, np.asarray(vertices), f"napari-medai SPACE={frame} UNIT={mesh.unit}"))
    return path


def _stl(mesh: Mesh, vertices: FloatArray, said: str) -> bytes:
    corners = vertices[mesh.faces]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-30)
    record = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("spare", "<u2")])
    records = np.zeros(len(mesh.faces), record)
    records["normal"], records["corners"] = normals, corners
    header = said.encode("ascii")[:80].ljust(80)
    return header + np.uint32(len(records)).tobytes() + records.tobytes()


def _obj(mesh: Mesh, vertices: FloatArray, said: str) -> bytes:
    lines = [f"# {said}"]
    lines += [f"v {x:.6f} {y:.6f} {z:.6f}" for x, y, z in vertices.tolist()]
    lines += [f"f {a} {b} {c}" for a, b, c in (mesh.faces + 1).tolist()]
    return ("\n".join(lines) + "\n").encode("ascii")


def _ply(mesh: Mesh, vertices: FloatArray, said: str) -> bytes:
    header = (
        f"ply\nformat binary_little_endian 1.0\ncomment {said}\nelement vertex {len(vertices)}\n"
        "property float x\nproperty float y\nproperty float z\n"
        f"element face {len(mesh.faces)}\nproperty list uchar int vertex_indices\nend_header\n"
    )
    faces = np.zeros(len(mesh.faces), np.dtype([("count", "u1"), ("corners", "<i4", 3)]))
    faces["count"], faces["corners"] = 3, mesh.faces
    return header.encode("ascii") + vertices.astype("<f4").tobytes() + faces.tobytes()


_WRITERS: dict[str, Callable[[Mesh, FloatArray, str], bytes]] = {".stl": _stl, ".obj": _obj, ".ply": _ply}
