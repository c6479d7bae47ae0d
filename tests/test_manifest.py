"""The manifest: valid, complete, and every name in it leads somewhere."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest
from npe2 import PluginManifest

import napari_medai
from napari_medai import catalog

TOP = Path(__file__).parents[1] / "napari.yaml"
MANIFEST = PluginManifest.from_file(TOP)
COMMANDS = {command.id: command for command in MANIFEST.contributions.commands}


def test_the_package_serves_the_file_at_the_top():
    inside = Path(napari_medai.__file__).parent / "napari.yaml"
    assert inside.read_bytes() == TOP.read_bytes()


def test_npe2_finds_it_valid():
    found = subprocess.run(
        [sys.executable, "-m", "npe2", "validate", str(TOP)], capture_output=True, text=True, timeout=120
    )
    assert found.returncode == 0, found.stdout + found.stderr
    assert "valid" in found.stdout.lower()


def test_installed_under_the_name_of_the_distribution():
    from importlib.metadata import entry_points

    names = [e.name for e in entry_points(group="napari.manifest") if e.value == "napari_medai:napari.yaml"]
    assert names == [MANIFEST.name] == ["napari-medai"]


@pytest.mark.parametrize("command", COMMANDS.values(), ids=lambda c: c.id)
def test_every_python_name_resolves(command):
    module, _, name = command.python_name.partition(":")
    assert callable(getattr(import_module(module), name))


def group_panels():
    """The panels of the manifest that show a group of operations."""
    found = [COMMANDS[w.command].python_name.partition(":") for w in MANIFEST.contributions.widgets]
    return [getattr(import_module(m), n) for m, _, n in found if m == "napari_medai.gui.widgets"]


def test_every_operation_is_offered_by_one_panel():
    offered = Counter(o.name for panel in group_panels() for o in panel.offered())
    known = {o.name for o in catalog.operations().values() if o.group in catalog.GROUPS}
    assert offered == dict.fromkeys(known, 1)


def test_the_first_operation_of_every_panel_exists():
    for panel in group_panels():
        assert catalog.find(panel.first).group == panel.group


def test_every_panel_stands_in_a_menu_that_napari_offers_to_plugins():
    from napari._app_model.constants._menus import is_menu_contributable

    menus = MANIFEST.contributions.menus
    assert all(is_menu_contributable(menu) for menu in menus)
    placed = {item.command for items in menus.values() for item in items}
    assert placed == {w.command for w in MANIFEST.contributions.widgets}


def test_samples_are_those_of_the_package():
    from napari_medai.phantoms.samples import SAMPLES

    assert [s.key for s in MANIFEST.contributions.sample_data] == list(SAMPLES)


def test_patterns_take_medical_files_and_leave_others_alone():
    from npe2 import PluginManager

    manager = PluginManager()
    manager.register(MANIFEST)

    def ours(name):
        return bool(list(manager.iter_compatible_readers([f"/data/{name}"])))

    for name in (
        "a.nii", "A.NII.GZ", "a.nrrd", "a.mha", "a.mhd", "IM0001", "IMG1.dcm", "I10", "DICOMDIR", "00000012",
        "1.2.840.113619.2.55.3", "MR.1.3.12.2.1107.5.2.43", "scan.IMA",
    ):  # fmt: skip
        assert ours(name), name
    for name in ("photo.png", "slide.tif", "photo 2.5.jpg", "cells.czi", "notes.txt", "v1.2.3.tif"):
        assert not ours(name), name


def test_reading_the_manifest_imports_nothing_of_the_package():
    code = (
        "import sys, time; from npe2 import PluginManifest;"
        f"PluginManifest.from_file({str(TOP)!r});"
        "print([m for m in sys.modules if m.startswith('napari_medai')])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert found.stdout.strip() == "[]", found.stderr


def test_panels_load_no_torch():
    if find_spec("torch") is None:
        pytest.skip("torch is not installed here")
    code = (
        "import sys; import napari_medai.gui.widgets; from napari_medai import catalog;"
        "from napari_medai.gui.form import OperationForm; catalog.operations(); print('torch' in sys.modules)"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert found.stdout.strip() == "False", found.stderr
