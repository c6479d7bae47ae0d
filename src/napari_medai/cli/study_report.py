"""``napari-medai study-report``: the table of a study, or of two methods, as one HTML page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from napari_medai.cli.inputs import note

if TYPE_CHECKING:
    from pandas import DataFrame

_NOT_MEASURED = ("label", "time", "channel", "time_s", "slice")


@click.command("study-report")
@click.argument("tables", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="TABLE [TABLE]")
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="The HTML page.")
@click.option("--columns", default="", metavar="NAME,NAME,...",
              help="The measurements to report; all columns of numbers by default.")  # fmt: skip
@click.option("--case", default="case", show_default=True, help="The column that names the case.")
@click.option("--by", default="name", show_default=True, help="The column that names the region.")
@click.option("--where", multiple=True, metavar="COLUMN=VALUE",
              help="Only rows with this value, for example output=agreement; may be repeated.")  # fmt: skip
@click.option("--seed", default=0, show_default=True, help="Of the bootstrap.")
@click.option("--force", is_flag=True, help="Replace a file that exists.")
def command(
    tables: tuple[Path, ...],
    output: Path,
    columns: str,
    case: str,
    by: str,
    where: tuple[str, ...],
    seed: int,
    force: bool,
) -> None:
    """Report a study: distributions and outliers of one TABLE, and a paired comparison of two.

    TABLE is a CSV file with a row for each case and region, such as the summary.csv of
    `napari-medai run`. Cases that failed are left out and counted.
    """
    from napari_medai.core.errors import WriteError
    from napari_medai.measure.study_report import write_study_report

    if output.exists() and not force:
        raise WriteError(f"{output} exists already.", hint="Choose another name, or pass --force.")
    read = [_read(path, where) for path in tables]
    wanted = [c.strip() for c in columns.split(",") if c.strip()] or _measurements(read, (case, by))
    methods = dict(zip(_names(tables), read, strict=True))
    click.echo(write_study_report(methods, output, columns=wanted, case=case, by=by, seed=seed))


def _read(path: Path, where: Sequence[str]) -> DataFrame:
    """Read the rows of a table that are wanted."""
    import pandas as pd

    from napari_medai.core.errors import ArgumentError, ReadError
    from napari_medai.measure.study import require_columns

    try:
        table = pd.read_csv(path, sep="\t" if path.suffix.lower() == ".tsv" else ",")
    except (OSError, UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise ReadError(f"{path} cannot be read as a table: {error}", hint="Give a CSV file.") from error
    if "state" in table:
        failed = table["state"] == "failed"
        if failed.any():
            note(f"{path.name}: {int(failed.sum())} cases failed and are left out.")
        table = table[~failed]
    for entry in where:
        column, sign, value = entry.partition("=")
        if not (column and sign):
            raise ArgumentError(f"Found --where {entry!r}; needed COLUMN=VALUE.")
        require_columns(table, [column])
        table = table[table[column].astype(str) == value]
    if table.empty:
        raise ArgumentError(f"No row of {path.name} is left to report.", hint="Look at its columns and rows.")
    return table


def _measurements(tables: Sequence[DataFrame], keys: Sequence[str]) -> list[str]:
    """Return the columns of numbers that all tables have."""
    from napari_medai.core.errors import ArgumentError

    numeric = [[str(c) for c in table.select_dtypes("number").dropna(axis=1, how="all")] for table in tables]
    shared = [c for c in numeric[0] if all(c in others for others in numeric)]
    found = [c for c in shared if c not in (*keys, *_NOT_MEASURED)]
    if not found:
        raise ArgumentError("The tables share no column of numbers.", hint="Name them with --columns.")
    return found


def _names(paths: Sequence[Path]) -> list[str]:
    """Name each method by its file, or by its folder too where the files are called the same."""
    stems = [path.stem for path in paths]
    names = stems if len(set(stems)) == len(stems) else [f"{p.resolve().parent.name}/{p.stem}" for p in paths]
    return names if len(set(names)) == len(names) else [str(path) for path in paths]
