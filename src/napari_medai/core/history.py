"""How a result came to be: the steps, with everything needed to take them again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from hashlib import blake2b
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Source:
    """One input of a step.

    Parameters
    ----------
    name : str
        The name of the image or points that went in.
    digest : str
        A fingerprint of the voxels or points and their place, where the input has no history itself.
    history : tuple of Record
        How the input was made.
    """

    name: str
    digest: str = ""
    history: tuple[Record, ...] = ()

    @classmethod
    def of(cls, value: Any) -> Source:
        """Describe a value that carries ``name`` and ``history``."""
        history = tuple(getattr(value, "history", ()))
        name = str(getattr(value, "name", ""))
        return cls(name, "" if history else digest(value), history)

    def to_json(self) -> dict[str, Any]:
        """Return the source as plain JSON values."""
        entry: dict[str, Any] = {"name": self.name}
        if self.history:
            entry["history"] = [record.to_json() for record in self.history]
        else:
            entry["digest"] = self.digest
        return entry

    @classmethod
    def from_json(cls, entry: Mapping[str, Any]) -> Source:
        """Read what :meth:`to_json` wrote."""
        history = tuple(Record.from_json(item) for item in entry.get("history", ()))
        return cls(entry["name"], entry.get("digest", ""), history)


@dataclass(frozen=True)
class Record:
    """One step: which operation, of which version, on what, with which parameters.

    Parameters
    ----------
    operation : str
        The operation's name.
    version : str
        The version of the package that ran it.
    parameters : mapping
        Every option with its value, JSON-able; the seed is among them where there is one.
    inputs : mapping
        For each input the source it came from (a list of sources where the operation takes many).
    device : str
        The processor a network ran on, or nothing.
    seconds : float
        Wall time.
    output : str
        Which of several results this is: a field name, or nothing.
    """

    operation: str
    version: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    inputs: Mapping[str, Source | tuple[Source, ...]] = field(default_factory=dict)
    device: str = ""
    seconds: float = 0.0
    output: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return the step as plain JSON values."""
        inputs = {
            name: [s.to_json() for s in source] if isinstance(source, tuple) else source.to_json()
            for name, source in self.inputs.items()
        }
        entry = {
            "operation": self.operation,
            "version": self.version,
            "parameters": dict(self.parameters),
            "inputs": inputs,
            "device": self.device,
            "seconds": round(self.seconds, 3),
            "output": self.output,
        }
        return {key: value for key, value in entry.items() if value not in ("", {})}

    @classmethod
    def from_json(cls, entry: Mapping[str, Any]) -> Record:
        """Read what :meth:`to_json` wrote."""
        inputs = {
            name: tuple(Source.from_json(s) for s in item)
            if isinstance(item, list)
            else Source.from_json(item)
            for name, item in entry.get("inputs", {}).items()
        }
        return cls(
            entry["operation"],
            entry["version"],
            entry.get("parameters", {}),
            inputs,
            entry.get("device", ""),
            entry.get("seconds", 0.0),
            entry.get("output", ""),
        )


def history_to_json(history: Sequence[Record]) -> list[dict[str, Any]]:
    """Return a history as plain JSON values, every step once.

    Parameters
    ----------
    history : sequence of Record
        ``image.history``. Each input of a step has a history of its own, most of which is the same.

    Returns
    -------
    list of dict
        The steps, each after those it builds on and the last one last; ``"step"`` of an input and
        ``"before"`` of a step are places in the list.
    """
    entries: list[dict[str, Any]] = []
    places: dict[int, int] = {}
    _pack(history, entries, places)
    return entries


def history_from_json(entries: Sequence[Mapping[str, Any]]) -> tuple[Record, ...]:
    """Read what :func:`history_to_json` wrote."""
    chains: list[tuple[Record, ...]] = []
    for entry in entries:
        inputs = {
            name: tuple(_unpack(s, chains) for s in item) if isinstance(item, list) else _unpack(item, chains)
            for name, item in entry.get("inputs", {}).items()
        }
        before = chains[entry["before"]] if "before" in entry else ()
        chains.append((*before, replace(Record.from_json({**entry, "inputs": {}}), inputs=inputs)))
    return chains[-1] if chains else ()


def _pack(history: Sequence[Record], entries: list[dict[str, Any]], places: dict[int, int]) -> int:
    """Append the steps that are not there yet; return the place of the last, or -1."""
    if not history:
        return -1
    record = history[-1]
    if id(record) in places:
        return places[id(record)]
    before = _pack(history[:-1], entries, places)
    entry = replace(record, inputs={}).to_json()
    inputs = {
        name: [_pack_source(s, entries, places) for s in source]
        if isinstance(source, tuple)
        else _pack_source(source, entries, places)
        for name, source in record.inputs.items()
    }
    entry |= ({"inputs": inputs} if inputs else {}) | ({"before": before} if before >= 0 else {})
    places[id(record)] = len(entries)
    entries.append(entry)
    return places[id(record)]


def _pack_source(source: Source, entries: list[dict[str, Any]], places: dict[int, int]) -> dict[str, Any]:
    if source.history:
        return {"name": source.name, "step": _pack(source.history, entries, places)}
    return {"name": source.name, "digest": source.digest}


def _unpack(entry: Mapping[str, Any], chains: Sequence[tuple[Record, ...]]) -> Source:
    history = chains[entry["step"]] if "step" in entry else ()
    return Source(entry["name"], entry.get("digest", ""), history)


def digest(value: Any) -> str:
    """Fingerprint an image (voxels, axes, grid) or a set of points.

    Parameters
    ----------
    value : MedicalImage, Landmarks, Boxes or SpatialTransform
        Lazy arrays are known by their dask name, not read.
    """
    cached = getattr(value, "_digest", None)
    if isinstance(cached, str):
        return cached
    hasher = blake2b(digest_size=16)
    for part in _parts(value):
        if isinstance(part, np.ndarray):
            hasher.update(f"{part.dtype.str}{part.shape}".encode())
            hasher.update(np.ascontiguousarray(part).data if part.size else b"")
        else:
            hasher.update(str(part).encode())
    result = hasher.hexdigest()
    object.__setattr__(value, "_digest", result)
    return result


@lru_cache
def package_version() -> str:
    """The installed version of napari-medai."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("napari-medai")
    except PackageNotFoundError:
        return "unknown"


def _parts(value: Any) -> list[Any]:
    if hasattr(value, "contents"):
        return list(value.contents())
    if hasattr(value, "geometry"):
        array = value.array if isinstance(value.array, np.ndarray) else value.array.name
        return [value.axes, value.kind, value.geometry.affine, value.geometry.unit, array]
    entries = vars(value)
    return [entries[key] for key in sorted(entries) if key not in ("name", "history", "_digest")]
