"""The cases of a batch, found in a table, a folder, a glob, or by matching names."""

from __future__ import annotations

import csv
import fnmatch
import glob
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from napari_medai.core.errors import ArgumentError, ReadError
from napari_medai.core.progress import Progress, silent
from napari_medai.recipe.counted import counted
from napari_medai.recipe.inputs import IMAGE_SUFFIXES, Spec, exists
from napari_medai.recipe.recipe import Recipe, nearest


@dataclass(frozen=True)
class Case:
    """One case of a batch.

    Parameters
    ----------
    name : str
        Also the name of its output folder: letters, digits, dot, dash and underscore.
    inputs : mapping
        Input name to ``PATH``, ``PATH#2``, or the files of one series.
    missing : sequence of str
        What was not found, one sentence each; such a case is reported and not run.
    """

    name: str
    inputs: Mapping[str, Spec]
    missing: tuple[str, ...] = ()


def find_cases(
    recipe: Recipe,
    sources: Sequence[str | Path],
    match: Mapping[str, str] | None = None,
    progress: Progress = silent,
) -> list[Case]:
    """Find the cases for a recipe.

    Parameters
    ----------
    recipe : Recipe
        Its inputs have to be found; their ``match`` patterns say how files are named.
    sources : sequence of str or Path
        One of: a CSV or TSV with a column for each input (and ``case``), paths relative to it; folders,
        when patterns say which file is which input (a BIDS-like tree); ``name=PATH`` or a path for each of
        several inputs of one case; files, globs and folders where the recipe has one input: every image
        file and every DICOM series is a case.
    match : mapping, optional
        Input name to pattern; goes before those of the recipe.
    progress : Progress
        Hears how many files have been looked at, so that the search of a large tree can be stopped.

    Returns
    -------
    list of Case
        By name; each name once.

    Raises
    ------
    ArgumentError
        If the sources do not fit the recipe.
    ReadError
        If there is nothing there.
    """
    patterns = {n: i.match for n, i in recipe.inputs.items() if i.match} | dict(match or {})
    for name in patterns:
        if name not in recipe.inputs:
            raise ArgumentError(f"The recipe has no input {name!r}.", nearest(name, recipe.inputs))
    places = [str(s) for s in sources]
    if len(places) == 1 and places[0].lower().endswith((".csv", ".tsv")):
        cases = _from_table(recipe, Path(places[0]))
    elif patterns and all(Path(p).is_dir() for p in places):
        cases = _from_patterns(recipe, places, patterns, progress)
    elif len(recipe.inputs) > 1:
        cases = [_single_case(recipe, places)]
    else:
        cases = _one_each(next(iter(recipe.inputs)), _expand(places, progress), progress)
    if not cases:
        raise ReadError(f"Found no case in {', '.join(places)}.", hint="Check the folder and the patterns.")
    return _with_own_names(cases)


def _from_table(recipe: Recipe, path: Path) -> list[Case]:
    if not path.is_file():
        raise ReadError(f"There is no table {path}.")
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file, delimiter="\t" if path.suffix.lower() == ".tsv" else ",")
        columns, rows = list(reader.fieldnames or ()), list(reader)
    for name in recipe.inputs:
        if name not in columns:
            raise ArgumentError(
                f"{path.name} has no column {name!r} for that input; it has {', '.join(columns) or 'none'}."
            )
    first = next(iter(recipe.inputs))
    return [_row_case(recipe, path.parent, row, row.get("case") or row[first] or f"row-{n}")
            for n, row in enumerate(rows, 1)]  # fmt: skip


def _row_case(recipe: Recipe, folder: Path, row: Mapping[str, str], name: str) -> Case:
    given = {n: str(folder / row[n].strip()) for n in recipe.inputs if (row[n] or "").strip()}
    return _case(_stem(name), given, recipe)


