"""What every operation promises, tried on each that is registered; a new one is covered by being there."""

import copy
import importlib
import inspect
import json
from dataclasses import fields, is_dataclass

import numpy as np
import pandas as pd
import pytest
from contract_inputs import arguments, data_in, grids, make_input
from docstring_parser import DocstringStyle, parse
from made_images import StopAt

from napari_medai import Boxes, Landmarks, MedAIError, MedicalImage, catalog, replay, write
from napari_medai.core.errors import Cancelled
from napari_medai.core.history import Record

# Other tests declare operations of their own, in groups of their own.
OPERATIONS = sorted(
    (o for o in catalog.operations().values() if o.group in catalog.GROUPS), key=lambda o: (o.group, o.name)
)
each_operation = pytest.mark.parametrize("operation", OPERATIONS, ids=lambda o: o.name)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with two small images, for operations that work on folders."""
    from contract_inputs import intensity_image

    path = tmp_path_factory.mktemp("images")
    for number in range(2):
        write(intensity_image(grids()["3-D"], number), path / f"image-{number}.nii.gz")
    return path


@pytest.fixture(scope="module")
def runs(folder):
    """The first run of each operation that goes through: (arguments, result), kept for all tests."""
    kept = {}

    def run(operation):
        if operation.name not in kept:
            kept[operation.name] = first_run(operation, folder)
        return kept[operation.name]

    return run


def first_run(operation, folder):
    """Try the grids in turn; an operation may refuse all but one, by an error meant to be read."""
    refused = {}
    for name, geometry in grids().items():
        chosen = arguments(operation, geometry, folder)
        before = [values_of(copy.deepcopy(d)) for d in data_in(chosen)]
        try:
            result = operation.function(**chosen)
        except MedAIError as error:
            refused[name] = str(error)
            continue
        return chosen, result, before
    raise AssertionError(f"{operation.name} refused every grid: {refused}")


def values_of(value):
    """The arrays a value holds."""
    held = vars(value).items() if hasattr(value, "__dict__") else []
    return {k: np.array(v) for k, v in held if isinstance(v, np.ndarray)}


def same(a, b):
    """Whether two results are one, number by number."""
    if isinstance(a, MedicalImage):
        return (
            a.geometry == b.geometry and a.kind == b.kind and same(np.asarray(a.array), np.asarray(b.array))
        )
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and np.array_equal(a, b, equal_nan=a.dtype.kind == "f")
    if isinstance(a, Landmarks):
        return a.names == b.names and np.array_equal(a.positions, b.positions)
    if isinstance(a, Boxes):
        return np.array_equal(a.lower, b.lower) and np.array_equal(a.upper, b.upper)
    if isinstance(a, pd.DataFrame):
        return a.equals(b)
    return True


def parts(result):
    """Every image, point set, box set and table in a result."""
    kinds = (MedicalImage, Landmarks, Boxes, pd.DataFrame)
    if isinstance(result, kinds):
        return [result]
    if isinstance(result, tuple):
        return [p for item in result for p in parts(item)]
    if is_dataclass(result):
        return [p for f in fields(result) for p in parts(getattr(result, f.name))]
    return []


def test_there_are_operations_to_try():
    assert {o.group for o in OPERATIONS} >= {"preprocess", "segment", "explore"}


@each_operation
def test_its_group_serves_it_by_its_name(operation):
    group = importlib.import_module(f"napari_medai.{operation.group}")
    assert getattr(group, operation.name) is operation.function


@each_operation
def test_every_parameter_is_typed_and_explained(operation):
    signature = inspect.signature(inspect.unwrap(operation.function))
    said = parse(inspect.getdoc(operation.function), DocstringStyle.NUMPYDOC)
    described = {n.strip(): p.description for p in said.params for n in p.arg_name.split(",")}
    assert operation.summary.endswith(".")
    assert operation.title
    assert signature.return_annotation is not inspect.Signature.empty
    for name, parameter in signature.parameters.items():
        assert parameter.annotation is not inspect.Parameter.empty, f"{name} has no annotation"
        assert described.get(name), f"{name} is not in the docstring"
    assert set(described) <= set(signature.parameters), "the docstring names a parameter that is not there"


@each_operation
def test_defaults_are_valid_and_can_be_recorded(operation):
    for parameter in operation.options:
        if not parameter.required:
            checked = parameter.validate(parameter.default)
            json.dumps(parameter.to_json(checked))


@each_operation
def test_it_runs_and_leaves_its_input_alone(operation, runs):
    chosen, result, before = runs(operation)
    assert result is not None
    for value, arrays in zip(data_in(chosen), before, strict=True):
        for name, array in arrays.items():
            np.testing.assert_array_equal(getattr(value, name), array)


@each_operation
def test_it_keeps_the_grid_or_says_that_it_does_not(operation, runs):
    chosen, result, _ = runs(operation)
    images = [v for v in data_in(chosen) if isinstance(v, MedicalImage)]
    results = [p for p in parts(result) if isinstance(p, MedicalImage)]
    if not operation.new_grid and images:
        for image in results:
            assert image.geometry.is_close(images[0].geometry), "another grid, but new_grid is not declared"


@each_operation
def test_its_history_is_written_and_replays_to_the_same(operation, runs):
    chosen, result, _ = runs(operation)
    for part in parts(result):
        if isinstance(part, pd.DataFrame):
            continue
        entry = json.loads(json.dumps([record.to_json() for record in part.history]))
        history = [Record.from_json(record) for record in entry]
        assert history[-1].operation == operation.name
        assert same(replay(history, data_in(chosen)), part)


@each_operation
def test_the_same_arguments_give_the_same_result(operation, runs):
    chosen, result, _ = runs(operation)
    tables = [p for p in parts(result) if isinstance(p, pd.DataFrame)]
    if tables:  # images and points are compared by their replay
        again = [p for p in parts(operation.function(**chosen)) if isinstance(p, pd.DataFrame)]
        assert all(same(a, b) for a, b in zip(tables, again, strict=True))


@each_operation
def test_it_stops_at_its_first_report(operation, runs):
    chosen, _, _ = runs(operation)
    assert operation.reports_progress, "it takes no progress"
    reporter = StopAt(1)
    with pytest.raises(Cancelled):
        operation.function(**chosen, progress=reporter)
    assert reporter.count == 1


@each_operation
def test_each_optional_input_is_used_or_refused_with_a_reason(operation, runs):
    chosen, _, _ = runs(operation)
    given = next((d for d in data_in(chosen) if hasattr(d, "geometry")), None)
    for number, parameter in enumerate(operation.inputs):
        if parameter.required or given is None:
            continue
        extra = {parameter.name: make_input(parameter, given.geometry, number)}
        try:
            result = operation.function(**chosen, **extra)
        except MedAIError:
            continue  # some need an option besides, or no second input of this make; they say which
        records = [r for part in parts(result) if hasattr(part, "history") for r in part.history[-1:]]
        assert all(parameter.name in record.inputs for record in records)
