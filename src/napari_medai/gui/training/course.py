"""How a training stands: written by the worker, read by the panel, which may ask it to wait or end."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from napari_medai.core.errors import Finish
from napari_medai.core.progress import Progress, Step

if TYPE_CHECKING:
    from napari_medai.core.image import MedicalImage
    from napari_medai.train import Epoch

_PAUSE_S = 0.1


@dataclass
class Course:
    """How the training stands.

    Parameters
    ----------
    epochs : list of Epoch
        Those done.
    preview : MedicalImage or None
        What the network says so far of the first case.
    wants_preview : bool
        Whether the panel shows that.
    paused, finish : bool
        What the panel asks for: to wait, or to end and keep the best.
    """

    epochs: list[Epoch] = field(default_factory=list)
    preview: MedicalImage | None = None
    wants_preview: bool = True
    paused: bool = False
    finish: bool = False

    def take(self, epoch: Epoch, _: object = None) -> None:
        """Take a finished epoch; end the training there if that was asked for."""
        self.epochs.append(epoch)
        if self.finish:
            raise Finish

    def wait_while_paused(self, progress: Progress) -> Progress:
        """Return a reporter that waits as long as a pause lasts, and can be cancelled meanwhile."""

        def report(step: Step) -> None:
            progress(step)
            while self.paused and not self.finish:
                time.sleep(_PAUSE_S)
                progress(step)

        return report
