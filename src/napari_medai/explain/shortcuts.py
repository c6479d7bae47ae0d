"""A network that is right for the wrong reason, made on purpose, and whether its map gives it away."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from annotated_types import Interval
from numpy.typing import NDArray

from napari_medai.core.image import MedicalImage
from napari_medai.core.operation import Advanced, operation
from napari_medai.core.progress import Progress, silent
from napari_medai.core.progress import part as share
from napari_medai.explain.check.hits import points_inside
from napari_medai.explain.learner import teach
from napari_medai.explain.methods import LayerMethod
from napari_medai.explain.prediction import explain_prediction
from napari_medai.models.model import Model
from napari_medai.models.spec import ModelSpec
from napari_medai.models.whole import image_scores, prepare_whole
from napari_medai.phantoms.lesions import LESION_SHAPES, LESION_SPACING, tissue_with_lesion

if TYPE_CHECKING:
    from pandas import DataFrame

FIRST_TRAINED, FIRST_TRIED = 5000, 9000
LESION, TAG = 1, 2
Pair = tuple[MedicalImage, MedicalImage]


@dataclass(frozen=True, eq=False)
class ShortcutProbe:
    """What was found, and one image with its map.

    Parameters
    ----------
    table : pandas.DataFrame
        One row a network. Columns: network, right with tags, right without tags, map points to tag,
        map points to lesion (shares of the images, 0 to 1), images.
    image : MedicalImage
        A tagged image that no network was trained on.
    labels : MedicalImage
        1 its lesion, 2 its tag.
    map : MedicalImage
        Where the network that was trained with tags looked.
    honest_map : MedicalImage, optional
        Where the one that was trained without tags looked, where such a model ships.
    """

    table: DataFrame
    image: MedicalImage
    labels: MedicalImage
    map: MedicalImage
    honest_map: MedicalImage | None


@operation(group="explain", title="Show what a shortcut does")
def find_shortcuts(
    *,
    dimensions: Literal["2-D", "3-D"] = "2-D",
    method: LayerMethod = "grad_cam",
    cases: Annotated[int, Interval(ge=2, le=500)] = 40,
    steps: Annotated[int, Interval(ge=1, le=20_000), Advanced()] = 200,
    training_cases: Annotated[int, Interval(ge=4, le=5000), Advanced()] = 300,
    seed: Annotated[int, Interval(ge=0, le=2**31 - 1)] = 0,
    device: str = "auto",
    progress: Progress = silent,
) -> ShortcutProbe:
    """Train a network on images in which a burned-in tag gives the answer away, and look where it looks.

    Made-up pieces of tissue are drawn; those with a lesion carry a scanner's tag in the corner, the
    others do not. A small network is trained on them and then tried on new pieces, with the tag and
    without, beside the shipped network that never saw a tag (2-D). A network that has learnt the tag is
    right with it and guesses without it: its figures alone look perfect, its map shows the reason.

    Parameters
    ----------
    dimensions : {"2-D", "3-D"}
        Of the pieces.
    method : str
        How the maps are made.
    cases : int
        How many new pieces are tried, half of them with a lesion.
    steps : int
        Batches of 16 on which the network is trained.
    training_cases : int
        How many pieces it is trained on.
    seed : int
        Of the network's first weights and the order of the pieces.
    device : str
        Where the network runs: "auto", "cpu", "cuda" or "mps".
    progress : Progress
        Hears the drawing, the training and each map.

    Returns
    -------
    ShortcutProbe
        A table of the two networks, and one image with both maps. A map points to the tag when its
        strongest voxel lies within the smallest box around it, grown by a cell of the map.

    References
    ----------
    Zech et al., Variable generalization performance of a deep learning model to detect pneumonia in
    chest radiographs, PLoS Medicine 2018; DeGrave et al., AI for radiographic COVID-19 detection
    selects shortcuts over signal, Nature Machine Intelligence 2021.
    """
    from pandas import DataFrame

    from napari_medai.models.store import load_model, model_folders

    ndim = int(dimensions[0])
    shipped = [load_model(name) for name in model_folders() if name == f"lesion-{ndim}d"]
    like = load_model("lesion-2d").spec
    taught = _taught(like, ndim, training_cases, steps, seed, device, share(progress, 0, 0.6))
    pairs = [_piece(FIRST_TRIED + k, ndim, lesion=k % 2 == 0, tag=k % 2 == 0) for k in range(cases)]
    names = ("trained with tags", "trained without tags")
    tried = dict(zip(names, (taught, *shipped), strict=False))
    rows, maps = [], []
    for k, (name, model) in enumerate(tried.items()):
        inner = share(progress, 0.6 + 0.2 * k, 0.8 + 0.2 * k)  # two networks at most
        row, heat = _tried(model, pairs, ndim, method, device, inner)
        rows.append({"network": name, **row, "images": cases})
        maps.append(heat)
    return ShortcutProbe(DataFrame(rows), *pairs[0], maps[0], maps[1] if len(maps) > 1 else None)


def _piece(seed: int, ndim: int, *, lesion: bool, tag: bool) -> Pair:
    return tissue_with_lesion(seed, ndim, lesion=lesion, tag=tag)


def _taught(
    like: ModelSpec, ndim: int, count: int, steps: int, seed: int, device: str, progress: Progress
) -> Model:
    """Train a network where the tag stands on every lesion's image and on no other."""
    import torch

    from napari_medai.models.networks import build_network

    spec = ModelSpec.model_validate(
        {
            **like.model_dump(by_alias=True),
            "name": f"shortcut-{ndim}d",
            "tile": LESION_SHAPES[ndim],
            "spacing": LESION_SPACING[ndim],
            "training": {},
        }
    )
    classes = [k % 2 for k in range(count)]
    volumes = []
    for k, answer in enumerate(classes):
        image, _ = _piece(FIRST_TRAINED + k, ndim, lesion=answer == 1, tag=answer == 1)
        volumes.append(
            prepare_whole(spec, image, share(progress, 0.4 * k / count, 0.4 * (k + 1) / count)).volume
        )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = build_network(spec)
    inner = share(progress, 0.4, 1)
    return Model(
        spec, teach(network, volumes, classes, steps=steps, seed=seed, device=device, progress=inner)
    )


