"""Take the steps of a history again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from napari_medai.core.errors import MedAIError
from napari_medai.core.history import Record, Source, digest
from napari_medai.core.operation import registered
from napari_medai.core.progress import Progress, Step, part, silent


def replay(history: Sequence[Record], sources: Iterable[Any], progress: Progress = silent) -> Any:
    """Repeat a history on its sources.

    Parameters
    ----------
    history : sequence of Record
        ``image.history``.
    sources : iterable of MedicalImage or Landmarks
        The unprocessed inputs; they are known by the fingerprint of their voxels, not by name.
    progress : Progress
        Hears every step from within; what it raises stops the step under way.

    Returns
    -------
    object
        The result of the last step: the same array, where every step is deterministic.

    Raises
    ------
    MedAIError
        If a source is missing or an operation is unknown.
    """
    known = {digest(source): source for source in sources}
    current: Any = None
    for index, record in enumerate(history):
        share = part(progress, index / len(history), (index + 1) / len(history), "Replaying")
        share(Step(0, 1))
        current = _take(record, current, known, share)
    return current


def _take(record: Record, current: Any, known: dict[str, Any], progress: Progress) -> Any:
    operation = registered().get(record.operation)
    if operation is None:
        raise MedAIError(
            f"The history names the operation {record.operation!r}, which this version does not have.",
            hint=f"It was made with napari-medai {record.version}.",
        )
    primary = operation.inputs[0].name if operation.inputs else ""
    arguments = dict(record.parameters)
    for name, source in record.inputs.items():
        if isinstance(source, tuple):
            arguments[name] = [_resolve(s, known, progress) for s in source]
        elif name == primary and current is not None:
            arguments[name] = current
        else:
            arguments[name] = _resolve(source, known, progress)
    if record.device:
        arguments["device"] = record.device
    if operation.reports_progress:
        arguments["progress"] = progress
    result = operation.function(**arguments)
    return _output(result, record.output)


def _resolve(source: Source, known: dict[str, Any], progress: Progress) -> Any:
    if source.history:
        return replay(source.history, known.values(), part(progress, 0.0, 0.0))
    if source.digest not in known:
        raise MedAIError(
            f"The source {source.name!r} of this history is not among those given.",
            hint="Give the very image the history began with; its voxels are compared.",
        )
    return known[source.digest]


def _output(result: Any, output: str) -> Any:
    if not output:
        return result
    return result[int(output)] if output.isdigit() else getattr(result, output)
