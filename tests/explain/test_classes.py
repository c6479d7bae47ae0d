"""Classifying whole images, and maps of classifiers that point at what was put in."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_medai import Geometry, MedicalImage
from napari_medai.core.errors import ArgumentError, ModelError
from napari_medai.explain import classify_image, explain_prediction, picture_maps
from napari_medai.explain.check.controls import centre_map, edge_map, random_map
from napari_medai.explain.check.curves import area, deletion_curve, shares_of_curve
from napari_medai.explain.check.hits import energy_inside, points_inside
from napari_medai.models.check import check_model
from napari_medai.models.model import Model
from napari_medai.models.networks import build_network
from napari_medai.models.prepare import prepare
from napari_medai.models.spec import ModelSpec
from napari_medai.models.store import load_model
from napari_medai.models.whole import fitted_grid, prepare_whole
from napari_medai.phantoms import tissue_with_lesion

CASES = {2: 20, 3: 8}
"""Pieces of tissue by dimensions."""


def spec(**changes: object) -> ModelSpec:
    return ModelSpec.model_validate(
        {
            "schema": "napari-medai/model/1",
            "name": "tiny",
            "version": "1.0.0",
            "licence": "BSD-3-Clause",
            "citation": "none",
            "task": "classification",
            "network": {"name": "pooled", "arguments": {"widths": [4, 8], "strides": [2, 2]}},
            "channels": ["image"],
            "tile": [32, 32],
            "outputs": {"classes": ["none", "some", "much"]},
            **changes,
        }
    )


def built(described: ModelSpec) -> Model:
    torch.manual_seed(0)
    return Model(described, build_network(described).eval())


def test_the_phantom_is_the_same_tissue_with_and_without_its_lesion():
    image, labels = tissue_with_lesion(7, 2)
    plain, none = tissue_with_lesion(7, 2, lesion=False)
    lesion = np.asarray(labels.array) == 1
    assert lesion.any()
    assert not np.asarray(none.array).any()
    assert np.asarray(image.array)[lesion].mean() > np.asarray(plain.array)[lesion].mean() + 20


def test_a_tag_stands_in_the_corner_and_is_labelled():
    image, labels = tissue_with_lesion(3, 3, lesion=False, tag=True)
    tag = np.asarray(labels.array) == 2
    assert (np.asarray(image.array)[tag] == 600).all()
    assert np.argwhere(tag).min(axis=0)[1:].min() > 2 * tag.shape[1] // 3


@pytest.mark.parametrize(("ndim", "cases"), CASES.items())
def test_the_shipped_classifier_is_right_and_says_so_again(ndim, cases):
    model = load_model(f"lesion-{ndim}d")
    assert check_model(model).passed
    right = []
    for seed in range(200, 200 + cases):
        image, _ = tissue_with_lesion(seed, ndim, lesion=seed % 2 == 1)
        table = classify_image(image, model, device="cpu")
        assert table["probability"].sum() == pytest.approx(1)
        right.append(table.loc[table["chosen"], "class"].item() == ("lesion" if seed % 2 else "none"))
    assert np.mean(right) >= 0.9


@pytest.mark.parametrize(("ndim", "cases"), CASES.items())
def test_maps_of_inserted_lesions_point_at_them_and_beat_every_control(ndim, cases):
    model = load_model(f"lesion-{ndim}d")
    pointed, energy, better = [], [], []
    areas: dict[str, list[float]] = {"map": [], "random": [], "centre": [], "edges": []}
    shares = shares_of_curve(6)
    for seed in range(300, 300 + cases):
        image, labels = tissue_with_lesion(seed, ndim)
        lesion = np.asarray(labels.array) == 1
        heat = np.asarray(explain_prediction(image, model, target="lesion", device="cpu").array)
        pointed.append(points_inside(heat, lesion))
        energy.append(energy_inside(heat, lesion) / lesion.mean())
        volume = prepare(model.spec, image).volume

        def probability(values: np.ndarray) -> float:
            with torch.no_grad():
                scores = model.network(torch.from_numpy(np.array(values, np.float32))[None])
            return float(scores.softmax(1)[0, 1])

        maps = {
            "map": heat,
            "random": random_map(heat.shape, tuple(n // 4 for n in heat.shape), seed),
            "centre": centre_map(heat.shape),
            "edges": edge_map(volume),
        }
        for name, one in maps.items():
            areas[name].append(area(deletion_curve(one, volume, probability, shares), shares))
        better.append(areas["map"][-1] < min(areas[n][-1] for n in maps if n != "map"))
    assert np.mean(pointed) >= 0.95
    assert min(energy) >= 3
    assert all(np.mean(areas["map"]) < 0.5 * np.mean(areas[n]) for n in ("random", "centre", "edges"))
    assert np.mean(better) >= 0.95


def test_a_model_without_spacing_sees_the_whole_image_in_its_proportions():
    source = Geometry.from_spacing((40, 80), (2.0, 1.0), (10.0, 20.0))
    grid = fitted_grid(source, (32, 32))
    assert grid.spacing.tolist() == [2.5, 2.5]
    middle = source.index_to_world(np.array([[19.5, 39.5]]))
    assert np.allclose(grid.index_to_world(np.array([[15.5, 15.5]])), middle)
    image = MedicalImage(np.ones((40, 80), np.float32), "yx", source)
    assert prepare_whole(spec(), image).volume.shape == (1, 32, 32)
    heat = explain_prediction(image, built(spec()), target="some", device="cpu")
    assert heat.geometry == image.geometry


def test_windows_of_a_large_image_are_averaged_or_the_strongest_counts():
    model = built(spec(spacing=[1.0, 1.0]))
    array = np.random.default_rng(0).normal(size=(32, 96)).astype(np.float32)
    array[:, 64:] += 5
    image = MedicalImage(array, "yx", Geometry.from_spacing(array.shape, (1.0, 1.0)))
    mean = classify_image(image, model, device="cpu", overlap=0.0)
    strongest = classify_image(image, model, device="cpu", overlap=0.0, combine="strongest")
    assert (mean["windows"] == 3).all()
    parts = [array[:, 32 * k : 32 * k + 32] for k in range(3)]
    grid = Geometry.from_spacing((32, 32), (1.0, 1.0))
    shares = [
        classify_image(MedicalImage(p, "yx", grid), model, device="cpu")["probability"].to_numpy()
        for p in parts
    ]
    assert np.allclose(mean["probability"], np.mean(shares, axis=0), atol=1e-5)
    assert strongest["probability"].iloc[0] == pytest.approx(min(s[0] for s in shares), abs=1e-5)


def test_a_regression_value_is_explained():
    model = built(spec(task="regression", outputs={"values": ["size [mm]"]}))
    image, _ = tissue_with_lesion(1, 2)
    heat = explain_prediction(image, model, method="integrated_gradients", device="cpu")
    assert heat.meta["explain"]["target"] == "size [mm]"


def test_what_a_model_is_not_for_is_refused_with_what_to_use():
    image, labels = tissue_with_lesion(1, 2)
    with pytest.raises(ModelError, match="is for segmentation; needed one for classification") as refused:
        classify_image(image, "vessels-2d")
    assert "predict_labels" in refused.value.hint
    with pytest.raises(ArgumentError, match="no class 'cyst'; it has none, lesion"):
        explain_prediction(image, "lesion-2d", target="cyst")
    with pytest.raises(ArgumentError, match="one number an image"):
        explain_prediction(image, "lesion-2d", labels, target="lesion")


def test_a_picture_of_maps_has_a_row_a_name_and_a_column_a_layer():
    image, _ = tissue_with_lesion(1, 2)
    picture = picture_maps(image, "lesion-2d", columns=2, device="cpu")
    assert picture.axes == "yxs"
    assert picture.array.shape == (18 + 2 * 160, 110 + 2 * 160, 3)
    assert len(np.unique(np.asarray(picture.array)[18:, 110:].reshape(-1, 3), axis=0)) > 100