def _tried(
    model: Model, pairs: Sequence[Pair], ndim: int, method: LayerMethod, device: str, progress: Progress
) -> tuple[dict[str, float], MedicalImage]:
    """Return how often a network is right, with tags and without, and where its maps point."""
    right: dict[bool, list[bool]] = {True: [], False: []}
    at_tag, at_lesion, first = [], [], None
    for k, (image, labels) in enumerate(pairs):
        inner = share(progress, k / len(pairs), (k + 1) / len(pairs))
        truth = np.asarray(labels.array)
        plain, _ = _piece(FIRST_TRIED + k, ndim, lesion=k % 2 == 0, tag=False)
        for tagged, shown in ((True, image), (False, plain)):
            scores, _ = image_scores(model, shown, device=device, progress=share(inner, 0, 0.2))
            right[tagged].append(int(scores.argmax()) == 1 - k % 2)
        if k % 2:
            continue
        heat = explain_prediction(
            image, model, target="lesion", method=method, device=device, progress=share(inner, 0.2, 1)
        )
        first = first or heat
        where = _around(truth == TAG, _cell(heat))
        at_tag.append(points_inside(np.asarray(heat.array), where))
        at_lesion.append(points_inside(np.asarray(heat.array), truth == LESION))
    shares = {
        "right with tags": right[True],
        "right without tags": right[False],
        "map points to tag": at_tag,
        "map points to lesion": at_lesion,
    }
    if first is None:
        raise ValueError("no piece with a lesion was tried")
    return {name: float(np.mean(values)) for name, values in shares.items()}, first


def _cell(heat: MedicalImage) -> tuple[int, ...]:
    """Return a map's cell in voxels of the image."""
    size: Any = heat.meta["explain"]["cell_size"]
    return tuple(round(float(c / s)) for c, s in zip(size, heat.geometry.spacing, strict=True))


def _around(mask: NDArray[np.bool_], margin: Sequence[int]) -> NDArray[np.bool_]:
    """Mark the smallest box that holds a mask, grown by a margin."""
    box = np.zeros_like(mask)
    places = np.argwhere(mask)
    low, high = places.min(axis=0), places.max(axis=0)
    box[tuple(slice(max(0, a - m), b + m + 1) for a, b, m in zip(low, high, margin, strict=True))] = True
    return box
