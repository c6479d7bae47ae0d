"""Everything that starts from strokes finds the ball, at any voxel size, and says what is missing."""

import json

import numpy as np
import pytest
import skimage.segmentation
from made_images import COARSE, FINE, ball, bright_ball, colour, dice, from_world, grid, noisy
from scipy.optimize import linprog

from napari_medai import Boxes
from napari_medai.core.errors import ArgumentError, GeometryError
from napari_medai.core.progress import silent
from napari_medai.segment import (
    apply_classifier,
    classify_scribbles,
    cut_continuous,
    cut_from_box,
    graph_cut,
    random_walker,
    train_classifier,
    watershed,
)
from napari_medai.segment.discrete_cut import discrete_cut
from napari_medai.segment.maxflow import continuous_cut

SIZE = (32, 32, 32)


def strokes(spacing):
    """A stroke of 1 in the ground and of 2 in the ball."""

    def paint(p):
        radius = np.linalg.norm(p, axis=-1)
        line = np.abs(p[..., 1]) < 1.5
        return np.where(line & (radius < 9), 2, np.where(line & (radius > 11), 1, 0))

    return from_world(paint, grid(spacing, SIZE), "labels")


def scene(spacing, noise=8.0):
    return bright_ball(grid(spacing, SIZE), 10.0, noise=noise), ball(grid(spacing, SIZE), 10.0).array


ALL = [watershed, random_walker, graph_cut, cut_continuous, classify_scribbles]


@pytest.mark.parametrize("function", ALL)
@pytest.mark.parametrize("spacing", [FINE, COARSE])
def test_two_strokes_find_the_ball(function, spacing):
    image, truth = scene(spacing)
    result = function(image, strokes(spacing))
    assert set(np.unique(result.array)) == {1, 2}
    assert dice(result.array == 2, truth) > 0.95


@pytest.mark.parametrize("function", ALL)
def test_what_is_missing_is_said(function):
    image, _ = scene(COARSE)
    painted = strokes(COARSE)
    with pytest.raises(ArgumentError, match="found 1 painted label; needed"):
        function(image, painted.with_array((painted.array == 2).astype(np.uint8)))
    with pytest.raises(ArgumentError, match="found 0 painted labels"):
        function(image, painted.with_array(np.zeros_like(painted.array)))
    with pytest.raises(GeometryError, match="another grid"):
        function(image, strokes(FINE))
    with pytest.raises(ArgumentError, match="every voxel"):
        function(image.with_array(np.ones_like(image.array)), painted)
    with pytest.raises(ArgumentError, match="NaN"):
        function(image.with_array(np.full_like(image.array, np.nan)), painted)


def test_the_walker_reaches_the_exact_solution():
    image, _ = scene(FINE)
    painted = strokes(FINE)
    scaled = image.array / image.array.std()
    exact = skimage.segmentation.random_walker(scaled, painted.array.astype(int), 90.0, mode="bf")
    assert (random_walker(image, painted).array == exact).mean() > 0.999


def test_the_discrete_cut_is_the_minimum_found_by_linear_programming():
    rng = np.random.default_rng(0)
    volume = rng.normal(size=(3, 4)).astype(np.float32)
    costs = rng.uniform(0, 2, (2, 3, 4)).astype(np.float32)
    spacing = np.array([1.0, 2.0])
    scale = np.mean([np.mean(np.diff(volume, axis=k) ** 2) for k in range(2)])
    nodes = np.arange(12).reshape(3, 4)
    pairs, weights = [], []
    for axis, step in enumerate((1.0, 2.0)):
        near, far = np.moveaxis(nodes, axis, 0)[:-1].ravel(), np.moveaxis(nodes, axis, 0)[1:].ravel()
        for a, b in zip(near, far, strict=True):
            pairs.append((a, b))
            weights.append(np.exp(-((volume.flat[a] - volume.flat[b]) ** 2) / (2 * scale)) / step)
    # x = 1 where the first label is; y >= |x_a - x_b| is what each border costs.
    goal = np.concatenate([(costs[0] - costs[1]).ravel(), weights])
    rows = np.zeros((2 * len(pairs), 12 + len(pairs)))
    for k, (a, b) in enumerate(pairs):
        rows[2 * k, [a, b, 12 + k]] = 1, -1, -1
        rows[2 * k + 1, [a, b, 12 + k]] = -1, 1, -1
    best = linprog(goal, rows, np.zeros(len(rows)), bounds=[(0, 1)] * 12 + [(0, None)] * len(pairs))
    ours = discrete_cut(volume, costs, spacing, 1.0)
    np.testing.assert_array_equal(ours.ravel(), best.x[:12] > 0.5)


