"""Paint says something of what was not painted, and doubtful images come first."""

import json

import numpy as np
import pytest

from napari_medai import Geometry, MedicalImage
from napari_medai.cli import main
from napari_medai.core.errors import ArgumentError
from napari_medai.io.write import write
from napari_medai.train import find_cases, make_plan, read_plan
from napari_medai.train.given import cases_from
from napari_medai.train.painted import UNKNOWN, known_across, painted_truth
from napari_medai.train.truth import load_case


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


@pytest.mark.parametrize("code", ["SPL", "PLS", "LSP"])
def test_the_axis_across_known_slices_is_counted_as_a_model_sees_it(code):
    from napari_medai.preprocess import reorient

    array = np.zeros((6, 7, 5), np.uint8)
    array[2, 1:4, :3] = 1
    truth = painted_truth(paint(array), "unknown outside painted slices")
    assert known_across(reorient(truth, orientation=code)) == 0


def test_scattered_strokes_and_full_labels_lie_in_no_slices():
    array = np.zeros((6, 7, 5), np.uint8)
    array[2, 1:4, :3] = 1
    assert known_across(paint(array)) is None
    strokes = array.copy()
    strokes[array > 0] = 2
    strokes[4, 0, 0] = 1
    assert known_across(painted_truth(paint(strokes), "unknown")) is None
    most = array.copy()
    most[:4, 1:5, 1:4] = 1
    assert known_across(painted_truth(paint(most), "unknown outside painted slices")) is None


def painted_volumes(folder):
    """Write two volumes of 3 mm slices, of which two slices are painted, and return a pattern of each."""
    rng = np.random.default_rng(0)
    grid = Geometry.from_spacing((16, 32, 32), (3.0, 1.0, 1.0))
    for name in ("a", "b"):
        array = np.zeros(grid.shape, np.uint8)
        array[[5, 9], 8:20, 8:20] = 1
        values = (rng.normal(size=grid.shape) + 4 * (array > 0)).astype(np.float32)
        write(MedicalImage(values, "zyx", grid), folder / f"{name}_image.nii.gz")
        write(MedicalImage(array, "zyx", grid, "labels"), folder / f"{name}_labels.nii.gz")
    return {"image": "*_image.nii.gz", "labels": "*_labels.nii.gz"}


def test_files_of_painted_slices_are_planned_and_learnt_slice_by_slice(tmp_path):
    patterns = painted_volumes(tmp_path)
    cases = find_cases(tmp_path, **patterns, unpainted="unknown outside painted slices")
    assert cases.ignore == UNKNOWN
    truth = load_case(cases.items[0], cases).labels.array
    assert sorted(np.unique(np.nonzero(truth != UNKNOWN)[0])) == [5, 9]
    plan = make_plan(cases, device="cpu")
    assert plan.ignore == UNKNOWN
    assert plan.spacing == (3.0, 1.0, 1.0)
    assert all(kernel[0] == 1 for kernel in plan.network.arguments["kernels"])
    whole = make_plan(cases, device="cpu", dimensions="3")
    assert "kernels" not in whole.network.arguments


def test_a_plan_remembers_what_unpainted_voxels_are(tmp_path):
    patterns = painted_volumes(tmp_path)
    out = tmp_path / "plan.yaml"
    options = [f"--{key}={value}" for key, value in patterns.items()]
    with pytest.raises(SystemExit, match="0"):
        main(["plan", str(tmp_path), "-o", str(out), "--unpainted", "slices", *options])
    cases = cases_from(None, read_plan(out), tmp_path)
    assert {case.unpainted for case in cases} == {"unknown outside painted slices"}
    assert cases.ignore == UNKNOWN


def test_the_names_of_strokes_move_down_with_their_labels(tmp_path):
    grid = Geometry.from_spacing((8, 8, 8), (1.0, 1.0, 1.0))
    strokes = np.zeros(grid.shape, np.uint8)
    strokes[2, 2], strokes[5, 5] = 1, 2
    (tmp_path / "imagesTr").mkdir()
    (tmp_path / "labelsTr").mkdir()
    write(MedicalImage(np.ones(grid.shape, np.float32), "zyx", grid), tmp_path / "imagesTr/a_0000.nii.gz")
    write(MedicalImage(strokes, "zyx", grid, "labels"), tmp_path / "labelsTr/a.nii.gz")
    named = {"background": 0, "nothing": 1, "liver": 2}
    told = {"channel_names": {"0": "CT"}, "labels": named, "numTraining": 1, "file_ending": ".nii.gz"}
    (tmp_path / "dataset.json").write_text(json.dumps(told))
    cases = find_cases(tmp_path, unpainted="unknown")
    assert make_plan(cases, device="cpu").labels == ("background", "liver")


def test_two_words_on_what_is_not_marked_are_refused(tmp_path):
    patterns = painted_volumes(tmp_path)
    with pytest.raises(ArgumentError, match="ignore 7"):
        find_cases(tmp_path, **patterns, ignore=7, unpainted="unknown")
    with pytest.raises(ArgumentError, match="Shares"):
        find_cases(tmp_path, **patterns, soft=True, unpainted="unknown")


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
