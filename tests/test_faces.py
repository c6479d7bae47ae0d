"""Every operation has all its faces: a form, a sub-command, a page of the reference, a step of a recipe."""

from __future__ import annotations

import importlib.util
import inspect
import re
from html import unescape
from pathlib import Path

import click
import pytest
from contract_inputs import arguments, grids

from napari_medai import catalog
from napari_medai.cli.app import commands
from napari_medai.core.reference import operation_page
from napari_medai.recipe import Recipe
from napari_medai.recipe.execute import prepare

ROOT = Path(__file__).parents[1]
OPERATIONS = sorted(
    (o for o in catalog.operations().values() if o.group in catalog.GROUPS), key=lambda o: (o.group, o.name)
)
each_operation = pytest.mark.parametrize("operation", OPERATIONS, ids=lambda o: o.name)


@each_operation
def test_the_form_has_a_field_for_every_parameter_with_its_tooltip(qtbot, operation):
    pytest.importorskip("qtpy")
    from napari_medai.gui.form import OperationForm

    form = OperationForm(operation)
    qtbot.addWidget(form)
    assert list(form.pickers) == [p.name for p in operation.inputs]
    assert list(form.fields) == [p.name for p in operation.options]
    for name, shown in {**form.pickers, **form.fields}.items():
        (parameter,) = (p for p in operation.parameters if p.name == name)
        assert parameter.description, f"{operation.name}: {name} is not described"
        widget = getattr(shown, "widget", shown)
        first = " ".join(re.findall(r"\w+", parameter.description)[:2])
        assert first in " ".join(re.findall(r"\w+", unescape(widget.toolTip()))), f"{operation.name}: {name}"


@each_operation
def test_what_an_option_depends_on_is_a_choice_of_the_same_operation(operation):
    others = {p.name: p for p in operation.options}
    for parameter in operation.options:
        if parameter.when is None:
            continue
        other = others[parameter.when.option]
        assert set(parameter.when.values) <= set(other.choices or (True, False))
        assert other.choices or other.types == (bool,)
        assert f"with `{other.name}`" in operation_page(operation)


@each_operation
def test_the_sub_command_takes_every_parameter(operation):
    word = operation.name.replace("_", "-")
    with click.Context(commands) as context:
        command = commands.get_command(context, word)
        assert command is not None
        assert word in commands.list_commands(context) or commands.get_command(context, word)
    assert {p.name for p in command.params} >= {p.name for p in operation.parameters}
    assert command.help.startswith(operation.summary.replace("``", ""))


@each_operation
def test_the_reference_has_a_section_with_every_parameter(operation):
    page = (ROOT / "docs" / "reference" / f"{operation.group}.md").read_text(encoding="utf-8")
    _, heading, rest = page.partition(f"\n## {operation.name}\n")
    assert heading, f"no section {operation.name}: run scripts/make_reference.py"
    section = rest.partition("\n## ")[0]
    assert operation.title in section
    for parameter in operation.parameters:
        assert f"\n| `{parameter.name}` | " in section
    assert f"](#{operation.name})" in page


@each_operation
def test_a_recipe_may_have_it_as_a_step(operation, tmp_path):
    given = (
        arguments(operation, grids()["3-D"], tmp_path) if any(o.required for o in operation.options) else {}
    )
    options = {o.name: o.to_json(o.validate(given[o.name])) for o in operation.options if o.required}
    inputs = {p.name: [p.name] if p.many else p.name for p in operation.inputs}
    entry = {
        "schema": "napari-medai/recipe/1",
        "inputs": {p.name: {"kind": kind(p)} for p in operation.inputs} or {"unused": {"kind": "image"}},
        "steps": [{"id": "step", "operation": operation.name, "inputs": inputs, "options": options}],
    }
    (prepared,) = prepare(Recipe.from_json(entry))
    assert prepared.operation is operation
    entry["steps"][0]["options"]["no_such_option"] = 1
    with pytest.raises(Exception, match="no_such_option"):
        prepare(Recipe.from_json(entry))


def kind(parameter):
    """The kind of a recipe's input for a parameter."""
    names = {"Landmarks": "landmarks", "Boxes": "boxes", "SpatialTransform": "transform"}
    return names.get(parameter.input_type.__name__) or parameter.image_kind or "image"


def test_the_reference_is_what_the_declarations_say():
    spec = importlib.util.spec_from_file_location("make_reference", ROOT / "scripts" / "make_reference.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    assert script.stale(script.pages()) == [], "run: make reference"
    changed = script.pages() | {"segment.md": "old"}
    assert script.stale(changed) == ["segment.md"]


def test_a_page_shows_units_limits_choices_and_sources():
    text = operation_page(catalog.find("correct_bias_field"))
    assert "| `working_spacing_mm` | `4.0`, ≥ 0.5 and ≤ 20, mm |" in text
    assert "*Source.* Tustison et al. 2010" in text
    assert "may be left out" in text
    for operation in OPERATIONS:
        assert "``" not in operation_page(operation).replace("```", "")
        assert ":func:" not in operation_page(operation)
        assert inspect.getdoc(operation.function)
