"""How a map is made: by which method, at which layers, over which windows."""

from __future__ import annotations

from dataclasses import dataclass

from napari_medai.explain.layers import Layer


@dataclass(frozen=True)
class Way:
    """How a map is made.

    Parameters
    ----------
    method : str
        One of ``Method``.
    layers : tuple of Layer
        Where the network is looked at; none for a method that looks at the input.
    overlap : float
        The share of a window that the next one covers again.
    device : str
        Where the network runs.
    """

    method: str
    layers: tuple[Layer, ...] = ()
    overlap: float = 0.5
    device: str = "cpu"
