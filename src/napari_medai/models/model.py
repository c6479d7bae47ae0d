"""A loaded model: what it is, its network, and how a history refers to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_medai.core.image import MedicalImage
from napari_medai.models.spec import ModelSpec

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class CheckCase:
    """A small input and what the model gave for it where it was made.

    Parameters
    ----------
    image : MedicalImage
        The input.
    labels : MedicalImage, optional
        Segmentation: the expected output, on the input's grid.
    numbers : numpy.ndarray, optional
        Other tasks: the expected probabilities or values, one dimension, float32.
    """

    image: MedicalImage
    labels: MedicalImage | None = None
    numbers: NDArray[np.float32] | None = None


@dataclass(frozen=True, eq=False)
class Model:
    """A trained network with its description. A change is a new value.

    Parameters
    ----------
    spec : ModelSpec
        What ``model.json`` says.
    network : torch.nn.Module
        The network with its weights, on the CPU, in evaluation mode; never trained in place.
    card : str
        Intended use, data, figures and limits, in Markdown.
    case : CheckCase or None
        The self-check.
    digest : str
        ``sha256:`` and 64 hex digits over description and weights; empty before the model is saved.
    others : tuple of torch.nn.Module
        The further members of an ensemble, as many as ``spec.members`` says less one.
    previous : Model or None
        The first stage of a cascade, whose labels go into this one.
    """

    spec: ModelSpec
    network: torch.nn.Module
    card: str = ""
    case: CheckCase | None = None
    digest: str = ""
    others: tuple[torch.nn.Module, ...] = ()
    previous: Model | None = None

    @property
    def networks(self) -> tuple[torch.nn.Module, ...]:
        """Every member of the ensemble, the first one ``network``."""
        return (self.network, *self.others)

    @property
    def reference(self) -> str:
        """``name@version#hash``: how a history names the model, wherever its folder lies."""
        mark = self.digest.removeprefix("sha256:")[:16]
        return f"{self.spec.name}@{self.spec.version}" + (f"#{mark}" if mark else "")

    def record_entry(self) -> str:
        """Return what a history records: the reference, no path."""
        return self.reference

    def __repr__(self) -> str:
        return f"Model({self.reference!r}, {', '.join(self.spec.results)})"

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        """Let an operation take a loaded model as it is."""
        from pydantic_core import core_schema

        return core_schema.is_instance_schema(cls)
