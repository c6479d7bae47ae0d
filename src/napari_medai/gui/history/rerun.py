"""A history taken again from its sources, with the settings of one step changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from napari_medai import catalog
from napari_medai.core.history import Record, Source, digest
from napari_medai.core.progress import Progress, part
from napari_medai.core.replay import replay
from napari_medai.gui.results import Presentation, present
from napari_medai.gui.step import as_input
from napari_medai.gui.torch_import import import_torch, takes_torch

_SHARE = 0.98


def take_again(
    history: Sequence[Record],
    changed: int,
    options: Mapping[str, Any],
    snapshots: Sequence[Any],
    name: str,
    progress: Progress,
) -> Presentation:
    """Repeat a history with another setting; in the worker thread.

    Parameters
    ----------
    history : sequence of Record
        The steps, oldest first.
    changed : int
        Which of them has new settings.
    options : mapping
        Those settings.
    snapshots : sequence
        Of the layers among which the sources are looked for.
    name : str
        What the new layer is called.
    progress : Progress
        Hears every step from within.

    Raises
    ------
    MedAIError
        If a source is no longer open, or a step refuses.
    """
    records = list(history)
    old = records[changed]
    device = "" if "device" in options else old.device
    records[changed] = replace(old, parameters={**old.parameters, **options}, device=device)
    sources = find_sources(records, snapshots)
    if takes_torch(catalog.find(record.operation) for record in records):
        import_torch()
    return present(replay(records, sources, part(progress, 0.0, _SHARE)), name, sources)


def find_sources(history: Sequence[Record], snapshots: Iterable[Any]) -> list[Any]:
    """Return the images a history began with; those of the right name are compared first.

    Parameters
    ----------
    history : sequence of Record
        The steps.
    snapshots : iterable
        Of layers.
    """
    wanted = {source.digest: source.name for source in origins(history)}
    names = set(wanted.values())
    found: dict[str, Any] = {}
    for snapshot in sorted(snapshots, key=lambda s: s[1].get("name") not in names):
        if len(found) == len(wanted):
            break
        image = as_input(snapshot)
        if not image.history and digest(image) in wanted:
            found[digest(image)] = image
    return list(found.values())


def origins(history: Sequence[Record]) -> list[Source]:
    """Return the unprocessed inputs of a history, however deep they stand in it."""
    found: list[Source] = []
    for record in history:
        for entry in record.inputs.values():
            for source in entry if isinstance(entry, tuple) else (entry,):
                found += origins(source.history) if source.history else [source]
    return found
