"""What the annotation of an operation's parameter can say beyond its type."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeAlias

from napari_medai.core.image import MedicalImage


@dataclass(frozen=True)
class ImageKind:
    """Annotation: the image must be of this kind."""

    kind: Literal["intensity", "labels"]


@dataclass(frozen=True)
class Advanced:
    """Annotation: most people never touch this option; forms fold it away."""


@dataclass(frozen=True)
class Calibrates:
    """Annotation: a length in mm even where the image's are pixels; it is what gives the image its size."""


@dataclass(frozen=True)
class Drawn:
    """Annotation: these points may be the ends of lines that a person has drawn."""


@dataclass(frozen=True)
class When:
    """Annotation: this option matters only while another one has one of some values.

    Parameters
    ----------
    option : str
        The other option: one with choices, or a yes or no.
    values : tuple
        Those of its values with which this one matters.
    """

    option: str
    values: tuple[Any, ...]


@dataclass(frozen=True)
class ForModality:
    """Annotation: what a form suggests where the image's modality is known.

    Parameters
    ----------
    values : mapping of str
        From a modality (``"CT"``, ``"MR"``) to the value for it.
    """

    values: Mapping[str, Any]


IntensityImage: TypeAlias = Annotated[MedicalImage, ImageKind("intensity")]
LabelsImage: TypeAlias = Annotated[MedicalImage, ImageKind("labels")]
