"""The package's import rules, checked on source text without running it."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

PACKAGE = "napari_medai"

LAYERS = (
    {"core"},
    {"io"},
    {"preprocess", "explore", "register", "measure", "phantoms"},
    {"models"},
    {"segment", "landmarks", "explain", "train"},
    {"recipe"},
    {"cli", "gui"},
)
RANK = {name: rank for rank, names in enumerate(LAYERS) for name in names}
# The catalog imports groups by name when asked; it serves the layers that show operations to people.
CATALOG_READERS = ("recipe", "cli", "gui")
ROOT_IMPORTS = ("core",)

VIEWER = {"napari", "qtpy", "magicgui", "superqt", "vispy", "PyQt5", "PyQt6", "PySide2", "PySide6"}
HEAVY = {
    "SimpleITK",
    "dask",
    "highdicom",
    "imageio",
    "monai",
    "nibabel",
    "pandas",
    "PIL",
    "pydicom",
    "safetensors",
    "scipy",
    "skimage",
    "sklearn",
    "tifffile",
    "torch",
}


@dataclass(frozen=True)
class Import:
    """One import: who, what, where, and when it happens."""

    importer: str
    imported: str
    line: int
    in_function: bool
    for_types_only: bool

    def __str__(self) -> str:
        return f"{self.importer}, line {self.line}, imports {self.imported}"


def read_sources(folder: Path) -> dict[str, str]:
    """Return the source of every module below a package folder, by its dotted name."""
    sources = {}
    for file in sorted(folder.rglob("*.py")):
        parts = file.relative_to(folder.parent).with_suffix("").parts
        sources[".".join(parts)] = file.read_text(encoding="utf-8")
    return sources


def find_imports(sources: Mapping[str, str]) -> list[Import]:
    """Return every import of the modules; packages are named without ``.__init__``."""
    modules = {name.removesuffix(".__init__") for name in sources}
    return [
        found for name, source in sources.items() for found in _imports_of(name, ast.parse(source), modules)
    ]


def _imports_of(name: str, tree: ast.AST, modules: set[str]) -> Iterator[Import]:
    importer = name.removesuffix(".__init__")
    package = importer if name.endswith(".__init__") else importer.rpartition(".")[0]
    for node, in_function, for_types_only in _walk(tree, False, False):
        for imported in _targets(node, package, modules):
            yield Import(importer, imported, node.lineno, in_function, for_types_only)


def _walk(node: ast.AST, in_function: bool, types: bool) -> Iterator[tuple[ast.stmt, bool, bool]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import | ast.ImportFrom):
            yield child, in_function, types
        elif isinstance(child, ast.If) and ast.unparse(child.test).endswith("TYPE_CHECKING"):
            yield from _walk(ast.Module(child.body, []), in_function, True)
            yield from _walk(ast.Module(child.orelse, []), in_function, types)
        else:
            inside = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            yield from _walk(child, in_function or inside, types)


def _targets(node: ast.stmt, package: str, modules: set[str]) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    assert isinstance(node, ast.ImportFrom)
    base = node.module or ""
    if node.level:
        above = package.split(".")[: len(package.split(".")) - node.level + 1]
        base = ".".join([*above, *([node.module] if node.module else [])])
    named = [f"{base}.{alias.name}" for alias in node.names]
    return [name if name in modules else base for name in named]


def group_of(module: str) -> str:
    """Return the part of the package a module belongs to: ``core``, ``catalog``, or empty for the top."""
    return module.split(".")[1] if "." in module else ""


def layer_faults(imports: list[Import]) -> list[str]:
    """Return a sentence for every import that does not lead to an earlier layer."""
    own = [i for i in imports if i.imported.split(".")[0] == PACKAGE]
    return [f"{i}: {why}" for i in own if (why := _layer_fault(i))]


def _layer_fault(edge: Import) -> str:
    here, there = group_of(edge.importer), group_of(edge.imported)
    if here == there:
        return ""
    if here == "__main__":
        return "" if there == "cli" else "__main__ may import cli alone"
    if here == "":
        return (
            ""
            if edge.for_types_only or there in ROOT_IMPORTS
            else "the top of the package serves names lazily"
        )
    if here == "catalog":
        return "" if there == "core" else "the catalog may import core alone"
    if there == "catalog":
        return "" if here in CATALOG_READERS else f"{here} must not know the catalog"
    if here not in RANK or there not in RANK:
        return f"{here if here not in RANK else there or PACKAGE} has no place among the layers"
    return "" if RANK[there] < RANK[here] else f"{here} must not know {there}"


def cycles(imports: list[Import]) -> list[str]:
    """Return the chains of imports that lead back to where they began, type-only imports aside."""
    graph: dict[str, dict[str, None]] = {}
    for edge in imports:
        if not edge.for_types_only and edge.imported.split(".")[0] == PACKAGE:
            graph.setdefault(edge.importer, {})[edge.imported] = None
    found: list[str] = []
    done: set[str] = set()

    def visit(module: str, path: list[str]) -> None:
        if module in path:
            found.append(" -> ".join([*path[path.index(module) :], module]))
        elif module not in done:
            for imported in graph.get(module, ()):
                visit(imported, [*path, module])
            done.add(module)

    for module in list(graph):
        visit(module, [])
    return found


def viewer_faults(imports: list[Import]) -> list[str]:
    """Return a sentence for every import of the viewer outside ``gui``."""
    return [
        f"{i}: only gui may know the viewer"
        for i in imports
        if i.imported.split(".")[0] in VIEWER and group_of(i.importer) != "gui"
    ]


def heavy_faults(imports: list[Import]) -> list[str]:
    """Return a sentence for every heavy library imported before a function needs it."""
    return [
        f"{i}: import it in the function that uses it"
        for i in imports
        if i.imported.split(".")[0] in HEAVY and not (i.in_function or i.for_types_only)
    ]
