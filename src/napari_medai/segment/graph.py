"""Operations that find the cheapest cut between painted strokes, or around a box."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

import numpy as np
from annotated_types import Interval
from numpy.typing import NDArray

from napari_medai.core.boxes import Boxes
from napari_medai.core.errors import ArgumentError
from napari_medai.core.geometry import FloatArray
from napari_medai.core.image import MedicalImage
from napari_medai.core.operation import Advanced, IntensityImage, LabelsImage, operation
from napari_medai.core.progress import Progress, part, silent
from napari_medai.preprocess.arrays import FloatVolume, as_float, grey, labels_image
from napari_medai.preprocess.background import in_background
from napari_medai.preprocess.check import BoolArray, require_contrast, require_finite
from napari_medai.segment.energy import edge_weights, stroke_costs
from napari_medai.segment.maxflow import continuous_cut
from napari_medai.segment.seeds import require_one_volume
from napari_medai.segment.strokes import check_strokes, names_of

_MAX_NODES = 400_000
_SCALE = 1000
Smoothness = Annotated[float, Interval(ge=0, le=100)]


@operation(group="segment", title="Graph cut from strokes")
def graph_cut(
    image: IntensityImage,
    strokes: LabelsImage,
    *,
    smoothness: Smoothness = 1.0,
    progress: Progress = silent,
) -> MedicalImage:
    """Find the exact cheapest cut between two painted labels (max-flow on the voxel graph).

    Parameters
    ----------
    image : MedicalImage
        2-D or 3-D, without time or channels, up to 400,000 voxels; of a colour image the luminance is
        taken. For larger ones use ``cut_continuous``.
    strokes : MedicalImage
        Exactly two painted labels on the same grid.
    smoothness : float
        How much the border's area counts beside the likelihood of the intensities.
    progress : Progress
        Hears reports while it works.

    Returns
    -------
    MedicalImage
        Every voxel with one of the two numbers.

    Raises
    ------
    ArgumentError
        If not exactly two labels are painted, the image is too large, constant or not finite.
    GeometryError
        If the strokes lie on another grid.

    References
    ----------
    Boykov and Jolly 2001, Interactive graph cuts for optimal boundary and region segmentation,
    doi 10.1109/ICCV.2001.937505.
    """
    image = grey(image)
    painted = check_strokes(image, strokes, "graph_cut", exactly=2)
    volume = as_float(np.asarray(image.array))
    if volume.size > _MAX_NODES:
        raise ArgumentError(
            f"graph_cut: found {volume.size} voxels; needed {_MAX_NODES} or fewer.",
            hint="Crop the image first, or use cut_continuous.",
        )
    first, second = (int(n) for n in np.unique(painted) if n != 0)
    costs = stroke_costs(volume, painted)
    spacing = image.geometry.spacing
    inside = in_background(lambda: _discrete_cut(volume, costs, spacing, smoothness), progress, "Graph cut")
    return labels_image(image, np.where(inside, first, second), names_of(strokes))


@operation(group="segment", title="Convex cut from strokes")
def cut_continuous(
    image: IntensityImage,
    strokes: LabelsImage,
    *,
    smoothness: Smoothness = 1.0,
    iterations: Annotated[int, Interval(ge=1, le=2000), Advanced()] = 150,
    progress: Progress = silent,
) -> MedicalImage:
    """Find the cheapest cut between painted labels by continuous max-flow, without grid bias.

    Parameters
    ----------
    image : MedicalImage
        2-D or 3-D, without time or channels; of a colour image the luminance is taken.
    strokes : MedicalImage
        Two or more painted labels on the same grid.
    smoothness : float
        How much the border's area counts beside the likelihood of the intensities.
    iterations : int
        At most so many steps.
    progress : Progress
        Hears one report a step and label.

    Returns
    -------
    MedicalImage
        Every voxel with the number of a stroke.

    Raises
    ------
    ArgumentError
        If fewer than two labels are painted, or the image is constant or not finite.
    GeometryError
        If the strokes lie on another grid.

    References
    ----------
    Yuan et al. 2010, A continuous max-flow approach to Potts model, doi 10.1007/978-3-642-15567-3_28.
    """
    image = grey(image)
    painted = check_strokes(image, strokes, "cut_continuous")
    volume = as_float(np.asarray(image.array))
    numbers = np.array([n for n in np.unique(painted) if n != 0])
    border = edge_weights(volume) * np.float32(smoothness)
    relaxed = continuous_cut(
        stroke_costs(volume, painted), border, image.geometry.spacing, iterations, progress
    )
    return labels_image(image, numbers[relaxed.argmax(axis=0)], names_of(strokes))


@operation(group="segment", title="Cut out of a box (GrabCut)")
def cut_from_box(
    image: IntensityImage,
    boxes: Boxes,
    *,
    smoothness: Smoothness = 1.0,
    rounds: Annotated[int, Interval(ge=1, le=20)] = 4,
    components: Annotated[int, Interval(ge=1, le=10), Advanced()] = 3,
    seed: int = 0,
    progress: Progress = silent,
) -> MedicalImage:
    """Find the object in a box: learn how object and ground look, cut, and learn again.

    Parameters
    ----------
    image : MedicalImage
        2-D or 3-D, without time or channels; of a colour picture all colours count.
    boxes : Boxes
        World boxes; all outside them is ground. Each should have some ground around its object.
    smoothness : float
        How much the border's area counts beside the likelihood of the intensities.
    rounds : int
        How often it is learnt and cut.
    components : int
        Gaussians by which object and ground are described.
    seed : int
        Of the Gaussians' random start.
    progress : Progress
        Hears one report a step.

    Returns
    -------
    MedicalImage
        Labels, 1 in the object.

    Raises
    ------
    ArgumentError
        If there is no box, it holds nothing or everything, or the image is constant or not finite.

    References
    ----------
    Rother, Kolmogorov and Blake 2004, GrabCut, doi 10.1145/1015706.1015720.
    """
    flat = grey(image)
    require_one_volume(flat, "cut_from_box")
    require_finite(image, "cut_from_box")
    require_contrast(np.asarray(image.array), "cut_from_box")
    window = _box_mask(flat, boxes)
    values = as_float(np.asarray(image.array))
    samples = values[..., :3] if image.is_rgb else values[..., None]
    border = edge_weights(as_float(np.asarray(flat.array))) * np.float32(smoothness)
    inside = window
    for k in range(rounds):
        report = part(progress, k / rounds, (k + 1) / rounds, f"Round {k + 1}")
        learn = partial(_mixture_costs, samples, inside, window, components, seed)
        costs = in_background(learn, part(report, 0, 0.3), "Learning")
        cut = continuous_cut(costs, border, flat.geometry.spacing, 60, part(report, 0.3, 1))
        found = (cut[1] > cut[0]) & window
        if not found.any() or np.array_equal(found, inside):
            break
        inside = found
    return labels_image(flat, inside, {1: "object"})


def _discrete_cut(
    volume: FloatVolume, costs: FloatVolume, spacing: FloatArray, smoothness: float
) -> BoolArray:
    """Return where the first label is, by maximum flow with whole capacities."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import breadth_first_order, maximum_flow

    nodes = np.arange(volume.size).reshape(volume.shape)
    source, sink = volume.size, volume.size + 1
    rows, columns, capacities = _neighbours(volume, nodes, spacing, smoothness)
    flat = np.rint(np.minimum(costs.reshape(2, -1), 1e4) * _SCALE).astype(np.int32)
    every = nodes.ravel()
    # A voxel left on the source's side takes the first label and pays its cost through the sink.
    row = np.concatenate([rows, columns, np.full(volume.size, source), every])
    column = np.concatenate([columns, rows, every, np.full(volume.size, sink)])
    capacity = np.concatenate([capacities, capacities, flat[1], flat[0]])
    size = volume.size + 2
    graph = coo_array((capacity, (row, column)), shape=(size, size)).tocsr().astype(np.int32)
    flow = maximum_flow(graph, source, sink).flow
    rest = (graph - flow).tocsr()
    rest.data[rest.data < 0] = 0
    rest.eliminate_zeros()
    reached = breadth_first_order(rest, source, return_predecessors=False)
    result = np.zeros(size, dtype=bool)
    result[reached] = True
    return np.asarray(result[: volume.size].reshape(volume.shape))


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


