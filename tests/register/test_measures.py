"""Every measure finds a known move and a known bend on images that fit it, and its numbers hold."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from pairs import FLAT, SOLID, bend, body, inverted, mean_error, move, moved

from napari_medai.register import map_jacobian, register_images
from napari_medai.register.information import compare_values, value_ends
from napari_medai.register.level import make_levels
from napari_medai.register.prepare import scaled
from napari_medai.register.starts import phase_shift

SAME = (
    "ssd",
    "ncc",
    "lncc",
    "correlation_ratio",
    "mutual_information",
    "normalised_mutual_information",
    "mind",
)
OTHER = ("lncc", "correlation_ratio", "mutual_information", "normalised_mutual_information", "mind")


@pytest.mark.parametrize("measure", SAME)
def test_the_linear_part_finds_a_known_move_by_the_chosen_measure(measure):
    fixed, truth = body(FLAT), move((0, 0, 35.0), (20.0, -14.0), 1.12, ndim=2)
    result = register_images(fixed, moved(fixed, truth), transform="affine", measure=measure, device="cpu")
    assert mean_error(result.transform, truth, fixed) < 0.5


@pytest.mark.parametrize("measure", OTHER)
def test_measures_for_other_contrasts_find_it_there_too(measure):
    fixed, truth = body(FLAT), move((0, 0, 35.0), (20.0, -14.0), ndim=2)
    moving = inverted(moved(fixed, truth))
    result = register_images(fixed, moving, transform="rigid", measure=measure, device="cpu")
    # the inverted image was resampled before, so its border has values of neither image
    assert mean_error(result.transform, truth, fixed) < 0.75


@pytest.mark.parametrize("measure", ["ssd", "mutual_information"])
def test_a_volume_is_found_from_afar_as_well(measure):
    fixed, truth = body(SOLID), move((12.0, -8.0, 70.0), (30.0, -14.0, 6.0))
    result = register_images(fixed, moved(fixed, truth), transform="rigid", measure=measure, device="cpu")
    assert mean_error(result.transform, truth, fixed) < 0.5


def test_what_is_chosen_is_what_is_used():
    fixed, truth = body(FLAT), move((0, 0, 12.0), (9.0, -14.0), 1.12, ndim=2)
    moving = inverted(moved(fixed, truth))
    errors = {
        m: mean_error(
            register_images(fixed, moving, transform="affine", measure=m, device="cpu").transform,
            truth,
            fixed,
        )
        for m in ("ssd", "mutual_information")
    }
    assert errors["ssd"] > 2 * errors["mutual_information"]


@pytest.mark.parametrize(
    ("measure", "change"),
    [
        ("ncc", lambda i: i),
        ("correlation_ratio", inverted),
        ("mutual_information", inverted),
        ("normalised_mutual_information", inverted),
    ],
)
def test_a_bend_is_recovered_by_the_chosen_measure(measure, change):
    fixed, truth = body(FLAT), bend(FLAT)
    result = register_images(
        fixed, change(moved(fixed, truth)), transform="deformable", measure=measure, device="cpu"
    )
    assert mean_error(result.transform, truth, fixed) < 0.6 * mean_error(move(ndim=2), truth, fixed)
    assert (map_jacobian(fixed, result.transform).array > 0).all()


@pytest.mark.parametrize("normalised", [False, True])
def test_the_pull_of_mutual_information_is_its_slope(normalised):
    rng = torch.Generator().manual_seed(0)
    fixed = torch.rand((1, 1, 90, 100), generator=rng)
    moving = 1 - fixed**2 + 0.1 * torch.rand(fixed.shape, generator=rng)
    weight, ends = torch.ones_like(fixed), ((0.0, 1.0), (-0.2, 1.3))

    def told(values):
        return compare_values(fixed, values, weight, ends, normalised)

    here, step = told(moving), 1e-3
    way = here.pull / here.pull.abs().max()
    grown = (told(moving + step * way).share - told(moving - step * way).share) / (2 * step)
    claimed = float((here.pull * way).mean()) / here.entropy
    assert claimed == pytest.approx(grown, rel=0.05)  # the table's slope is a difference over two bins


def test_mutual_information_knows_a_function_from_chance():
    rng = torch.Generator().manual_seed(0)
    fixed = torch.rand((1, 1, 100, 100), generator=rng)
    weight = torch.ones_like(fixed)
    shares = [
        compare_values(fixed, other, weight, (value_ends(fixed), value_ends(other)), False).share
        for other in ((fixed - 0.5) ** 2, torch.rand(fixed.shape, generator=rng))
    ]
    assert shares[0] > 0.3 > 0.1 > shares[1]


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_sixteen_bits_bend_as_well_as_thirty_two(precision):
    fixed, truth = body(FLAT), bend(FLAT)
    moving = moved(fixed, truth)
    inner = fixed.with_array((np.asarray(fixed.array) > 80).astype(np.uint8), kind="labels")
    outer = moving.with_array((np.asarray(moving.array) > 80).astype(np.uint8), kind="labels")
    overlaps = []
    for kind in ("fp32", precision):
        result = register_images(fixed, moving, preset="slices", precision=kind, device="cpu")
        there = np.asarray(result.transform.apply_to_image(outer, inner).array) > 0
        here = np.asarray(inner.array) > 0
        overlaps.append(2 * (here & there).sum() / (here.sum() + there.sum()))
        assert (map_jacobian(fixed, result.transform).array > 0).all()
    assert overlaps[0] > 0.9
    assert abs(overlaps[0] - overlaps[1]) < 0.005
    assert overlaps[0] != overlaps[1]  # else the choice did nothing


@pytest.mark.parametrize("geometry", [FLAT, SOLID], ids=["2-D", "3-D"])
@pytest.mark.parametrize("change", [lambda i: i, inverted], ids=["same", "other contrast"])
def test_phase_correlation_finds_a_shift_of_any_size(geometry, change):
    fixed, truth = body(geometry), move(shift_mm=(-40.0, 65.0, -20.0), ndim=geometry.ndim)
    moving = change(moved(fixed, truth))
    images = scaled(fixed, "cpu"), geometry, scaled(moving, "cpu"), moving.geometry
    level = make_levels(*images, None)[0]
    gap = phase_shift(level)[:-1, -1] - truth.matrix[:-1, -1]
    # the peak is a voxel of the coarsest level
    assert np.abs(gap).max() < 1.1 * level.fixed_geometry.spacing.max()


def test_the_preset_for_another_modality_compares_surroundings_in_both_parts():
    fixed, truth = body(FLAT), move((0, 0, 25.0), (12.0, -14.0), ndim=2)
    moving = inverted(moved(fixed, truth))
    found = [
        register_images(fixed, moving, device="cpu", **options).transform.matrix
        for options in (
            {"preset": "same_patient_other_modality"},
            {"transform": "rigid", "measure": "mind"},
            {"transform": "rigid"},
        )
    ]
    assert np.array_equal(found[0], found[1])
    assert not np.array_equal(found[0], found[2])
