"""Cases found in tables, folders, globs and by matching names; what is missing is said, not skipped."""

import numpy as np
import pytest
from made_dicom import write_dicom
from small_scans import small_scan

from napari_medai import write
from napari_medai.core.errors import ArgumentError, Cancelled, ReadError
from napari_medai.recipe import Recipe, find_cases
from napari_medai.recipe.inputs import read_one


@pytest.fixture
def pair():
    """A recipe with two inputs."""
    return Recipe.from_json(
        {
            "schema": "napari-medai/recipe/1",
            "inputs": {
                "image": {"kind": "intensity", "match": "*_T1w.nii.gz"},
                "mask": {"kind": "labels", "match": "*_mask.nii.gz"},
            },
            "steps": [
                {
                    "id": "regions",
                    "operation": "measure_regions",
                    "inputs": {"image": "image", "labels": "mask"},
                }
            ],
        }
    )


def touch(*paths):
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


def test_every_image_file_of_a_folder_is_a_case(blobs, scans):
    touch(scans / "sub" / "deep.nii", scans / "notes.txt", scans / ".hidden" / "x.nii.gz")
    names = {case.name for case in find_cases(blobs, [scans])}
    assert names == {"p0", "p1", "p2", "p3", "sub_deep"}


def test_a_glob_and_single_files(blobs, scans):
    assert [c.name for c in find_cases(blobs, [f"{scans}/p[01].nii.gz"])] == ["p0", "p1"]
    cases = find_cases(blobs, [scans / "p3.nii.gz", scans / "gone.nii.gz"])
    assert [bool(c.missing) for c in cases] == [False, True]


def test_every_dicom_series_of_a_tree_is_a_case_that_reads_as_one_image(blobs, tmp_path):
    for series in ("a", "b"):
        folder = tmp_path / "study" / series
        folder.mkdir(parents=True)
        for k in range(3):
            write_dicom(folder, k)
            rename_series(folder / f"{k}.dcm", series)
    cases = find_cases(blobs, [tmp_path / "study"])
    assert len(cases) == 2
    assert len({c.name for c in cases}) == 2
    for case in cases:
        assert read_one(case.inputs["image"]).array.shape == (3, 8, 8)


def test_two_series_in_one_folder_are_told_apart(blobs, tmp_path):
    folder = tmp_path / "mixed"
    folder.mkdir()
    for series in ("a", "b"):
        for k in range(3):
            write_dicom(folder, k)
            rename_series(folder / f"{k}.dcm", series)
            (folder / f"{k}.dcm").rename(folder / f"{series}{k}.dcm")
    cases = find_cases(blobs, [folder])
    assert len(cases) == 2
    arrays = [read_one(case.inputs["image"]).array for case in cases]
    assert [a.shape for a in arrays] == [(3, 8, 8), (3, 8, 8)]


def rename_series(path, series):
    import pydicom

    data = pydicom.dcmread(path)
    data.SeriesInstanceUID = f"1.2.3.{ord(series)}"
    data.SOPInstanceUID = f"1.2.3.{ord(series)}.{data.InstanceNumber}"
    data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID
    data.SeriesDescription = f"series {series}"
    data.save_as(path)


def test_the_output_of_a_batch_inside_the_folder_is_passed_over(blobs, scans):
    touch(scans / "out" / "recipe.yaml", scans / "out" / "manifest.json", scans / "out" / "p0" / "m.nii.gz")
    assert [c.name for c in find_cases(blobs, [scans])] == ["p0", "p1", "p2", "p3"]


def test_a_bids_like_tree_matches_inputs_by_name_and_tells_what_is_missing(pair, tmp_path):
    root = tmp_path / "bids"
    for subject in ("01", "02", "03"):
        touch(root / f"sub-{subject}" / "anat" / f"sub-{subject}_T1w.nii.gz")
    for subject in ("01", "03", "04"):
        touch(root / "derivatives" / f"sub-{subject}" / f"sub-{subject}_mask.nii.gz")
    cases = {case.name: case for case in find_cases(pair, [root])}
    assert list(cases) == ["sub-01", "sub-02", "sub-03", "sub-04"]
    assert cases["sub-01"].missing == ()
    assert cases["sub-01"].inputs["mask"].endswith("derivatives/sub-01/sub-01_mask.nii.gz")
    assert cases["sub-02"].missing == ("the input mask is missing: no file *_mask.nii.gz",)
    assert cases["sub-04"].missing == ("the input image is missing: no file *_T1w.nii.gz",)


