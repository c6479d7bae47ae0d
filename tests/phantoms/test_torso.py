"""The CT torso: its truth, its anatomy, its Hounsfield units."""

from __future__ import annotations

import numpy as np
import pytest

from napari_medai import MedAIError
from napari_medai.phantoms import ct_torso
from napari_medai.phantoms.torso import TORSO_LABELS, draw_torso
from napari_medai.phantoms.torso_abdomen import kidney

SMALL = {"shape": (31, 40, 40), "spacing": (10.0, 9.6, 9.6)}
NUMBER = {name: number for number, name in TORSO_LABELS.items()}


def centroid(labels, name: str) -> np.ndarray:
    indices = np.argwhere(labels.array == NUMBER[name])
    return labels.geometry.index_to_world(indices).mean(axis=0)


def test_the_seed_alone_decides() -> None:
    first, second, other = (ct_torso(seed, **SMALL) for seed in (2, 2, 3))
    for a, b, c in zip(first, second, other, strict=True):
        assert np.array_equal(a.array, b.array)
        assert a.geometry == b.geometry
        assert (a.array != c.array).mean() > 0.05


@pytest.mark.parametrize("seed", [1, 9])
def test_kidneys_have_the_volume_of_the_formula(seed: int) -> None:
    _, labels = ct_torso(seed, (88, 80, 80), (4, 4, 4))
    counted = (labels.array == NUMBER["kidney"]).sum() * labels.geometry.voxel_volume
    # counting 4 mm voxels of two bodies of more than 80 ml each: within 1.5 %
    assert counted == pytest.approx(labels.meta["kidney_volume_mm3"], rel=0.015)


def test_kidney_label_is_the_analytic_shape() -> None:
    _, labels = ct_torso(9, **SMALL)
    plan, pose = draw_torso(9)
    centres = labels.geometry.index_to_world(np.argwhere(labels.array >= 0)).T
    inside = np.minimum(*(kidney(plan, side).distance(pose.to_anatomy(centres)) for side in (-1, 1))) < 0
    assert np.array_equal(inside.reshape(labels.spatial_shape), labels.array == NUMBER["kidney"])


def test_labels_do_not_depend_on_the_grid() -> None:
    _, coarse = ct_torso(4, (25, 31, 31), (12, 12, 12))
    _, fine = ct_torso(4, (49, 61, 61), (6, 6, 6))
    assert np.array_equal(coarse.array, fine.array[::2, ::2, ::2])


def test_an_oblique_scan_sees_the_same_person_in_the_same_place() -> None:
    shape, spacing = (55, 70, 70), (6.0, 5.6, 5.6)
    _, straight = ct_torso(9, shape, spacing)
    _, oblique = ct_torso(9, shape, spacing, oblique=True)
    assert oblique.geometry.obliquity_deg > 10
    assert oblique.geometry.shear_deg < 1e-5
    for name in ("heart", "liver", "kidney", "spleen"):
        assert centroid(oblique, name) == pytest.approx(centroid(straight, name), abs=1.0)


@pytest.mark.parametrize("seed", range(6))
def test_organs_lie_where_they_belong_in_lps(seed: int) -> None:
    image, labels = ct_torso(seed, **SMALL)
    place = {name: centroid(labels, name) for name in NUMBER}
    assert place["liver"][0] < place["heart"][0] < place["spleen"][0]  # x grows to the patient's left
    assert place["heart"][1] < place["kidney"][1]  # y grows to the back
    assert place["kidney"][2] < place["liver"][2] < place["heart"][2]  # z grows to the head
    assert labels.geometry.is_close(image.geometry)


@pytest.mark.parametrize("seed", range(6))
def test_hounsfield_units_are_those_of_the_tissues(seed: int) -> None:
    image, labels = ct_torso(seed, (40, 64, 64), (7.5, 6, 6))
    values = np.asarray(image.array)
    assert image.array.dtype == np.float32
    assert values.min() >= -1024
    assert values.max() <= 3071
    assert np.array_equal(values, np.round(values))
    limits = {"lung": (-920, -700), "heart": (35, 170), "liver": (35, 120), "kidney": (35, 200),
              "spleen": (35, 130), "bone": (150, 800), "aorta": (35, 180)}  # fmt: skip
    for name, (low, high) in limits.items():
        assert low < np.median(values[labels.array == NUMBER[name]]) < high, name
    air = values[0, :2, :2]
    assert air.mean() == pytest.approx(-1000, abs=25)


def test_persons_differ_in_size_and_brightness() -> None:
    drawn = [ct_torso(seed, **SMALL) for seed in range(6)]
    for name in ("lung", "heart", "liver", "spleen"):
        volumes = [float((labels.array == NUMBER[name]).sum()) for _, labels in drawn]
        assert np.std(volumes) > 0.06 * np.mean(volumes), name
    liver = [float(np.median(image.array[labels.array == NUMBER["liver"]])) for image, labels in drawn]
    assert np.ptp(liver) > 15


def test_label_names_stand_in_the_meta() -> None:
    _, labels = ct_torso(0, (6, 8, 8), (50, 45, 45))
    assert labels.kind == "labels"
    assert labels.meta["labels"] == {
        "1": "lung", "2": "heart", "3": "liver", "4": "kidney", "5": "spleen", "6": "bone", "7": "aorta",
    }  # fmt: skip


def test_a_negative_seed_is_refused() -> None:
    with pytest.raises(MedAIError, match="seed -1; needed 0 or more"):
        ct_torso(-1)
