"""The MR head: tissues, landmarks, bias and noise."""

from __future__ import annotations

import numpy as np
import pytest

from napari_medai import MedAIError
from napari_medai.phantoms import mr_head
from napari_medai.phantoms.head import HEAD_LABELS, HeadPhantom, draw_head

NUMBER = {name: number for number, name in HEAD_LABELS.items()}
SMALL = {"shape": (34, 44, 32), "spacing": (6.0, 6.0, 6.0)}
TISSUE_OF = {
    "anterior commissure": "white matter",
    "posterior commissure": "white matter",
    "genu of corpus callosum": "white matter",
    "splenium of corpus callosum": "white matter",
    "pons": "white matter",
    "fourth ventricle": "ventricles",
    "left eye": "eyes",
    "right lens": "eyes",
    "left frontal horn": "ventricles",
    "right atrium": "ventricles",
}


@pytest.mark.parametrize("seed", [0, 6, 7])
def test_landmarks_lie_in_their_tissues(seed: int) -> None:
    phantom = mr_head(seed, shape=(67, 86, 64), spacing=(3, 3, 3))
    indices = phantom.labels.geometry.world_to_index(phantom.landmarks.positions)
    for name, tissue in TISSUE_OF.items():
        index = indices[phantom.landmarks.names.index(name)]
        corner = np.floor(index).astype(int)
        block = phantom.labels.array[tuple(slice(c, c + 2) for c in corner)]
        assert NUMBER[tissue] in block, f"{name}: {np.unique(block)}"


def test_skin_landmarks_lie_on_the_border_of_the_head(head: HeadPhantom) -> None:
    from scipy.ndimage import distance_transform_edt, map_coordinates

    outside = head.labels.array == 0
    inward = distance_transform_edt(~outside, sampling=3.0) - distance_transform_edt(outside, sampling=3.0)
    for name in ("nasion", "inion", "vertex"):
        index = head.labels.geometry.world_to_index(head.landmarks[name])
        # the border is known to a voxel (3 mm) on this grid
        assert abs(map_coordinates(inward, index[:, None], order=1)[0]) < 3.0, name


def test_left_is_where_x_grows(head: HeadPhantom) -> None:
    for name in ("eye", "lens", "frontal horn", "atrium"):
        assert head.landmarks[f"left {name}"][0] > head.landmarks[f"right {name}"][0] + 10
    assert head.landmarks["nasion"][1] < head.landmarks["inion"][1]
    assert head.landmarks["vertex"][2] > head.landmarks["pons"][2]


def test_landmarks_and_labels_do_not_depend_on_the_grid() -> None:
    coarse = mr_head(3, (15, 21, 15), (12, 12, 12))
    fine = mr_head(3, (29, 41, 29), (6, 6, 6))
    assert np.array_equal(coarse.landmarks.positions, fine.landmarks.positions)
    assert np.array_equal(coarse.labels.array, fine.labels.array[::2, ::2, ::2])
    np.testing.assert_allclose(coarse.bias.array, fine.bias.array[::2, ::2, ::2], rtol=1e-6)


def test_eye_centres_are_the_centres_of_the_labelled_eyeballs(head: HeadPhantom) -> None:
    indices = np.argwhere(head.labels.array == NUMBER["eyes"])
    places = head.labels.geometry.index_to_world(indices)
    middle = (head.landmarks["left eye"] + head.landmarks["right eye"]) / 2
    for name, side in (("left eye", 1), ("right eye", -1)):
        mine = places[side * (places[:, 0] - middle[0]) > 0]
        # about 250 voxels of 3 mm: their mean is the centre to a fraction of a voxel
        assert mine.mean(axis=0) == pytest.approx(head.landmarks[name], abs=0.75)


def test_image_is_clean_times_bias_with_rician_noise(head: HeadPhantom) -> None:
    plan, _ = draw_head(5)
    signal = np.asarray(head.clean.array, float) * head.bias.array
    bright = signal > 20 * plan.noise
    residual = (head.image.array - signal)[bright]
    # Rician noise of a strong signal A: mean sigma^2 / 2A, deviation sigma (rounding adds 1/12)
    assert residual.std() == pytest.approx(plan.noise, rel=0.03)
    assert abs(residual.mean() - (plan.noise**2 / (2 * signal[bright])).mean()) < 0.15
    power = (np.asarray(head.image.array, float) ** 2 - signal**2)[signal < plan.noise].mean()
    # and of a weak one: the mean square is A^2 + 2 sigma^2
    assert power == pytest.approx(2 * plan.noise**2, rel=0.03)


def test_bias_is_smooth_and_worth_correcting(head: HeadPhantom) -> None:
    log_bias = np.log(head.bias.array)
    inside = head.labels.array > 0
    assert np.ptp(log_bias[inside]) > 0.2
    for axis in range(3):
        assert np.abs(np.diff(log_bias, axis=axis)).max() < 0.06  # over 3 mm


def test_contrast_is_that_of_t1(head: HeadPhantom) -> None:
    median = {name: np.median(head.clean.array[head.labels.array == n]) for name, n in NUMBER.items()}
    assert median["white matter"] > 1.15 * median["grey matter"]
    assert median["grey matter"] > 1.5 * median["ventricles"]
    assert median["soft tissue"] > median["ventricles"]


def test_every_tissue_is_there_in_a_plausible_amount(head: HeadPhantom) -> None:
    litres = {
        n: (head.labels.array == k).sum() * head.labels.geometry.voxel_volume / 1e6 for n, k in NUMBER.items()
    }
    assert 0.4 < litres["grey matter"] < 0.95
    assert 0.4 < litres["white matter"] < 1.0
    assert 0.010 < litres["ventricles"] < 0.1
    assert 0.008 < litres["eyes"] < 0.02


def test_the_seed_alone_decides() -> None:
    first, second, other = (mr_head(seed, **SMALL) for seed in (2, 2, 3))
    assert np.array_equal(first.image.array, second.image.array)
    assert np.array_equal(first.landmarks.positions, second.landmarks.positions)
    assert np.abs(first.landmarks.positions - other.landmarks.positions).max() > 1


def test_a_negative_seed_is_refused() -> None:
    with pytest.raises(MedAIError, match="seed -3"):
        mr_head(-3)
