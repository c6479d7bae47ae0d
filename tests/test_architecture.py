"""The layers hold, and the checks that say so can fail."""

from pathlib import Path

import pytest
from import_rules import (
    LAYERS,
    cycles,
    find_imports,
    group_of,
    heavy_faults,
    layer_faults,
    read_sources,
    viewer_faults,
)

SOURCE = Path(__file__).parents[1] / "src" / "napari_medai"
IMPORTS = find_imports(read_sources(SOURCE))


def planted(module, source):
    """Imports of one made-up module of the package."""
    return find_imports({f"napari_medai.{module}": source})


def test_every_import_leads_to_an_earlier_layer():
    assert not layer_faults(IMPORTS), "\n".join(layer_faults(IMPORTS))


def test_no_module_imports_itself_by_a_detour():
    assert not cycles(IMPORTS), "\n".join(cycles(IMPORTS))


def test_only_gui_knows_the_viewer():
    assert not viewer_faults(IMPORTS), "\n".join(viewer_faults(IMPORTS))


def test_heavy_libraries_wait_until_a_function_needs_them():
    assert not heavy_faults(IMPORTS), "\n".join(heavy_faults(IMPORTS))


def test_the_reader_of_imports_sees_the_package():
    assert {group_of(i.importer) for i in IMPORTS} >= {"", "core", "io", "catalog", "models", "gui"}
    assert any(i.imported == "napari_medai.core.errors" for i in IMPORTS)
    assert any(i.in_function and i.imported == "torch" for i in IMPORTS)
    assert any(i.for_types_only for i in IMPORTS)


@pytest.mark.parametrize("later", range(1, len(LAYERS)))
def test_an_import_of_a_later_layer_is_named(later):
    for low in LAYERS[later - 1]:
        for high in LAYERS[later]:
            edges = planted(f"{low}.a", f"import os\nfrom napari_medai.{high}.b import c")
            expected = (
                f"napari_medai.{low}.a, line 2, imports napari_medai.{high}.b: {low} must not know {high}"
            )
            assert layer_faults(edges) == [expected]
            assert layer_faults(planted(f"{high}.a", f"from napari_medai.{low}.b import c")) == []


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("core.a", "def f():\n    from napari_medai.io import read"),
        ("core.a", "from ..io import read"),
        (
            "core.a",
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from napari_medai.io import read",
        ),
        ("preprocess.a", "import napari_medai.register.linear"),
        ("cli.a", "from napari_medai.gui.panel import Panel"),
        ("gui.a", "from napari_medai.cli import main"),
        ("io.a", "from napari_medai.catalog import find"),
        ("io.a", "import napari_medai"),
        ("catalog", "from napari_medai.preprocess import x"),
        ("invented.a", "from napari_medai.core.image import MedicalImage"),
        ("__init__", "from napari_medai.io.read import read"),
    ],
)
def test_every_way_of_breaking_the_layers_is_seen(module, source):
    assert len(layer_faults(planted(module, source))) == 1


def test_cycles_are_named_and_types_make_none():
    ring = {"a": "from napari_medai.core import b", "b": "import napari_medai.core.c"}
    closing = "def f():\n    from .a import x"
    sources = {f"napari_medai.core.{k}": v for k, v in {**ring, "c": closing}.items()}
    chain = "napari_medai.core.a -> napari_medai.core.b -> napari_medai.core.c -> napari_medai.core.a"
    assert cycles(find_imports(sources)) == [chain]
    sources["napari_medai.core.c"] = "if TYPE_CHECKING:\n    from .a import x"
    assert cycles(find_imports(sources)) == []


@pytest.mark.parametrize(
    "source", ["import napari", "def f():\n    from qtpy.QtCore import Qt", "import magicgui.widgets"]
)
def test_the_viewer_outside_gui_is_seen_even_in_a_function(source):
    assert len(viewer_faults(planted("cli.a", source))) == 1
    assert viewer_faults(planted("gui.a", source)) == []


@pytest.mark.parametrize("library", ["torch", "scipy.ndimage", "SimpleITK", "pydicom"])
def test_heavy_libraries_at_the_top_are_seen(library):
    for top in (f"import {library}", f"try:\n    import {library} as x\nexcept ImportError:\n    x = None"):
        assert len(heavy_faults(planted("core.a", top))) == 1
    assert heavy_faults(planted("core.a", f"def f():\n    import {library}")) == []
    assert heavy_faults(planted("core.a", f"if TYPE_CHECKING:\n    import {library}")) == []
