"""The door to SimpleITK: arrays in and out, progress heard, filters stopped."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from napari_medai.core.progress import Progress, Step
from napari_medai.preprocess.arrays import Volume


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

    Parameters
    ----------
    filter_ : SimpleITK.ProcessObject
        The filter, with its settings.
    *inputs
        What its ``Execute`` takes.
    progress : Progress
        Hears every iteration, or every step of the filter's own progress.
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

    watch = _Watch(filter_, progress, message, iterations)
    progress(Step(0, iterations or 1.0, message))
    filter_.AddCommand(sitk.sitkIterationEvent if iterations else sitk.sitkProgressEvent, watch)
    try:
        with _quiet_callbacks():
            result = filter_.Execute(*inputs)
    except RuntimeError:
        if watch.error is None:
            raise
        result = None
    finally:
        filter_.RemoveAllCommands()
    if watch.error is not None:
        raise watch.error
    progress(Step(1.0, 1.0, message))
    return result


class _Watch:
    """Reports for a filter; keeps what the reporter raised and stops the filter.

    Most filters heed ``Abort``. Some (N4) do not; they stop when the callback itself fails.
    """

    def __init__(self, filter_: Any, progress: Progress, message: str, iterations: int | None) -> None:
        self.filter = filter_
        self.progress = progress
        self.message = message
        self.iterations = iterations
        self.count = 0
        self.error: BaseException | None = None

    def __call__(self) -> None:
        if self.error is not None:
            raise _Stop
        self.count += 1
        done, total = (
            (self.count, self.iterations) if self.iterations else (float(self.filter.GetProgress()), 1.0)
        )
        try:
            self.progress(Step(min(done, total), total, self.message))
        except BaseException as error:  # noqa: BLE001 - C++ stands between; it is raised again after Execute
            self.error = error
            self.filter.Abort()


class _Stop(Exception):  # noqa: N818 - a signal, never seen outside
    """Makes a filter stop that does not heed ``Abort``."""


@contextmanager
def _quiet_callbacks() -> Iterator[None]:
    """Keep SimpleITK from printing the traceback of :class:`_Stop`."""
    before = sys.excepthook

    def hook(kind: type[BaseException], error: BaseException, trace: Any) -> None:
        if kind is not _Stop:
            before(kind, error, trace)

    sys.excepthook = hook
    try:
        yield
    finally:
        if sys.excepthook is hook:
            sys.excepthook = before
