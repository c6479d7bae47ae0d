"""The single tests of a map, on values that can be worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from napari_medai.explain.check.controls import centre_map, edge_map, random_map
from napari_medai.explain.check.curves import (
    area,
    deletion_curve,
    insertion_curve,
    shares_of_curve,
    strongest,
)
from napari_medai.explain.check.hits import energy_inside, energy_needed, points_inside
from napari_medai.explain.check.randomise import randomised, stages
from napari_medai.explain.check.report import Report
from napari_medai.explain.check.similarity import spearman, structural_similarity
from napari_medai.explain.check.stability import shifted, under_noise, under_shift
from napari_medai.explain.check.subject import Subject
from napari_medai.explain.check.suite import Effort, check_map
from napari_medai.explain.layers import default_layer, list_layers
from napari_medai.explain.methods import window_map
from napari_medai.explain.question import Question
from napari_medai.explain.targets import class_probability


def noise(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random(shape).astype(np.float32)


def test_spearman_sees_ranks_alone_and_a_flat_map_is_like_none():
    one = noise((8, 9))
    assert spearman(one, one**3) == pytest.approx(1)
    assert spearman(one, -one) == pytest.approx(-1)
    assert abs(spearman(noise((40, 40)), noise((40, 40), 1))) < 0.1
    assert spearman(one, np.zeros_like(one)) == 0


def test_ssim_is_one_for_a_map_and_its_multiple_and_low_for_noise():
    one = noise((12, 12, 12))
    assert structural_similarity(one, 3 * one + 1) == pytest.approx(1, abs=1e-6)
    assert structural_similarity(one, noise((12, 12, 12), 1)) < 0.2


def test_controls_have_the_place_they_are_named_for():
    assert np.unravel_index(centre_map((9, 11)).argmax(), (9, 11)) == (4, 5)
    step = np.zeros((1, 16, 16), np.float32)
    step[:, :, 8:] = 1
    assert set(edge_map(step).argmax(axis=1)) <= {7, 8}
    coarse = random_map((32, 32), (4, 4), 0)
    assert coarse.shape == (32, 32)
    assert np.array_equal(coarse, random_map((32, 32), (4, 4), 0))
    assert not np.array_equal(coarse, random_map((32, 32), (4, 4), 1))
    assert np.abs(np.diff(coarse)).max() < 0.2  # a step between cells spreads over eight voxels


def test_the_strongest_share_is_exact_also_among_equals():
    heat = np.array([[3.0, 1.0], [2.0, 2.0]], np.float32)
    assert strongest(heat, 0.5).tolist() == [[True, False], [True, False]]
    assert strongest(np.zeros((5, 4), np.float32), 0.25).sum() == 5


def test_deletion_of_a_sum_takes_away_what_was_marked():
    volume = np.arange(100, dtype=np.float32).reshape(1, 10, 10)
    values = deletion_curve(volume[0], volume, lambda v: float(v.sum()), (0.1, 0.2))
    top = np.arange(99, -1, -1)
    expected = [4950 - top[:n].sum() + n * 49.5 for n in (10, 20)]
    assert np.allclose(values, expected)


def test_insertion_brings_back_the_whole_input():
    volume = noise((1, 16, 16))
    values = insertion_curve(volume[0], volume, lambda v: float(np.abs(v - volume).max()), (0.5, 1.0))
    assert values[0] > 0
    assert values[1] == 0


def test_the_area_of_a_level_curve_is_its_height_and_of_a_line_its_middle():
    shares = shares_of_curve(4)
    assert np.allclose(shares, 0.01 * 40 ** (np.arange(4) / 3))
    assert area([0.3] * 4, shares) == pytest.approx(0.3)
    assert area([0.0, 1.0, 2.0, 3.0], shares) == pytest.approx(1.5)


def test_pointing_and_energy():
    heat = np.array([[0.0, 1.0], [3.0, 0.0]], np.float32)
    mask = np.array([[False, False], [True, False]])
    assert points_inside(heat, mask)
    assert not points_inside(heat, ~mask)
    assert not points_inside(np.ones((2, 2), np.float32), mask)
    assert energy_inside(heat, mask) == 0.75
    assert energy_inside(np.zeros_like(heat), mask) == 0
    assert energy_needed(mask) == pytest.approx(0.625)
    assert energy_needed(np.arange(100).reshape(10, 10) < 5) == pytest.approx(0.15)


def test_stability_of_a_map_that_follows_its_input_and_of_one_that_does_not():
    volume = noise((1, 20, 20))
    heat = volume[0]
    assert under_noise(heat, volume, lambda v: v[0], 0) > 0.98
    assert under_shift(heat, volume, lambda v, axis: v[0], 0) == pytest.approx(1)
    assert abs(under_shift(heat, volume, lambda v, axis: heat, 1)) < 0.2
    assert shifted(heat, 1)[:, 1:].tolist() == heat[:, :-1].tolist()


def small_network() -> nn.Sequential:
    torch.manual_seed(0)
    body = [nn.Conv2d(1, 8, 3, stride=2, padding=1), nn.BatchNorm2d(8), nn.ReLU()]
    body += [nn.Conv2d(8, 16, 3, stride=2, padding=1), nn.ReLU(), nn.Conv2d(16, 2, 1)]
    return nn.Sequential(*body, nn.Upsample(scale_factor=4)).eval()


def test_stages_run_from_output_to_input_and_hold_every_weight():
    network = small_network()
    sample = torch.zeros(1, 1, 16, 16)
    assert stages(network, sample, 2) == [["5", "3"], ["1", "0"]]
    assert stages(network, sample, 99) == [["5"], ["3"], ["1"], ["0"]]


def test_randomised_layers_are_drawn_by_seed_and_the_network_is_left_alone():
    network = small_network()
    before = {k: v.clone() for k, v in network.state_dict().items()}
    state = torch.random.get_rng_state()
    other = randomised(network, ["3"], 1).state_dict()
    again = randomised(network, ["3"], 1).state_dict()
    assert all(torch.equal(v, before[k]) for k, v in network.state_dict().items())
    assert torch.equal(torch.random.get_rng_state(), state)
    assert all(torch.equal(v, again[k]) for k, v in other.items())
    assert {k for k, v in other.items() if not torch.equal(v, before[k])} == {"3.weight", "3.bias"}


def test_weights_without_a_reset_of_their_own_are_drawn_too():
    network = nn.Sequential(nn.Module())
    network[0].place = nn.Parameter(torch.linspace(0, 1, 50))
    drawn = randomised(network, ["0"], 0)[0].place
    assert not torch.equal(drawn, network[0].place)
    assert drawn.std().item() == pytest.approx(network[0].place.std().item(), rel=0.4)


def test_class_probability_is_a_mean_over_the_region():
    scores = torch.tensor([[[[0.0, 5.0]], [[0.0, 9.0]]]])
    assert float(class_probability(1, torch.tensor([[1.0, 0.0]]))(scores)) == pytest.approx(0.5)
    assert float(class_probability(0)(torch.tensor([[2.0, 2.0, 2.0]]))) == pytest.approx(1 / 3)


def subject(method: str) -> Subject:
    network = small_network()
    volume = noise((1, 32, 32), 4)
    region = np.zeros((32, 32), bool)
    region[8:20, 8:20] = True
    layer = default_layer(list_layers(network, torch.from_numpy(volume)[None]), dense=True)

    def explain(net, sample, target, progress):
        if method == "edges":
            return edge_map(sample[0].numpy())
        return window_map(net, sample, target, method, [layer], 0.0, progress)

    return Subject(network, volume, Question("segmentation", 1, region), explain, layer.cells)


def outcome(report: Report) -> dict[str, bool]:
    return {f.test: f.passed for f in report.findings}


def test_the_suite_is_the_same_for_the_same_seed_and_another_for_another():
    mask = subject("grad_cam").region
    first = check_map(subject("grad_cam"), mask, effort=Effort(seed=3))
    assert first.findings == check_map(subject("grad_cam"), mask, effort=Effort(seed=3)).findings
    assert first.findings != check_map(subject("grad_cam"), mask, effort=Effort(seed=4)).findings
    assert len(first.findings) == 11
    assert {c.test for c in first.curves} >= {"deletion", "insertion"}


@pytest.mark.parametrize("method", ["edges", "guided_backpropagation"])
def test_maps_that_show_the_image_and_not_the_network_fail(method: str):
    found = outcome(check_map(subject(method)))
    assert not found["all layers randomised: Spearman"]
    assert not found["single layers randomised: Spearman"]


def test_an_edge_map_is_not_better_than_itself():
    found = outcome(check_map(subject("edges")))
    assert not found["deletion area"]
    assert not found["insertion area"]
    assert found["stable under noise"]
