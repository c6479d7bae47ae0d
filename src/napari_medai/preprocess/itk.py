"""The door to SimpleITK: arrays in and out, progress heard, filters stopped."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from napari_medai.core.progress import Progress
from napari_medai.preprocess.arrays import Volume
from napari_medai.preprocess.background import in_background


def to_itk(volume: Volume, spacing: Sequence[float] | None = None) -> Any:
    """Return a SimpleITK image of a volume; only the spacing matters to filters, so no place is set.

    Parameters
    ----------
    volume : numpy.ndarray
        Shape (z, y, x) or (y, x).
    spacing : sequence of float, optional
        Voxel size along each array axis; 1 by default.
    """
    import SimpleITK as sitk

    array = volume.astype(np.uint8) if volume.dtype == np.bool_ else volume
    image = sitk.GetImageFromArray(np.ascontiguousarray(array))
    if spacing is not None:
        image.SetSpacing([float(s) for s in reversed(list(spacing))])
    return image


def from_itk(image: Any) -> Volume:
    """Return a SimpleITK image's values as an array of its own."""
    import SimpleITK as sitk

    return np.asarray(sitk.GetArrayFromImage(image))


def execute(
    filter_: Any, *inputs: Any, progress: Progress, message: str = "", iterations: int | None = None
) -> Any:
    """Run a SimpleITK filter that reports progress and stops when the reporter raises.

    The call comes back at once; the filter itself ends at its next event.

    Parameters
    ----------
    filter_ : SimpleITK.ProcessObject
        The filter, with its settings.
    *inputs
        What its ``Execute`` takes.
    progress : Progress
        Hears how far the filter is, ten times a second.
    message : str
        What the reports say.
    iterations : int, optional
        The largest number of iterations, where the filter iterates.

    Returns
    -------
    object
        What ``Execute`` returns.
    """
    import SimpleITK as sitk

    watch = _Watch(filter_, iterations)
    filter_.AddCommand(sitk.sitkIterationEvent if iterations else sitk.sitkProgressEvent, watch)
    try:
        return in_background(lambda: watch.run(inputs), progress, message, watch.share)
    except BaseException:
        watch.stopped = True
        raise


class _Watch:
    """Counts a filter's events, and stops it at the next one when told to.

    Most filters heed ``Abort``. Some (N4) do not; they stop when the callback itself fails.
    """

    def __init__(self, filter_: Any, iterations: int | None) -> None:
        self.filter = filter_
        self.iterations = iterations
        self.count = 0
        self.fraction = 0.0
        self.stopped = False
        self.told = False
        self.hook = sys.excepthook

    def run(self, inputs: tuple[Any, ...]) -> Any:
        try:
            return self.filter.Execute(*inputs)
        finally:
            self.filter.RemoveAllCommands()
            if sys.excepthook is _hush:
                sys.excepthook = self.hook

    def share(self) -> float:
        return min(self.count / self.iterations, 1.0) if self.iterations else self.fraction

    def __call__(self) -> None:
        self.count += 1
        if self.iterations is None:
            self.fraction = float(self.filter.GetProgress())
        if self.stopped and not self.told:
            self.told = True
            self.filter.Abort()
        elif self.stopped:
            # SimpleITK prints what a callback raises, through this hook, before Execute comes back.
            self.hook, sys.excepthook = sys.excepthook, _hush
            raise _Stop


class _Stop(Exception):  # noqa: N818 - a signal, never seen outside
    """Makes a filter stop that does not heed ``Abort``."""


def _hush(kind: type[BaseException], error: BaseException, trace: Any) -> None:
    """Stand in as the interpreter's exception hook; only :class:`_Stop` goes unsaid."""
    if kind is not _Stop:
        sys.__excepthook__(kind, error, trace)
