"""Cases are found, checked, split and kept as a person means them, and bad ones are named."""

import json

import numpy as np
import pytest

from napari_medai import Geometry, MedicalImage, write
from napari_medai.core.errors import ArgumentError, GeometryError, MedAIError, ReadError
from napari_medai.train import (
    Case,
    Cases,
    Split,
    cases_of,
    find_cases,
    make_plan,
    split_cases,
    take_fingerprint,
)
from napari_medai.train.plan import parse_plan, read_plan, write_plan
from napari_medai.train.split import load_split, refuse_leak, save_split
from napari_medai.train.store import IGNORED, CaseStore
from napari_medai.train.truth import load_case


def pair(seed=0, shape=(12, 20, 16), spacing=(3.0, 1.0, 1.0), label=1):
    rng = np.random.default_rng(seed)
    geometry = Geometry.from_spacing(shape, spacing)
    marks = np.zeros(shape, np.uint8)
    marks[tuple(slice(n // 4, n // 2) for n in shape)] = label
    values = (rng.normal(size=shape) * 10 + 50 * (marks > 0)).astype(np.float32)
    axes = "zyx"[-len(shape) :]
    image = MedicalImage(values, axes, geometry, name=f"case-{seed}")
    return image, MedicalImage(marks, axes, geometry, kind="labels")


def some_cases(count=4, **given):
    pairs = [pair(seed) for seed in range(count)]
    return cases_of([image for image, _ in pairs], [labels for _, labels in pairs], **given)


def test_patterns_match_images_and_labels_and_channels(tmp_path):
    for seed in range(3):
        image, labels = pair(seed)
        for part, what in (("flair", image), ("t1", image), ("seg", labels)):
            (tmp_path / part).mkdir(exist_ok=True)
            write(what, tmp_path / part / f"p{seed}_{part}.nii.gz")
    found = find_cases(
        tmp_path,
        image=["flair/*_flair.nii.gz", "t1/*_t1.nii.gz"],
        labels="seg/*_seg.nii.gz",
        subject=r"p(\d)",
    )
    assert [(c.name, c.subject, len(c.images)) for c in found] == [
        ("p0", "0", 2),
        ("p1", "1", 2),
        ("p2", "2", 2),
    ]
    loaded = load_case(found.items[1], found)
    image, labels = loaded.image, loaded.labels
    assert image.axes == "czyx"
    assert image.array.shape == (2, 12, 20, 16)
    assert labels.geometry.is_close(image.geometry)
    with pytest.raises(ArgumentError, match="No labels match"):
        find_cases(tmp_path, image="flair/*", labels="seg/*")


def test_nnunet_raw_layout_brings_names_channels_and_the_ignore_label(tmp_path):
    described = {
        "channel_names": {"0": "T1", "1": "T2"},
        "labels": {"background": 0, "tumour": 1, "ignore": 2},
        "file_ending": ".nii.gz",
    }
    (tmp_path / "dataset.json").write_text(json.dumps(described))
    for seed in range(2):
        image, labels = pair(seed)
        for channel in range(2):
            (tmp_path / "imagesTr").mkdir(exist_ok=True)
            write(image, tmp_path / "imagesTr" / f"BR_{seed}_000{channel}.nii.gz")
        (tmp_path / "labelsTr").mkdir(exist_ok=True)
        write(labels, tmp_path / "labelsTr" / f"BR_{seed}.nii.gz")
    found = find_cases(tmp_path)
    assert (found.labels, found.channels, found.ignore) == (("background", "tumour"), ("T1", "T2"), 2)
    assert load_case(found.items[0], found).image.array.shape[0] == 2


def test_bids_and_tables_are_found(tmp_path):
    image, labels = pair()
    for subject in ("sub-01", "sub-02"):
        place = tmp_path / "bids" / subject / "anat"
        marked = tmp_path / "bids" / "derivatives" / "manual" / subject / "anat"
        place.mkdir(parents=True)
        marked.mkdir(parents=True)
        write(image, place / f"{subject}_T1w.nii.gz")
        write(labels, marked / f"{subject}_desc-manual_dseg.nii.gz")
    found = find_cases(tmp_path / "bids", image="T1w")
    assert [c.subject for c in found] == ["sub-01", "sub-02"]
    table = tmp_path / "table.csv"
    rows = [f"{c.name},{c.images[0]},{c.labels},test" for c in found]
    table.write_text("case,image,labels,role\n" + "\n".join(rows))
    assert [c.role for c in find_cases(table)] == ["test", "test"]
    with pytest.raises(ReadError):
        find_cases(tmp_path / "nowhere")


def test_other_grids_are_refused_or_repaired():
    image, labels = pair()
    moved = labels.with_array(
        labels.array, geometry=Geometry.from_spacing(labels.array.shape, (3, 1, 1), (1, 0, 0))
    )
    with pytest.raises(GeometryError, match=r"Case case-0: .*another grid.*repair"):
        load_case(cases_of([image], [moved]).items[0], cases_of([image], [moved]))
    mending = cases_of([image], [moved], repair=True)
    repaired = load_case(mending.items[0], mending).labels
    assert np.array_equal(repaired.array[:, :, 1:], labels.array[:, :, :-1])


def test_every_bad_case_is_named_and_why(tmp_path):
    good = some_cases(3)
    image, labels = pair(7)
    array = np.array(image.array)
    array[0, 0, 0] = np.nan
    broken = tmp_path / "broken.nii.gz"
    broken.write_bytes(b"no image")
    bad = (Case("nan", (image.with_array(array),), labels), Case("unreadable", (broken,), labels))
    with pytest.raises(ArgumentError) as caught:
        take_fingerprint(Cases((*good.items, *bad)))
    assert "2 of 5 cases" in caught.value.message
    assert "Case nan: the image holds 1 NaN" in caught.value.message
    assert "Case unreadable" in caught.value.message


def test_labels_outside_the_list_and_empty_classes_are_named():
    image, labels = pair(label=3)
    with pytest.raises(ArgumentError, match=r"needed 1, 2, 3"):
        make_plan(cases_of([image], [labels]))
    named = Cases(some_cases().items, labels=("background", "liver", "spleen"))
    with pytest.raises(ArgumentError, match="No case has a voxel of spleen"):
        make_plan(named)
    plan = make_plan(some_cases())
    with pytest.raises(ArgumentError, match="Case case-0: found label 3; the list names 0 to 1"):
        CaseStore(cases_of([image.replace(name="case-0")], [labels]), plan.spec()).get("case-0")
    with pytest.raises(ArgumentError, match="Nothing is labelled"):
        make_plan(cases_of([image], [labels.with_array(labels.array * 0)]))


def test_a_subject_is_never_on_both_sides():
    items = tuple(
        Case(f"{s}-{k}", c.images, c.labels, subject=s)
        for s, c in zip("abcdef", some_cases(6), strict=True)
        for k in range(3)
    )
    cases = Cases(items)
    judged = []
    for fold in range(3):
        split = split_cases(cases, folds=3, fold=fold, seed=1)
        sides = [{name[0] for name in names} for names in (split.train, split.validation)]
        assert not sides[0] & sides[1]
        assert len(split.train) + len(split.validation) == 18
        judged += split.validation
    assert sorted(judged) == sorted(c.name for c in cases)
    with pytest.raises(ArgumentError, match="Subject a is in train and in validation"):
        refuse_leak(cases, Split(train=("a-0",), validation=("a-1",)))
    with pytest.raises(ArgumentError, match="1 subject"):
        split_cases(some_cases(1))


def test_the_test_part_and_groups_are_kept(tmp_path):
    cases = some_cases(10)
    groups = {c.subject: "tumour" if k < 5 else "none" for k, c in enumerate(cases)}
    split = split_cases(cases, folds=5, groups=groups)
    assert {groups[name] for name in split.validation} == {"tumour", "none"}
    held = split_cases(cases, folds=4, test=0.2)
    assert len(held.test) == 2
    save_split(held, tmp_path / "split.json")
    assert load_split(tmp_path / "split.json") == held


def test_a_plan_is_a_file_that_can_be_edited(tmp_path):
    plan = make_plan(some_cases())
    assert plan.spacing == (3.0, 1.0, 1.0)
    assert len(plan.patch) == 3
    for name in ("plan.yaml", "plan.json"):
        write_plan(plan, tmp_path / name)
        assert read_plan(tmp_path / name) == plan
    entries = plan.model_dump(mode="json", by_alias=True)
    with pytest.raises(ArgumentError, match="bathc is not a known entry; did you mean batch"):
        parse_plan(entries | {"bathc": 2})
    with pytest.raises(ArgumentError, match="ignore is 1"):
        parse_plan(entries | {"ignore": 1})


def test_memory_decides_width_and_patches():
    from napari_medai.train.planner import memory_of

    shape = (64, 128, 128)
    geometry = Geometry.from_spacing(shape, (2, 1, 1))
    marks = np.zeros(shape, np.uint8)
    marks[20:30, 40:60, 40:60] = 1
    image = MedicalImage(
        np.random.default_rng(0).normal(size=shape), "zyx", geometry, meta={"modality": "CT"}
    )
    cases = cases_of([image], [MedicalImage(marks, "zyx", geometry, kind="labels")])
    small, large = (make_plan(cases, memory_gb=gb) for gb in (2, 16))
    assert memory_of(small) <= 2
    assert 2 < memory_of(large) <= 16
    assert small.intensity[0].operation == "window_intensity"
    assert small.network.arguments["strides"][1] == [1, 2, 2]


def test_little_time_on_the_processor_makes_voxels_larger_and_patches_see_as_much():
    cases = some_cases(1)
    seen = take_fingerprint(cases).model_copy(
        update={"spacings": ((1.0, 1.0, 1.0),), "shapes": ((150, 240, 240),), "unit": "mm"}
    )

    def planned(minutes, device="cpu"):
        return make_plan(cases, minutes=minutes, device=device, fingerprint=seen)

    long, short, shortest = planned(600), planned(8), planned(0.1)
    assert (long.spacing, long.patch) == ((1, 1, 1), (96, 96, 96))
    assert planned(None).spacing == (1, 1, 1)
    assert 1 < short.spacing[0] < 2
    assert shortest.spacing == (2, 2, 2)
    for plan in (short, shortest):
        assert 75 <= plan.patch[0] * plan.spacing[0] <= 96
    assert parse_plan(short.model_dump(by_alias=True)) == short
    assert make_plan(some_cases(1), minutes=0.5, device="cpu").spacing == (3, 1, 1)


def test_the_cache_stays_within_its_budget_and_ignored_voxels_are_marked():
    image, labels = pair()
    marks = np.full(labels.array.shape, 9, np.uint8)
    marks[:, :5] = labels.array[:, :5]
    cases = cases_of([image], [labels.with_array(marks)], ignore=9)
    plan = make_plan(Cases(some_cases().items, ignore=9))
    ready = CaseStore(cases, plan.spec()).get("case-0")
    assert set(ready.places) <= {0, 1}
    assert (ready.truth == IGNORED).sum() == (marks == 9).sum()
    one = ready.megabytes
    store = CaseStore(some_cases(6), plan.spec(), cache_mb=2.5 * one)
    for name in store.names:
        store.get(name)
    assert 0 < store.held_mb <= 2.5 * one
    with pytest.raises(MedAIError, match="no case"):
        some_cases(1).named(["another"])
