"""``napari-medai list``: every operation, by group."""

from __future__ import annotations

import click


@click.command("list")
@click.argument("word", required=False)
def command(word: str | None) -> None:
    """Name every operation with what it does, or those in whose name or title WORD stands."""
    from napari_medai import catalog
    from napari_medai.cli.app import ALIASES
    from napari_medai.core.errors import ArgumentError

    shown = 0
    for group in catalog.GROUPS:
        found = [o for o in catalog.of_group(group) if not word or _matches(o, word)]
        found.sort(key=lambda operation: operation.name)
        if found:
            click.echo(f"{chr(10) if shown else ''}{click.style(group, bold=True)}")
        for operation in found:
            name = operation.name.replace("_", "-")
            also = "".join(f" (also: {alias})" for alias, known in ALIASES.items() if known == name)
            click.echo(f"  {name:<28} {operation.plain_summary}{also}")
        shown += len(found)
    if not shown:
        raise ArgumentError(f"No operation has {word!r} in its name.", "napari-medai list shows all of them.")


def _matches(operation: object, word: str) -> bool:
    texts = [str(getattr(operation, name)) for name in ("name", "title", "group", "summary")]
    return word.lower().replace("-", "_") in " ".join(texts).lower().replace("-", "_")
