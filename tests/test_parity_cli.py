"""The same step typed and called gives the same voxels, points and numbers, bit for bit."""

import io
import json
import logging

import numpy as np
import pandas as pd
import pytest
from contract_inputs import arguments, grids
from small_scans import small_scan

from napari_medai import Boxes, Landmarks, MedAIError, MedicalImage, SpatialTransform, catalog, read, write
from napari_medai.cli.app import commands
from napari_medai.cli.command import command_of
from napari_medai.cli.failure import guarded
from napari_medai.cli.values import as_word
from napari_medai.io.boxes import read_boxes, write_boxes
from napari_medai.io.points import read_points, write_points
from napari_medai.measure.mesh import Mesh
from napari_medai.recipe.inputs import read_input
from napari_medai.recipe.results import parts_of, plain, suffix_of

# Other tests declare operations of their own, in groups of their own.
OPERATIONS = sorted(
    (o for o in catalog.operations().values() if o.group in catalog.GROUPS), key=lambda o: (o.group, o.name)
)


def on_disk(value, path):
    """Write an input to a file and return where."""
    if isinstance(value, MedicalImage):
        return write(value, path.with_suffix(".nii.gz"))
    if isinstance(value, Landmarks):
        return write_points(value, path.with_suffix(".csv"))
    if isinstance(value, Boxes):
        return write_boxes(value, path.with_suffix(".csv"))
    assert isinstance(value, SpatialTransform), f"no file for {type(value).__name__}"
    value.save(path.with_suffix(".tfm"))
    return path.with_suffix(".tfm")


def read_back(path, parameter):
    if parameter.input_type is Landmarks:
        return read_points(path)
    if parameter.input_type is Boxes:
        return read_boxes(path)
    if parameter.input_type is SpatialTransform:
        return SpatialTransform.load(path)
    return read_input("labels" if parameter.image_kind == "labels" else "image", str(path))


def words_and_data(operation, geometry, folder):
    """Return the words of a command and the very data that it will read."""
    images = folder / "images"
    images.mkdir()
    for number in range(2):
        write(small_scan(number), images / f"scan-{number}.nii.gz")
    given = arguments(operation, geometry, images)
    arguments_of = {p.name for p in command_of(operation).params if p.param_type_name == "argument"}
    words, data = [], {}
    for parameter in operation.parameters:
        if parameter.name not in given:
            continue
        value = given[parameter.name]
        if not parameter.is_input:
            words += [f"--{parameter.name.replace('_', '-')}", as_word(value)]
            data[parameter.name] = value
            continue
        several = value if isinstance(value, list) else [value]
        paths = [on_disk(v, folder / f"{parameter.name}-{k}") for k, v in enumerate(several)]
        back = [read_back(path, parameter) for path in paths]
        data[parameter.name] = back if isinstance(value, list) else back[0]
        flag = [] if parameter.name in arguments_of else [f"--{parameter.name.replace('_', '-')}"]
        words += [word for path in paths for word in (*flag, str(path))]
    return words, data


def call(operation, data):
    """Return the result, or the error meant to be read."""
    try:
        return operation.function(**data), None
    except MedAIError as error:
        return None, error


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda o: o.name)
def test_typed_and_called_give_the_same(operation, tmp_path, capfd):
    refusals = []
    for name, geometry in grids().items():
        folder = tmp_path / name
        folder.mkdir()
        words, data = words_and_data(operation, geometry, folder)
        result, refused = call(operation, data)
        capfd.readouterr()
        out = folder / "out"
        suffix = "" if result is None else suffix_of(next(iter(parts_of(result).values())))
        command = [operation.name.replace("_", "-"), *words, "-o", f"{out}{suffix or '.nii.gz'}"]
        code = guarded(commands, command)
        logging.captureWarnings(False)
        said = capfd.readouterr().err
        if refused is not None:
            assert code == 2, said
            assert " ".join(str(refused).split()) in said
            refusals.append(refused)
            continue
        assert code == 0, said
        for part, value in parts_of(result).items():
            compare(value, folder / f"out{f'_{part}' if part else ''}{suffix_of(value)}")
        return
    pytest.skip(f"refuses every sample input alike by both ways: {refusals[0]}")


def compare(value, path):
    if isinstance(value, MedicalImage):
        (seen,) = read(path)
        assert seen.array.dtype == value.array.dtype or value.array.dtype == bool
        np.testing.assert_array_equal(seen.array, value.array)
        assert seen.geometry.is_close(value.geometry)
        assert seen.kind == value.kind
        assert [r.parameters for r in seen.history] == json.loads(
            json.dumps([dict(r.parameters) for r in value.history])
        )
    elif isinstance(value, SpatialTransform):
        for seen, meant in zip(SpatialTransform.load(path).contents(), value.contents(), strict=True):
            np.testing.assert_array_equal(seen, meant)
    elif isinstance(value, Mesh):
        value.save(path.with_name(f"called{path.suffix}"))
        assert path.read_bytes() == path.with_name(f"called{path.suffix}").read_bytes()
    elif isinstance(value, Boxes):
        np.testing.assert_array_equal(read_boxes(path).upper, value.upper)
    elif isinstance(value, Landmarks):
        np.testing.assert_array_equal(read_points(path).positions, value.positions)
    elif isinstance(value, pd.DataFrame):
        text = value.to_csv(index=value.index.name is not None)
        pd.testing.assert_frame_equal(pd.read_csv(path), pd.read_csv(io.StringIO(text)), check_exact=True)
    else:
        assert json.loads(path.read_text()) == json.loads(json.dumps(plain(value)))
