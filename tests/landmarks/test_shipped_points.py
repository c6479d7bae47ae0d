"""The shipped landmark models: they find the phantoms' points wherever the image's axes point."""

from itertools import permutations, product

import numpy as np
import pytest

from napari_medai import MedAIError
from napari_medai.core.geometry import Reorientation
from napari_medai.landmarks import detect_landmarks, evaluate_landmarks
from napari_medai.models import check_model, load_model
from napari_medai.models.prepare import prepare
from napari_medai.phantoms import mr_head
from napari_medai.phantoms.ceph import cephalogram
from napari_medai.preprocess import resample_to_spacing

pytest.importorskip("torch")

TURNS = [Reorientation(o, f) for o in permutations(range(3)) for f in product((False, True), repeat=3)]


@pytest.fixture(scope="module")
def head():
    return mr_head(3, (50, 64, 48), (4, 4, 4))


@pytest.fixture(scope="module")
def found(head):
    return detect_landmarks(head.image, "head-phantom", views=1, device="cpu")


def test_the_head_is_found_within_a_voxel_or_so(head, found):
    truth = head.landmarks.selected(found.names)
    errors = np.linalg.norm(found.positions - truth.positions, axis=1)
    assert np.median(errors) < 2.5  # the image's voxels are 4 mm
    assert not found.absent.any()


def test_all_48_reorientations_show_the_network_the_same_in_the_same_place(head):
    spec = load_model("head-phantom").spec
    one = prepare(spec, head.image)
    assert len(TURNS) == 48
    for turn in TURNS:
        other = prepare(spec, head.image.reoriented(turn))
        np.testing.assert_allclose(other.volume, one.volume, atol=1e-5)
        assert other.grid.is_close(one.grid)


@pytest.mark.parametrize("number", [9, 38])
def test_reorienting_moves_no_answer_by_half_a_voxel(head, found, number):
    turned = detect_landmarks(head.image.reoriented(TURNS[number]), "head-phantom", views=1, device="cpu")
    assert np.linalg.norm(turned.positions - found.positions, axis=1).max() < 0.05


def test_resampling_moves_the_answers_by_less_than_half_a_voxel(head, found):
    finer = resample_to_spacing(head.image, spacing_mm=(3.0, 3.0, 3.0))
    other = detect_landmarks(finer, "head-phantom", views=1, device="cpu")
    assert np.linalg.norm(other.positions - found.positions, axis=1).max() < 2.0


def test_a_cephalogram_is_found_below_a_millimetre_and_what_is_missing_is_said():
    cases = [cephalogram(seed) for seed in (0, 1, 6)]
    found = [detect_landmarks(c.image, "ceph-phantom", views=1, device="cpu") for c in cases]
    summary = evaluate_landmarks(found, [c.landmarks for c in cases]).summary.set_index("figure")["value"]
    assert summary["mean"] < 1.0
    assert summary["within_2"] > 0.95


@pytest.mark.parametrize("name", ["head-phantom", "ceph-phantom"])
def test_a_shipped_landmark_model_passes_its_check_and_says_what_it_is(name):
    model = load_model(name)
    assert check_model(model).passed
    for heading in ("## Use", "## Data", "## Figures", "## Limits", "## Terms"):
        assert heading in model.card
    assert "{" not in model.card


def test_other_images_are_refused_with_a_reason(head):
    flat = cephalogram(0, (50, 45), (4, 4)).image
    with pytest.raises(MedAIError, match="3-D"):
        detect_landmarks(flat, "head-phantom")
    with pytest.raises(MedAIError, match="segmentation"):
        detect_landmarks(head.image, "phantom-3d")
