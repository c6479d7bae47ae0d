"""Meshes as napari Surface layers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_medai.measure.mesh import Mesh

LayerData = tuple[Any, dict[str, Any], str]


def layer_from_mesh(mesh: Mesh, name: str) -> LayerData:
    """Turn a mesh into a Surface layer.

    Parameters
    ----------
    mesh : Mesh
        World positions (x, y, z); the layer holds them as (z, y, x), its triangles the other way
        round, so that they still face outwards.
    name : str
        What the layer is called.
    """
    arguments = {
        "name": name,
        "units": (mesh.unit,) * 3,
        "axis_labels": ("z", "y", "x"),
        "shading": "smooth",
    }
    return (mesh.vertices[:, ::-1], mesh.faces[:, ::-1]), arguments, "surface"