def test_patterns_of_the_caller_go_before_those_of_the_recipe(pair, tmp_path):
    touch(tmp_path / "t" / "a-flair.nii", tmp_path / "t" / "a_mask.nii.gz")
    (case,) = find_cases(pair, [tmp_path / "t"], {"image": "*-flair.nii"})
    assert case.missing == ()
    with pytest.raises(ArgumentError, match="no input 'imag'"):
        find_cases(pair, [tmp_path / "t"], {"imag": "*"})


def test_two_files_for_one_input_are_refused(pair, tmp_path):
    touch(tmp_path / "t" / "x" / "a_T1w.nii.gz", tmp_path / "t" / "y" / "a_T1w.nii.gz")
    with pytest.raises(ArgumentError, match="Two files are the input 'image' of case 'a'"):
        find_cases(pair, [tmp_path / "t"])


@pytest.mark.parametrize(("suffix", "mark"), [(".csv", ","), (".tsv", "\t")])
def test_a_table_names_cases_and_files_relative_to_itself(pair, tmp_path, suffix, mark):
    touch(tmp_path / "d" / "i.nii", tmp_path / "d" / "m.nii")
    rows = [
        ["case", "image", "mask"],
        ["one", "d/i.nii", "d/m.nii"],
        ["two", "d/i.nii", ""],
        ["one", "x", "y"],
    ]
    table = tmp_path / f"cases{suffix}"
    table.write_text("\n".join(mark.join(row) for row in rows))
    cases = find_cases(pair, [table])
    assert [c.name for c in cases] == ["one", "two", "one-2"]
    assert [len(c.missing) for c in cases] == [0, 1, 2]


def test_a_table_without_a_column_is_refused(pair, tmp_path):
    (tmp_path / "cases.csv").write_text("case,image\na,b\n")
    with pytest.raises(ArgumentError, match="no column 'mask'"):
        find_cases(pair, [tmp_path / "cases.csv"])


def test_one_case_of_several_inputs_by_order_or_name(pair, tmp_path):
    scan, mask = write(small_scan(), tmp_path / "s.nii"), write(small_scan(), tmp_path / "m.nii")
    for words in ([scan, mask], [f"mask={mask}", f"image={scan}"]):
        (case,) = find_cases(pair, words)
        assert case.inputs == {"image": str(scan), "mask": str(mask)}
    with pytest.raises(ArgumentError, match="Found 3 inputs"):
        find_cases(pair, [scan, mask, scan])


def test_an_empty_folder_is_an_error(blobs, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(ReadError, match="no case"):
        find_cases(blobs, [tmp_path / "empty"])


def test_names_that_only_differ_in_what_a_folder_cannot_hold_stay_apart(blobs, tmp_path):
    touch(tmp_path / "t" / "a b.nii", tmp_path / "t" / "a_b.nii", tmp_path / "t" / "A_B.png")
    names = [case.name.lower() for case in find_cases(blobs, [tmp_path / "t"])]
    assert len(set(names)) == 3


def test_header_and_voxels_in_two_files_are_one_case(blobs, tmp_path):
    import nibabel

    folder = tmp_path / "pairs"
    folder.mkdir()
    nibabel.Nifti1Pair(np.zeros((3, 4, 5), np.float32), np.eye(4)).to_filename(folder / "scan.hdr")
    assert [case.name for case in find_cases(blobs, [folder])] == ["scan"]


@pytest.mark.parametrize("how", ["folder", "glob", "patterns", "series"])
def test_the_search_of_a_large_tree_tells_how_far_it_is_and_can_be_stopped(blobs, pair, tmp_path, how):
    tree = tmp_path / "tree"
    if how == "series":
        tree.mkdir()
        for k in range(8):
            write_dicom(tree, k)
    else:
        touch(*(tree / f"s{k}" / f"a{k}_T1w.nii" for k in range(70)))
    heard = []

    def progress(step):
        heard.append(step.message)
        if len(heard) == 3:
            raise Cancelled

    recipe = pair if how == "patterns" else blobs
    with pytest.raises(Cancelled):
        find_cases(recipe, [f"{tree}/*/*.nii" if how == "glob" else tree], progress=progress)
    assert heard[0] == "Looking for cases: 0 files"
