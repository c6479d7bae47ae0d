"""What a person asked the Fine-tune panel for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from napari_medai.gui.layers import LayerData

if TYPE_CHECKING:
    from napari_medai.train.painted import Unpainted
    from napari_medai.train.planner import Dimensions


@dataclass(frozen=True)
class Wish:
    """What a person asked for.

    Parameters
    ----------
    pairs : tuple
        Snapshots of an image layer and its labels layer.
    place : str
        A folder or table with further cases; empty: none.
    parent : str
        The model to fine-tune; empty: a new network.
    name : str
        Of the model to be made.
    minutes : float
        Time budget.
    unpainted : str
        What unpainted voxels of the layers mean, as :func:`napari_medai.train.painted_truth` takes it.
    soft : bool
        Whether the labels are shares from 0 to 1, on the layers and on disk.
    dimensions : {"auto", "2", "2.5", "3"}
        How a new network sees volumes.
    device : str
        Where to train.
    folder : str
        Gets the model.
    plan : str
        The plan as edited; empty: made anew.
    missing : {"absent", "ignore"}
        Of points: what it means that a case lacks one.
    """

    pairs: tuple[tuple[LayerData, LayerData], ...]
    place: str = ""
    parent: str = ""
    name: str = "my-model"
    minutes: float = 2.0
    unpainted: Unpainted = "background"
    soft: bool = False
    dimensions: Dimensions = "auto"
    device: str = "auto"
    folder: str = ""
    plan: str = ""
    missing: Literal["absent", "ignore"] = "absent"

    @property
    def model_folder(self) -> Path:
        """Where the finished model will lie."""
        return Path(self.folder) / self.name

    @property
    def run_folder(self) -> Path:
        """Where plan, split, log and checkpoints lie."""
        return Path(self.folder) / f"{self.name}.training"


def next_name(folder: Path) -> str:
    """Return a model's name with the next free number behind it."""
    stem, _, number = folder.name.rpartition("-")
    if not stem or not number.isdigit():
        stem, number = folder.name, "1"
    following = int(number) + 1
    while (folder.parent / f"{stem}-{following}").exists():
        following += 1
    return f"{stem}-{following}"
