"""Operations that find the cheapest cut between painted strokes, or around a box."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import numpy as np
from annotated_types import Interval

from napari_medai.core.boxes import Boxes
from napari_medai.core.errors import ArgumentError
from napari_medai.core.image import MedicalImage
from napari_medai.core.operation import Advanced, IntensityImage, LabelsImage, operation
from napari_medai.core.progress import Progress, part, silent
from napari_medai.preprocess.arrays import FloatVolume, as_float, grey, labels_image
from napari_medai.preprocess.background import in_background
from napari_medai.preprocess.check import BoolArray, require_contrast, require_finite
from napari_medai.segment.discrete_cut import MOST_NODES, Solver, discrete_cut, usable
from napari_medai.segment.energy import edge_weights, stroke_costs
from napari_medai.segment.maxflow import continuous_cut
from napari_medai.segment.seeds import require_one_volume
from napari_medai.segment.strokes import check_strokes, names_of

_NO_PYMAXFLOW = (
    "PyMaxflow is not installed, so SciPy's max-flow found the cut: pip install 'napari-medai[gpl]' (GPL)."
)
Smoothness = Annotated[float, Interval(ge=0, le=100)]


@operation(group="segment", title="Graph cut from strokes")
def graph_cut(
    image: IntensityImage,
    strokes: LabelsImage,
    *,
    smoothness: Smoothness = 1.0,
    solver: Annotated[Solver, Advanced()] = "scipy",
    progress: Progress = silent,
) -> MedicalImage:
    """Find the exact cheapest cut between two painted labels (max-flow on the voxel graph).

    Parameters
    ----------
    image : MedicalImage
        2-D or 3-D, without time or channels, up to 400,000 voxels (50 million with PyMaxflow); of a colour
        image the luminance is taken. For larger ones use ``cut_continuous``.
    strokes : MedicalImage
        Exactly two painted labels on the same grid.
    smoothness : float
        How much the border's area counts beside the likelihood of the intensities.
    solver : {"scipy", "pymaxflow"}
        SciPy's maximum flow, or that of PyMaxflow, which is faster and under the GPL: install the extra
        ``napari-medai[gpl]``. Without it SciPy's is taken, and a notice says so; the cut costs the same.
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
    solved = usable(solver)
    if volume.size > MOST_NODES[solved]:
        raise ArgumentError(
            f"graph_cut: found {volume.size} voxels; needed {MOST_NODES[solved]} or fewer.",
            hint="Crop the image first, use cut_continuous, or solver pymaxflow (napari-medai[gpl]).",
        )
    first, second = (int(n) for n in np.unique(painted) if n != 0)
    costs = stroke_costs(volume, painted)
    spacing = image.geometry.spacing
    work = partial(discrete_cut, volume, costs, spacing, smoothness, solved)
    inside = in_background(work, progress, "Graph cut")
    notices = [*image.meta.get("notices", ()), *([] if solved == solver else [_NO_PYMAXFLOW])]
    array = np.where(inside, first, second)
    return labels_image(image, array, names_of(strokes), **({"notices": notices} if notices else {}))


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