def _box_mask(image: MedicalImage, boxes: Boxes) -> BoolArray:
    """Return the voxels whose centres lie in a box."""
    if not len(boxes):
        raise ArgumentError("cut_from_box: found no box; needed one around the object.")
    if boxes.lower.shape[1] != image.spatial_ndim:
        raise ArgumentError(
            f"cut_from_box: found boxes in {boxes.lower.shape[1]}-D for a {image.spatial_ndim}-D image."
        )
    places = image.geometry.index_to_world(np.moveaxis(np.indices(image.spatial_shape), 0, -1))
    window = np.zeros(image.spatial_shape, dtype=bool)
    for low, high in zip(boxes.lower, boxes.upper, strict=True):
        window |= np.all((places >= low) & (places <= high), axis=-1)
    if not window.any() or window.all():
        raise ArgumentError(
            f"cut_from_box: the boxes hold {'nothing' if not window.any() else 'the whole image'}.",
            hint="Draw a box around the object that leaves some ground outside.",
        )
    return window


def _mixture_costs(
    samples: FloatVolume, inside: BoolArray, window: BoolArray, components: int, seed: int
) -> FloatVolume:
    """Return the cost (2, *shape) of ground and object from a Gaussian mixture of each."""
    from sklearn.mixture import GaussianMixture

    rng = np.random.default_rng(seed)
    costs = np.empty((2, *window.shape), dtype=np.float32)
    flat = samples.reshape(-1, samples.shape[-1])
    for k, region in enumerate((~inside, inside)):
        rows = samples[region]
        rows = rows[rng.choice(len(rows), min(len(rows), 20_000), replace=False)]
        model = GaussianMixture(
            min(components, len(rows)), random_state=seed, reg_covar=1e-3 * float(flat.var())
        )
        costs[k] = -model.fit(rows).score_samples(flat).reshape(window.shape)
    costs -= costs.min(axis=0)
    costs = np.minimum(costs, 20)
    costs[1][~window], costs[0][~window] = 1e3, 0
    return costs