def test_the_relaxed_cut_of_a_noisy_disc_has_its_exact_border():
    y, x = np.indices((60, 60)) - 29.5
    truth = np.hypot(y, x) < 20
    noise = np.random.default_rng(0).normal(0, 1.0, truth.shape)
    costs = np.stack([truth + noise, 1 - (truth + noise)]).astype(np.float32)
    labels = continuous_cut(costs, np.full(truth.shape, 1.5, np.float32), np.ones(2), 300, silent)
    assert dice(labels[1] > labels[0], ~truth) > 0.98 or dice(labels[1] > labels[0], truth) > 0.98
    np.testing.assert_allclose(labels.sum(axis=0), 1, atol=0.05)


def test_three_labels_are_cut_at_once():
    inner, outer = ball(grid(COARSE), 8.0).array, ball(grid(COARSE), 16.0).array
    truth = inner + outer.astype(int)
    image = bright_ball(grid(COARSE)).with_array(
        truth * 50.0 + np.random.default_rng(0).normal(0, 12, truth.shape)
    )
    painted = np.where(np.random.default_rng(1).uniform(size=truth.shape) < 0.03, truth + 1, 0).astype(
        np.uint8
    )
    result = cut_continuous(image, ball(grid(COARSE)).with_array(painted))
    assert (result.array == truth + 1).mean() > 0.98


@pytest.mark.parametrize("spacing", [FINE, COARSE])
def test_a_box_is_enough_for_grabcut(spacing):
    image, truth = scene(spacing, noise=12.0)
    result = cut_from_box(image, Boxes([[-12.5] * 3], [[12.5] * 3], ("ball",)))
    assert dice(result.array, truth) > 0.95
    with pytest.raises(ArgumentError, match="no box"):
        cut_from_box(image, Boxes(np.zeros((0, 3)), np.zeros((0, 3)), ()))
    with pytest.raises(ArgumentError, match="whole image"):
        cut_from_box(image, Boxes([[-99.0] * 3], [[99.0] * 3], ("all",)))


@pytest.mark.parametrize("method", ["forest", "svm", "neighbours"])
def test_a_classifier_is_kept_as_json_and_does_the_same_again(method, tmp_path):
    image, truth = scene(COARSE)
    other = bright_ball(grid(COARSE, SIZE), 10.0, noise=8.0, seed=5)
    learnt = train_classifier(image, strokes(COARSE), method=method)
    path = tmp_path / "classifier.json"
    path.write_text(json.dumps(learnt))
    direct = classify_scribbles(image, strokes(COARSE), method=method)
    np.testing.assert_array_equal(apply_classifier(image, classifier=path).array, direct.array)
    result = apply_classifier(other, classifier=learnt)
    assert dice(result.array == 2, truth) > 0.95
    assert str(tmp_path) not in str(apply_classifier(other, classifier=path).history[-1].to_json())
    with pytest.raises(ArgumentError, match="channels"):
        apply_classifier(colour(), classifier=path)
    path.write_text("{}")
    with pytest.raises(ArgumentError, match="schema"):
        apply_classifier(other, classifier=path)


def test_strokes_on_colours_and_in_two_dimensions():
    picture = colour((24, 30))
    array = np.array(picture.array) // 4
    array[8:16, 8:20, 0] += 150
    truth = np.zeros((24, 30), bool)
    truth[8:16, 8:20] = True
    painted = np.zeros((24, 30), np.uint8)
    painted[10:14, 10:18], painted[2:5, 2:28] = 2, 1
    labels = noisy((24, 30), "yx", spacing=(1.0, 1.0)).with_array(painted, kind="labels")
    result = classify_scribbles(picture.with_array(array), labels, scales_mm=(1.0,))
    assert dice(result.array == 2, truth) > 0.95


def test_pymaxflow_finds_a_cut_as_cheap_as_scipys():
    pytest.importorskip("maxflow", reason="needs the extra [gpl]")
    image, truth = scene(COARSE, noise=20.0)
    both = [graph_cut(image, strokes(COARSE), solver=solver) for solver in ("scipy", "pymaxflow")]
    assert (both[0].array == both[1].array).mean() > 0.999
    assert dice(both[1].array == 2, truth) > 0.95


def test_without_pymaxflow_scipy_cuts_and_a_notice_says_so(monkeypatch):
    monkeypatch.setattr("napari_medai.segment.discrete_cut.find_spec", lambda name: None)
    image, _ = scene(COARSE)
    result = graph_cut(image, strokes(COARSE), solver="pymaxflow")
    (notice,) = result.meta["notices"]
    assert "napari-medai[gpl]" in notice
    np.testing.assert_array_equal(result.array, graph_cut(image, strokes(COARSE)).array)
    assert "notices" not in graph_cut(image, strokes(COARSE)).meta
