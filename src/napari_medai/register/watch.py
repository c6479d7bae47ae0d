"""A SimpleITK method run so that each iteration is heard and its caller can stop at any time."""

from __future__ import annotations

from threading import Thread
from typing import Any

from napari_medai.core.progress import Progress, Step

POLL_S = 0.1


def watched(method: Any, images: list[Any], total: int, progress: Progress) -> Any:
    """Call ``method.Execute(*images)`` in a thread of its own and report until it is done.

    What the reporter raises is raised at once; the method is told to stop at its next iteration, and
    nobody sees its result.

    Parameters
    ----------
    method : SimpleITK.ProcessObject
        A registration, with its settings.
    images : list of SimpleITK.Image
        What ``Execute`` takes.
    total : int
        The largest number of iterations.
    progress : Progress
        Hears ten reports a second.

    Returns
    -------
    object
        What ``Execute`` returns.
    """
    import SimpleITK as sitk

    count, stopped = [0], [False]
    results: list[Any] = []
    errors: list[BaseException] = []

    def heard() -> None:
        count[0] += 1
        if stopped[0]:
            method.Abort()

    def work() -> None:
        try:
            results.append(method.Execute(*images))
        except BaseException as error:  # noqa: BLE001 - raised again in the caller's thread
            errors.append(error)

    progress(Step(0, total, "Deforming"))
    method.AddCommand(sitk.sitkIterationEvent, heard)
    thread = Thread(target=work, name="napari-medai", daemon=True)
    thread.start()
    try:
        while thread.is_alive():
            thread.join(POLL_S)
            progress(Step(min(count[0], total), total, "Deforming"))
    except BaseException:
        stopped[0] = True
        raise
    if errors:
        raise errors[0]
    return results[0]
