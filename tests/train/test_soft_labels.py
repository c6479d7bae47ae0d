"""Shares as truth: read, checked, learnt from, mixed with label numbers."""

import numpy as np
import pytest
import torch
from disc_cases import disc_cases, discs, small_plan

from napari_medai import Geometry, MedicalImage, write
from napari_medai.core.errors import ArgumentError
from napari_medai.train import Cases, cases_of, find_cases, make_plan, read_plan, train_model
from napari_medai.train.augment import NOTHING
from napari_medai.train.evaluation import evaluate_model
from napari_medai.train.patches import Patches
from napari_medai.train.store import CaseStore
from napari_medai.train.truth import load_case

GRID = Geometry.from_spacing((24, 24))


def flat(values, name="", kind="intensity"):
    return MedicalImage(np.asarray(values), "yx", GRID, kind=kind, name=name)


def half_covered(seed):
    """Draw noise and say of a square that it is covered by a given share."""
    rng = np.random.default_rng(seed)
    share = np.zeros((24, 24), np.float32)
    share[6:18, 6:18] = 0.7
    return flat(rng.normal(size=(24, 24)).astype(np.float32) + 3 * share, f"c{seed}"), flat(share)


def test_shares_teach_shares_and_not_only_the_larger_half(tmp_path):
    images, shares = zip(*(half_covered(seed) for seed in range(3)), strict=True)
    cases = cases_of(images, shares, soft=True)
    plan = make_plan(cases, name="shares").with_loop(epochs=1, steps=40, rate=0.02, average=0.9)
    network = plan.network.model_copy(update={"arguments": {"widths": [8, 8, 8], "strides": [1, 2, 2]}})
    losses = plan.objective.model_copy(update={"losses": {"ce": 1.0}})
    changes = {"network": network, "patch": (24, 24), "objective": losses, "augment": NOTHING}
    plan = plan.model_copy(update=changes | {"split": plan.split.model_copy(update={"none": True})})
    model = train_model(cases, plan, out=tmp_path / "run", device="cpu")
    store = CaseStore(cases, plan.spec())
    volume = torch.from_numpy(store.get("c0").volume)[None]
    with torch.no_grad():
        found = model.network(volume).softmax(1)[0, 1]
    assert abs(float(found[8:16, 8:16].median()) - 0.7) < 0.15
    assert float(found[:4].median()) < 0.2
    assert evaluate_model(model, cases, device="cpu").table["dice"].min() > 0.7


def test_one_map_a_label_is_read_from_files_and_columns(tmp_path):
    image, _ = half_covered(0)
    left, right = np.zeros((2, 24, 24), np.float32)
    left[:, :8], right[:, 16:], right[:, :8] = 0.6, 1, 0.1
    for name, picture in (("image", image), ("left", flat(left)), ("right", flat(right))):
        write(picture, tmp_path / f"a_{name}.tif")
    found = find_cases(tmp_path, image="*_image.tif", labels=("*_left.tif", "*_right.tif"))
    loaded = load_case(found.items[0], found)
    assert loaded.shares.shape == (2, 24, 24)
    assert np.unique(loaded.labels.array[:, :8]).tolist() == [1]
    assert np.unique(loaded.labels.array[:, 16:]).tolist() == [2]
    assert not loaded.labels.array[:, 8:16].any()
    table = tmp_path / "cases.csv"
    table.write_text("image,labels:left,labels:right\na_image.tif,a_left.tif,a_right.tif\n")
    listed = find_cases(table)
    assert listed.labels == ("background", "left", "right")
    assert listed.is_soft(listed.items[0])
    assert make_plan(listed).labels == ("background", "left", "right")


def test_channels_of_one_file_are_shares_if_said_so():
    image, share = half_covered(0)
    maps = MedicalImage(np.stack([share.array, 1 - share.array]), "cyx", GRID)
    cases = cases_of([image], [maps], soft=True)
    assert load_case(cases.items[0], cases).shares.shape == (2, 24, 24)
    hard = cases_of([image], [share])
    with pytest.raises(ArgumentError, match=r"not whole numbers.*soft"):
        load_case(hard.items[0], hard)


@pytest.mark.parametrize(
    ("array", "complaint"),
    [
        (np.full((24, 24), 3, np.float32), "run from 0 to 3; needed 0 to 1"),
        (np.full((24, 24), np.nan, np.float32), "NaN"),
    ],
)
def test_what_is_no_share_is_refused(array, complaint):
    cases = cases_of([half_covered(0)[0]], [flat(array)], soft=True)
    with pytest.raises(ArgumentError, match=f"Case c0: .*{complaint}"):
        load_case(cases.items[0], cases)


def test_maps_that_overlap_are_refused():
    image, share = half_covered(0)
    cases = cases_of([image], [(share, share)])
    with pytest.raises(ArgumentError, match=r"add up to 1\.4"):
        load_case(cases.items[0], cases)


def test_label_numbers_and_shares_go_into_one_batch():
    soft, share = half_covered(0)
    hard, _ = half_covered(1)
    marks = (share.array > 0.5).astype(np.uint8)
    marks[:, 20:] = 2
    cases = Cases((*cases_of([soft], [(share,)]), *cases_of([hard], [flat(marks, kind="labels")])), ignore=2)
    plan = make_plan(cases)
    store = CaseStore(cases, plan.spec())
    _, truth = Patches(store, store.names, (24, 24), 8, NOTHING)(np.random.default_rng(0))
    assert truth.shape == (8, 2, 24, 24)
    sums = truth.sum(1)
    assert torch.all((sums > 0.99) | (sums == 0))
    assert {round(float(v), 1) for v in truth[:, 1].amax((1, 2))} == {0.7, 1.0}
    assert not sums[truth[:, 1].amax((1, 2)) == 1].all()


def test_a_picture_says_1_by_255_and_the_plan_file_keeps_what_was_said(tmp_path):
    image, share = half_covered(0)
    picture = flat((share.array * 255).round().astype(np.uint8))
    cases = cases_of([image], [picture], soft=True)
    assert abs(load_case(cases.items[0], cases).shares.max() - 0.7) < 0.01
    from click.testing import CliRunner

    from napari_medai.cli.app import commands

    for seed in range(2):
        image, share = half_covered(seed)
        write(image, tmp_path / f"{seed}_image.tif")
        write(share, tmp_path / f"{seed}_share.tif")
    given = ["--image", "*_image.tif", "--labels", "*_share.tif", "--soft", "--output"]
    done = CliRunner().invoke(commands, ["plan", str(tmp_path), *given, str(tmp_path / "plan.yaml")])
    assert done.exit_code == 0, done.output
    plan = read_plan(tmp_path / "plan.yaml")
    assert plan.cases.soft
    assert plan.cases.labels == "*_share.tif"
    plan = small_plan_of(plan)
    train_model(None, plan, out=tmp_path / "out", device="cpu", base=tmp_path)


def small_plan_of(plan):
    network = plan.network.model_copy(update={"arguments": {"widths": [8, 8, 8], "strides": [1, 2, 2]}})
    return plan.model_copy(update={"network": network, "patch": (24, 24)}).with_loop(epochs=1, steps=2)


def test_soft_cases_are_refused_where_maps_are_missing():
    image, _ = discs(0)
    cases = disc_cases(1)
    plan = small_plan(cases)
    maps = tuple(image.with_array(np.zeros(image.array.shape, np.float32)) for _ in range(3))
    store = CaseStore(cases_of([image], [maps]), plan.spec())
    with pytest.raises(ArgumentError, match="3 maps of shares; the list names 1 labels"):
        store.get(store.names[0])
