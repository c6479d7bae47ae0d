"""A model written for another program: ONNX, OpenVINO or TorchScript, its description beside."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from napari_medai.core.errors import ModelError
from napari_medai.models.exporting import EXPORTERS, Exporter
from napari_medai.models.folder import CARD, SPEC
from napari_medai.models.model import Model

if TYPE_CHECKING:
    import torch

Format: TypeAlias = Literal["onnx", "openvino", "torchscript"]
MOST_DIFFERENCE = 1e-3
"""By how much the scores may differ, as a share of the largest: other programs add up in another order."""


@dataclass(frozen=True)
class Written:
    """What an export wrote.

    Parameters
    ----------
    files : int
        How many files.
    difference : float
        The largest difference from torch's scores on noise, as a share of the largest score.
    """

    files: int
    difference: float


def export_network(model: Model, folder: str | Path, kind: Format) -> Written:
    """Write a model for another program, and check that it gives the same scores there.

    Parameters
    ----------
    model : Model
        A loaded model; each member of an ensemble becomes a file.
    folder : str or path
        Must not exist yet. It gets ``network.onnx``, ``network.xml`` with ``network.bin``, or
        ``network.torchscript``, for windows of the model's size; and ``model.json``, which says how to
        prepare images, and the card.
    kind : {"onnx", "openvino", "torchscript"}
        For which program.

    Returns
    -------
    Written
        What was written, and how well it agrees.

    Raises
    ------
    ModelError
        If the folder exists, the program is not installed, or the scores do not agree.
    """
    folder = Path(folder)
    if folder.exists():
        raise ModelError(f"{folder} exists already.", hint="Choose a new name.")
    exporter = EXPORTERS[kind]
    exporter.require()
    folder.parent.mkdir(parents=True, exist_ok=True)
    beside = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        shape = (1, model.spec.inputs, *model.spec.tile)
        difference = max(
            _write_checked(exporter, network, beside / f"network{'' if k == 0 else f'-{k}'}", shape)
            for k, network in enumerate(model.networks)
        )
        (beside / SPEC).write_text(model.spec.to_json(), encoding="utf-8")
        (beside / CARD).write_text(model.card, encoding="utf-8")
        beside.chmod(0o755)
        beside.rename(folder)
    except BaseException:
        shutil.rmtree(beside, ignore_errors=True)
        raise
    return Written(len(list(folder.iterdir())), difference)


def _write_checked(exporter: Exporter, network: torch.nn.Module, stem: Path, shape: tuple[int, ...]) -> float:
    import torch

    noise = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    with torch.inference_mode():
        wanted = network(torch.from_numpy(noise)).numpy()
    found = exporter.run(exporter.write(network, stem, shape), noise)
    return _difference(found, wanted)


def _difference(found: NDArray[np.float32], wanted: NDArray[np.float32]) -> float:
    if found.shape != wanted.shape:
        raise ModelError(f"The exported network gives scores of shape {found.shape}; needed {wanted.shape}.")
    difference = float(np.abs(found - wanted).max() / max(float(np.abs(wanted).max()), 1e-12))
    if not difference <= MOST_DIFFERENCE:
        raise ModelError(
            f"The exported network's scores differ by {difference:.1e} of the largest; "
            f"needed at most {MOST_DIFFERENCE:.0e}. Nothing was kept."
        )
    return difference
