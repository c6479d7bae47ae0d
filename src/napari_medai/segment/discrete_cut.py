"""The exact cheapest cut of a voxel graph, by SciPy's maximum flow or, where it is installed, PyMaxflow's."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_medai.core.geometry import FloatArray
from napari_medai.preprocess.arrays import FloatVolume
from napari_medai.preprocess.check import BoolArray

Solver = Literal["scipy", "pymaxflow"]
MOST_NODES: dict[str, int] = {"scipy": 400_000, "pymaxflow": 50_000_000}
"""How many voxels each solver is given."""

_SCALE = 1000


def usable(solver: Solver) -> Solver:
    """Return the solver that was asked for, or SciPy's where that is not installed."""
    return "scipy" if solver == "pymaxflow" and find_spec("maxflow") is None else solver


def discrete_cut(
    volume: FloatVolume, costs: FloatVolume, spacing: FloatArray, smoothness: float, solver: Solver = "scipy"
) -> BoolArray:
    """Return where the first label is.

    Parameters
    ----------
    volume : ndarray of float32
        Intensities; alike neighbours are dear to part.
    costs : (2, *shape) ndarray
        Cost of each label at each voxel.
    spacing : (D,) ndarray
        Voxel size.
    smoothness : float
        How much the border counts.
    solver : {"scipy", "pymaxflow"}
        Both find the cheapest cut; where several are as cheap, they may take different ones.
    """
    nodes = np.arange(volume.size).reshape(volume.shape)
    faces = _neighbours(volume, nodes, spacing, smoothness)
    flat = np.rint(np.minimum(costs.reshape(2, -1), 1e4) * _SCALE).astype(np.int32)
    solve = _by_pymaxflow if solver == "pymaxflow" else _by_scipy
    return solve(faces, flat).reshape(volume.shape)


def _by_scipy(faces: tuple[Any, Any, Any], flat: NDArray[np.int32]) -> BoolArray:
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import breadth_first_order, maximum_flow

    count = flat.shape[1]
    source, sink, every = count, count + 1, np.arange(count)
    rows, columns, capacities = faces
    # A voxel left on the source's side takes the first label and pays its cost through the sink.
    row = np.concatenate([rows, columns, np.full(count, source), every])
    column = np.concatenate([columns, rows, every, np.full(count, sink)])
    capacity = np.concatenate([capacities, capacities, flat[1], flat[0]])
    size = count + 2
    graph = coo_array((capacity, (row, column)), shape=(size, size)).tocsr().astype(np.int32)
    flow = maximum_flow(graph, source, sink).flow
    rest = (graph - flow).tocsr()
    rest.data[rest.data < 0] = 0
    rest.eliminate_zeros()
    reached = breadth_first_order(rest, source, return_predecessors=False)
    result = np.zeros(size, dtype=bool)
    result[reached] = True
    return np.asarray(result[:count])


def _by_pymaxflow(faces: tuple[Any, Any, Any], flat: NDArray[np.int32]) -> BoolArray:
    import maxflow

    rows, columns, capacities = faces
    graph = maxflow.Graph[int](flat.shape[1], len(rows))
    nodes = graph.add_grid_nodes((flat.shape[1],))
    graph.add_edges(rows, columns, capacities, capacities)
    graph.add_grid_tedges(nodes, flat[1], flat[0])
    graph.maxflow()
    return ~np.asarray(graph.get_grid_segments(nodes))


def _neighbours(
    volume: FloatVolume, nodes: NDArray[np.intp], spacing: FloatArray, smoothness: float
) -> tuple[Any, Any, Any]:
    """Return the pairs of neighbours along each axis, and what it costs to part them."""
    steps = spacing / spacing.min()
    scale = float(
        np.mean([np.mean(np.diff(volume, axis=k) ** 2) for k in range(volume.ndim) if volume.shape[k] > 1])
    )
    rows, columns, capacities = [], [], []
    for axis, step in enumerate(steps):
        ahead = (*[slice(None)] * axis, slice(1, None))
        behind = (*[slice(None)] * axis, slice(None, -1))
        likeness = np.exp(-(np.diff(volume, axis=axis) ** 2) / (2 * (scale or 1.0)))
        # The face between two voxels shrinks as they stand farther apart, seen per unit of volume.
        capacity = np.rint(_SCALE * smoothness * likeness / step).astype(np.int32)
        rows.append(nodes[behind].ravel())
        columns.append(nodes[ahead].ravel())
        capacities.append(capacity.ravel())
    return np.concatenate(rows), np.concatenate(columns), np.concatenate(capacities)
