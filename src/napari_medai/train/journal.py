"""The course of a training, epoch by epoch, as a CSV file."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from napari_medai.core.errors import WriteError


@dataclass(frozen=True)
class Epoch:
    """What one epoch brought.

    Parameters
    ----------
    number : int
        From 1.
    step : int
        Optimiser steps so far.
    seconds : float
        Training time so far, over all sittings, validation included.
    rate : float
        The learning rate of the last step.
    loss : float
        Mean over the epoch.
    metrics : mapping
        What validation found; empty where the epoch was not validated.
    """

    number: int
    step: int
    seconds: float
    rate: float
    loss: float
    metrics: Mapping[str, float] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {**asdict(self), "metrics": dict(self.metrics)}

    @classmethod
    def from_json(cls, entry: Mapping[str, Any]) -> Epoch:
        """Read what :meth:`to_json` returned."""
        return cls(**entry)


def write_table(epochs: Sequence[Epoch], path: Path) -> None:
    """Write one row an epoch, a column a metric; the earlier table is replaced whole.

    Raises
    ------
    WriteError
        If it cannot be written.
    """
    names = list(dict.fromkeys(name for epoch in epochs for name in epoch.metrics))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["epoch", "step", "seconds", "rate", "loss", *names])
    for e in epochs:
        shown = [e.metrics.get(name, "") for name in names]
        writer.writerow([e.number, e.step, f"{e.seconds:.1f}", f"{e.rate:.3g}", f"{e.loss:.6g}", *shown])
    beside = path.with_name(f".{path.name}.part")
    try:
        beside.write_text(text.getvalue(), encoding="utf-8")
        beside.replace(path)
    except OSError as error:
        raise WriteError(f"{path} could not be written: {error}.", hint="Make room on the disk.") from error
