"""Paint says something of what was not painted, and doubtful images come first."""

import numpy as np
import pytest

from napari_medai import Geometry, MedicalImage
from napari_medai.core.errors import ArgumentError
from napari_medai.train.painted import UNKNOWN, painted_truth


def paint(array, **meta):
    array = np.asarray(array)
    return MedicalImage(
        array, "zyx"[-array.ndim :], Geometry.from_spacing(array.shape), "labels", "paint", meta
    )


def test_unpainted_slices_are_unknown_and_the_rest_of_a_painted_slice_is_background():
    array = np.zeros((6, 4, 5), np.int32)
    array[2, 1:3, 1:4] = 1
    array[4, 0, 0] = 2
    truth = painted_truth(paint(array), "unknown outside painted slices").array
    assert (truth[[0, 1, 3, 5]] == UNKNOWN).all()
    np.testing.assert_array_equal(truth[[2, 4]], array[[2, 4]])


def test_the_painted_axis_is_found():
    array = np.zeros((6, 40, 5), np.uint8)
    array[:, 7, 1:4] = 1
    truth = painted_truth(paint(array), "unknown outside painted slices").array
    assert (truth[:, 7] < 2).all()
    assert (np.delete(truth, 7, axis=1) == UNKNOWN).all()


def test_strokes_alone_leave_the_rest_unknown():
    array = np.array([[0, 1, 1], [0, 2, 3]])
    truth = painted_truth(paint(array, labels={"1": "nothing", "2": "liver", "3": "spleen"}), "unknown")
    np.testing.assert_array_equal(truth.array, [[255, 0, 0], [255, 1, 2]])
    assert truth.meta["labels"] == {"1": "liver", "2": "spleen"}


def test_background_is_left_as_it_is():
    np.testing.assert_array_equal(painted_truth(paint([[0, 3]])).array, [[0, 3]])


@pytest.mark.parametrize(
    ("array", "unpainted", "said"),
    [
        ([[0, 0]], "background", "Nothing is painted"),
        ([[0, 251]], "background", "needed 1 to 250"),
        ([[0, 2]], "unknown", "label 1 on the background"),
        ([[0, 1]], "unknown", "label 1 on the background"),
    ],
)
def test_paint_that_teaches_nothing_is_refused(array, unpainted, said):
    with pytest.raises(ArgumentError, match=said):
        painted_truth(paint(array), unpainted)


def test_the_slice_axis_is_counted_as_a_model_sees_it():
    from napari_medai.preprocess import reorient
    from napari_medai.train.painted import slice_axis

    array = np.zeros((6, 7, 5), np.uint8)
    array[2, 1:4, :3] = 1
    for code in ("SPL", "PLS", "LSP"):
        assert slice_axis(reorient(paint(array), orientation=code)) == 0


def test_the_thickness_is_that_across_the_painted_slices():
    from napari_medai.preprocess import reorient
    from napari_medai.train.painted import slice_thickness

    array = np.zeros((6, 7, 5), np.uint8)
    array[2, 1:4, :3] = 1
    labels = MedicalImage(
        array, "zyx", Geometry.from_spacing(array.shape, (3.0, 1.0, 0.5)), "labels", "paint"
    )
    for code in ("SPL", "PLS", "LSP"):
        assert slice_thickness(reorient(labels, orientation=code)) == pytest.approx(3.0)


def test_a_network_that_sees_slice_by_slice_carries_nothing_across():
    import torch

    from napari_medai.models.networks import build_network
    from napari_medai.models.spec import NetworkSpec
    from napari_medai.train.plan import Plan
    from napari_medai.train.slicewise import slice_by_slice

    network = NetworkSpec(name="dynunet", arguments={"widths": [4, 8, 8], "strides": [1, 2, 2]})
    given = {
        "channels": ["image"],
        "labels": ["background", "ball"],
        "network": network,
        "patch": (12, 12, 12),
        "spacing": (4.0, 4.0, 4.0),
    }
    plan = slice_by_slice(Plan(schema="napari-medai/plan/1", **given), axis=1, thickness=1.5)
    assert plan.spacing == (4.0, 1.5, 4.0)
    assert plan.patch == (12, 8, 12)
    built = build_network(plan.spec()).eval()
    volume = torch.zeros(1, 1, 12, 8, 12)
    changed = volume.clone()
    changed[0, 0, :, 3] = torch.randn(12, 12)
    built(volume)
    convolved = [m for m in built.modules() if isinstance(m, torch.nn.Conv3d | torch.nn.ConvTranspose3d)]
    assert all(m.kernel_size[1] == 1 and m.stride[1] == 1 for m in convolved)
    assert (built(changed) != built(volume)).any()
