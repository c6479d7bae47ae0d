"""An operation as a sub-command: its help, its inputs, its words, its results."""

import csv
import io
import json

import imageio.v3 as iio
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_scans import small_scan

from napari_medai import catalog, read, write
from napari_medai.cli.values import as_word, parse
from napari_medai.core.parameter import Parameter
from napari_medai.segment import threshold_otsu

# Other tests declare operations of their own, in groups of their own.
OPERATIONS = sorted(
    (o for o in catalog.operations().values() if o.group in catalog.GROUPS), key=lambda o: o.name
)


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda o: o.name)
def test_help_names_every_parameter_with_its_default(command, operation):
    said = command(operation.name.replace("_", "-"), "--help")
    assert said.code == 0, said.err
    text = " ".join(said.out.split())
    for parameter in operation.parameters:
        word = parameter.name.replace("_", "-")
        assert (f"--{word}" in text) or (word.upper() in text), parameter.name
    assert " ".join(operation.summary.replace("``", "").split())[:40] in text


def test_list_names_every_operation(command):
    said = command("list")
    listed = {line.split()[0] for line in said.out.splitlines() if line.startswith("  ")}
    assert listed == {operation.name.replace("_", "-") for operation in OPERATIONS}


def test_list_finds_a_word(command):
    assert "smooth-gaussian" in command("list", "gauss").out
    assert command("list", "xyzzy").code == 2


def test_underscores_are_as_good_as_dashes(tmp_path, scan, command):
    one, other = tmp_path / "one.nii", tmp_path / "other.nii"
    assert command("smooth-gaussian", scan, "-o", one, "--sigma-mm", "2").code == 0
    assert command("smooth_gaussian", scan, "-o", other, "--sigma_mm", "2").code == 0
    np.testing.assert_array_equal(read(one)[0].array, read(other)[0].array)


def test_a_table_is_printed_as_csv_or_written(tmp_path, scan, command):
    labels = write(threshold_otsu(read(scan)[0]), tmp_path / "labels.nii.gz")
    said = command("measure-regions", scan, labels)
    assert said.code == 0, said.err
    rows = list(csv.DictReader(io.StringIO(said.out)))
    assert int(rows[0]["voxels"]) == np.count_nonzero(read(labels)[0].array)
    assert command("measure-regions", scan, labels, "-o", tmp_path / "t.csv").out == ""
    assert (tmp_path / "t.csv").read_text() == said.out
    assert command("measure-regions", scan, labels, "-o", tmp_path / "t.nii.gz").code == 2


def test_whole_numbers_become_labels_and_that_is_said(tmp_path, scan, command):
    labels = threshold_otsu(read(scan)[0])
    plain = write(labels.with_array(np.asarray(labels.array), kind="intensity"), tmp_path / "mask.nii.gz")
    said = command("measure-regions", scan, plain)
    assert said.code == 0
    assert "mask.nii.gz is read as labels 0 to 1" in said.err


def test_a_file_with_several_images_asks_which(tmp_path, command):
    (tmp_path / "many").mkdir()
    for number in range(2):
        write(small_scan(number), tmp_path / "many" / f"scan{number}.nii.gz")
    out = tmp_path / "out.nii"
    said = command("smooth-gaussian", tmp_path / "many", "-o", out)
    assert said.code == 2
    assert "holds 2 images: #1" in said.err
    assert "#1" in said.err.rpartition("number")[2]
    assert command("smooth-gaussian", f"{tmp_path / 'many'}#2", "-o", out, "--sigma-mm", "1").code == 0
    assert read(out)[0].history[0].inputs["image"].name == "ball 1"
    assert "no number 3" in command("smooth-gaussian", f"{tmp_path / 'many'}#3", "-o", tmp_path / "o.nii").err


def test_notices_of_the_input_are_said_once(tmp_path, command):
    path = tmp_path / "flat.png"
    iio.imwrite(path, np.arange(400, dtype=np.uint8).reshape(20, 20))
    notices = read(path)[0].meta.get("notices", ())
    assert notices
    said = command("smooth-gaussian", path, "-o", tmp_path / "o.tif")
    assert said.code == 0, said.err
    assert said.err.splitlines() == [f"napari-medai: note: {notice}" for notice in notices]


def test_info_tells_size_spacing_and_number(scan, command):
    said = command("info", scan)
    assert said.code == 0
    assert "#1" in said.out
    assert "12 x 20 x 20, 2 x 1 x 1 mm" in said.out
    entry = json.loads(command("info", scan, "--json").out)[0]
    assert entry["shape"] == [12, 20, 20]


options = [p for operation in OPERATIONS for p in operation.options if not p.required]


@pytest.mark.parametrize("parameter", options, ids=lambda p: p.name)
def test_the_default_as_a_word_is_the_default(parameter):
    if not isinstance(parameter.default, (str, int, float, bool, tuple, list, dict, type(None))):
        pytest.skip("no word for this default")
    from_word = parameter.validate(parse(parameter, as_word(parameter.default)))
    assert repr(from_word) == repr(parameter.validate(parameter.default))


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_keeps_every_bit_on_the_command_line(value):
    parameter = Parameter("sigma_mm", float)
    assert parameter.validate(parse(parameter, as_word(value))) == value


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=4))
def test_a_sequence_keeps_every_bit_on_the_command_line(values):
    parameter = Parameter("spacing_mm", tuple[float, ...])
    assert parameter.validate(parse(parameter, as_word(values))) == tuple(values)
