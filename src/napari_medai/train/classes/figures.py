"""What a classifier says about itself: its figures on images held back, and its card."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_medai.models.spec import ModelSpec
from napari_medai.train.classes.cases import Learnt

if TYPE_CHECKING:
    import torch

AT_ONCE = 32


@dataclass(frozen=True, eq=False)
class ClassFigures:
    """How often a classifier is right on images that it has not learnt from.

    Parameters
    ----------
    confusion : numpy.ndarray
        Shape (classes, classes): how many images of the row's class were taken for the column's.
    usual : int
        The class with most images to learn from: what guessing always says.
    """

    confusion: NDArray[np.int64]
    usual: int

    @property
    def recalls(self) -> NDArray[np.float64]:
        """The share of each class's images that is recognised; NaN for a class without any."""
        counts = self.confusion.sum(axis=1)
        right = np.diag(self.confusion).astype(float)
        return np.where(counts > 0, right / np.maximum(counts, 1), np.nan)

    @property
    def summary(self) -> dict[str, float]:
        """Accuracy, the mean over the classes, and the accuracy of saying the usual class always."""
        images = max(int(self.confusion.sum()), 1)
        found = {
            "accuracy": np.trace(self.confusion) / images,
            "balanced_accuracy": np.nanmean(self.recalls),
            "accuracy_of_the_usual_class": self.confusion[self.usual].sum() / images,
        }
        return {name: round(float(value), 4) for name, value in found.items()}


def class_figures(
    network: torch.nn.Module, learnt: Sequence[Learnt], held: Sequence[Learnt], classes: int
) -> ClassFigures:
    """Judge a network, in evaluation mode on the CPU, by images held back."""
    import torch

    confusion = np.zeros((classes, classes), np.int64)
    with torch.inference_mode():
        for start in range(0, len(held), AT_ONCE):
            some = held[start : start + AT_ONCE]
            inputs = torch.from_numpy(np.stack([np.asarray(x.volume, np.float32) for x in some]))
            for item, said in zip(some, network(inputs).argmax(dim=1).tolist(), strict=True):
                confusion[item.truth, said] += 1
    usual = int(np.bincount([item.truth for item in learnt], minlength=classes).argmax())
    return ClassFigures(confusion, usual)


def class_card(spec: ModelSpec, figures: ClassFigures) -> str:
    """Write a model's card."""
    training: Mapping[str, Any] = spec.training
    names, counts = spec.outputs.classes, figures.confusion.sum(axis=1)
    rows = "\n".join(
        f"| {name} | {count} | {'none' if not count else f'{recall:.3f}'} | {taken(figures, names, k)} |"
        for k, (name, count, recall) in enumerate(zip(names, counts, figures.recalls, strict=True))
    )
    whole = figures.summary
    return f"""# {spec.name} {spec.version}
Tells apart {len(names)} classes of {spec.ndim}-D images: {", ".join(names)}.

## Training
{training["images"]["train"]} images, {training["steps"]} steps, {training["minutes"]} minutes; every class
drawn equally often; {training["images"]["blank_left_out"]} blank images were left out. It sees
an image whole, in {" x ".join(map(str, spec.tile))}.

## Figures
On {training["images"]["held_back"]} images that were not learnt from and chose nothing. Trivial: always
saying {names[figures.usual]}, the class with most images.

| | this model | trivial |
|---|---|---|
| accuracy | {whole["accuracy"]:.3f} | {whole["accuracy_of_the_usual_class"]:.3f} |
| mean over the classes | {whole["balanced_accuracy"]:.3f} | {1 / len(names):.3f} |

| class | images held back | recognised | mostly taken for |
|---|---|---|---|
{rows}

## Limits
It knows these classes alone and gives one of them to every image, also to one of none. Images of one source
may share more than their class: look where the network looks before you trust it. For research; not for
diagnosis.

Licence: {spec.licence}. Cite: {spec.citation}.
"""


def taken(figures: ClassFigures, names: Sequence[str], of: int) -> str:
    """Name the class that a class is most often taken for wrongly, or nothing."""
    wrong = figures.confusion[of].copy()
    wrong[of] = 0
    return names[int(wrong.argmax())] if wrong.any() else ""
