"""The README and the pages under docs tell the truth: their code runs, their commands and links exist."""

import re
import shutil
import tomllib
from pathlib import Path

import pytest
import yaml
from pages import FENCE, Block, blocks_of, commands_of, run_command, run_page

from napari_medai import catalog

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
TARGETS = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)


@pytest.fixture(scope="module")
def samples(tmp_path_factory):
    folder = tmp_path_factory.mktemp("samples")
    run_command(["napari-medai", "samples", "--output", "samples"], folder)
    return folder / "samples"


@pytest.mark.slow
@each_page
def test_every_code_block_runs(page, samples, tmp_path):
    shutil.copytree(samples, tmp_path / "samples")
    run_page(page, tmp_path)


@each_page
def test_every_other_command_exists(page):
    for block in blocks_of(page.read_text(encoding="utf-8")):
        assert block.language in {"python", "sh", "text", "json", "yaml"}, f"{page.name}:{block.line}"
        for command in commands_of(block.text) if block.language == "sh" else []:
            assert known(command), f"{page.name}:{block.line}: {' '.join(command)}"


def known(command):
    """Tell whether a shell command of a page is one that works after a clone or an installation."""
    match command:
        case ["make", target]:
            return target in TARGETS
        case ["pip", "install", what]:
            name, _, extra = what.rstrip("]").partition("[")
            return name == PROJECT["name"] and (not extra or extra in PROJECT["optional-dependencies"])
        case [".venv/bin/python" | ".venv-peers/bin/python", script, *_] if script.endswith(".py"):
            return (ROOT / script).is_file()
        case [".venv/bin/pre-commit", "install"]:
            return any(name.startswith("pre-commit") for name in PROJECT["optional-dependencies"]["dev"])
        case [".venv/bin/python", "-m", "pytest", *paths]:
            return all((ROOT / path).exists() for path in paths if not path.startswith("-"))
        case ["git", "clone", _] | ["cd", "napari-medai"] | ["napari"] | ["napari-medai", *_]:
            return True
    return False


@each_page
def test_every_link_within_the_repository_leads_somewhere(page):
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", text):
        assert "://" in target or (page.parent / target).exists(), f"{page.name}: {target}"


@each_page
def test_every_menu_that_is_named_is_in_the_manifest(page):
    manifest = yaml.safe_load((ROOT / "napari.yaml").read_text(encoding="utf-8"))["contributions"]
    names = {one["command"]: one["display_name"] for one in manifest["widgets"]}
    for menu, name in re.findall(r"\*Layers > (\w+)(?: > (\w+))?\*", page.read_text(encoding="utf-8")):
        entries = manifest["menus"].get(f"napari/layers/{menu.lower()}", [])
        shown = {names.get(entry.get("command")) for entry in entries}
        assert shown if not name else name in shown, f"{page.name}: Layers > {menu} > {name}"


def test_every_group_of_operations_has_a_page_that_names_one_of_them():
    for group in catalog.GROUPS:
        page = ROOT / "docs" / f"{group}.md"
        names = [operation.name for operation in catalog.of_group(group)]
        if names:
            assert page.is_file(), f"docs/{group}.md is missing"
            assert any(name in page.read_text(encoding="utf-8") for name in names)


def test_every_page_is_reached_from_the_readme():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for page in (ROOT / "docs").glob("*.md"):
        assert f"docs/{page.name}" in readme, f"the README does not lead to {page.name}"


def test_a_false_page_is_noticed(tmp_path):
    page = tmp_path / "false.md"
    page.write_text("# A\n```python\nx = 1\n```\ntext\n```python\nassert x == 2\n```\n", encoding="utf-8")
    with pytest.raises(AssertionError, match=r"false\.md\", line 7"):  # the page's line, not the block's
        run_page(page, tmp_path)
    page.write_text("```sh\nnapari-medai no-such-command \\\n  here\n```\n", encoding="utf-8")
    with pytest.raises(AssertionError, match="no-such-command here"):
        run_page(page, tmp_path)


def test_a_command_that_does_not_exist_is_noticed():
    assert not known(["make", "coffee"])
    assert not known(["pip", "install", "napari-medai[coffee]"])
    assert not known([".venv/bin/python", "benchmarks/coffee.py"])
    assert blocks_of("a\n```sh\nls\n```") == [Block("sh", "ls\n", 3)]