def _from_patterns(
    recipe: Recipe, places: Sequence[str], patterns: Mapping[str, str], progress: Progress
) -> list[Case]:
    unnamed = [n for n in recipe.inputs if n not in patterns]
    if unnamed:
        raise ArgumentError(
            f"Nothing says which files are the input {unnamed[0]!r}.",
            f"Give --match {unnamed[0]}='*_NAME.nii.gz'.",
        )
    found: dict[str, dict[str, str]] = {}
    for file in counted(_files(places), progress):
        for name, pattern in patterns.items():
            key = _key(file, pattern)
            if key is None:
                continue
            if name in found.setdefault(key, {}):
                raise ArgumentError(
                    f"Two files are the input {name!r} of case {key!r}: {found[key][name]} and {file}.",
                    hint="Make the pattern narrower.",
                )
            found[key][name] = str(file)
    return [_case(key, given, recipe, patterns) for key, given in sorted(found.items())]


def _key(file: Path, pattern: str) -> str | None:
    """Return what ``*`` stands for where the name matches, or ``None``."""
    parts = pattern.split("/")
    tail = "/".join(file.parts[-len(parts) :])
    if not fnmatch.fnmatchcase(tail, pattern):
        return None
    expression = "([^/]*)".join(re.escape(piece).replace(r"\?", ".") for piece in pattern.split("*"))
    match = re.fullmatch(expression, tail)
    words = [group for group in match.groups() if group] if match else []
    return "_".join(dict.fromkeys(words)) or _stem(file.name)


def _single_case(recipe: Recipe, places: Sequence[str]) -> Case:
    names = list(recipe.inputs)
    given: dict[str, str] = {}
    for place, position in zip(places, range(len(places)), strict=True):
        word, sign, rest = place.partition("=")
        if sign and word in names:
            given[word] = rest
        elif position < len(names):
            given[names[position]] = place
        else:
            raise ArgumentError(
                f"Found {len(places)} inputs; the recipe needs {len(names)}: {', '.join(names)}.",
                hint="For several cases give a CSV with a column for each, or --match NAME=PATTERN.",
            )
    return _case(_stem(given.get(names[0], "case")), given, recipe)


def _case(
    name: str, given: Mapping[str, str], recipe: Recipe, patterns: Mapping[str, str] | None = None
) -> Case:
    missing = []
    for needed in recipe.inputs:
        if needed not in given:
            wanted = f": no file {patterns[needed]}" if patterns else ""
            missing.append(f"the input {needed} is missing{wanted}")
        elif not exists(given[needed]):
            missing.append(f"the input {needed} is missing: there is no {given[needed]}")
    return Case(name, dict(given), tuple(missing))


def _one_each(name: str, places: Sequence[str], progress: Progress) -> list[Case]:
    from napari_medai.recipe.images import images_below

    cases = []
    for place in places:
        root = Path(place)
        if root.is_dir():
            cases += [Case(_stem(shown), {name: spec}) for shown, spec in images_below(root, progress)]
        else:
            missing = () if exists(place) else (f"there is no {place}",)
            cases.append(Case(_stem(root.name), {name: place}, missing))
    return cases


def _files(places: Iterable[str]) -> Iterator[Path]:
    """Yield the files below folders in order; hidden ones and results under way are passed over."""
    for place in places:
        for folder, folders, names in os.walk(place):
            folders[:] = sorted(f for f in folders if not f.startswith("."))
            yield from (Path(folder) / n for n in sorted(names) if not n.startswith("."))


def _expand(places: Sequence[str], progress: Progress) -> list[str]:
    expanded: list[str] = []
    for place in places:
        is_pattern = glob.has_magic(place) and not Path(place).exists()
        found = glob.iglob(place, recursive=True)  # noqa: PTH207 - a Path cannot hold an absolute pattern
        expanded += sorted(counted(found, progress)) if is_pattern else [place]
    return expanded


def _stem(name: str) -> str:
    """Return a folder name for a case: without the suffix, and with nothing that needs quoting."""
    for suffix in sorted(IMAGE_SUFFIXES, key=len, reverse=True):
        if name.lower().endswith(suffix):
            name = name[: -len(suffix)]
            break
    return re.sub(r"[^A-Za-z0-9._-]+", "_", name).strip("._-")[:120] or "case"


def _with_own_names(cases: Sequence[Case]) -> list[Case]:
    taken: set[str] = set()
    named = []
    for case in cases:
        name, number = case.name, 2
        while name.lower() in taken:
            name, number = f"{case.name}-{number}", number + 1
        taken.add(name.lower())
        named.append(replace(case, name=name))
    return named
