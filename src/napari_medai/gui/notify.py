"""What the panels and readers say to a person, through napari's notifications."""

from __future__ import annotations

import warnings
from collections.abc import Iterable

from napari_medai.core.errors import MedAIError
from napari_medai.core.image import MedicalImage
from napari_medai.gui.placement import is_axis_aligned


def say_notices(images: Iterable[MedicalImage], known: Iterable[MedicalImage] = ()) -> None:
    """Show what a person must know about new images, all of it as one notification.

    Parameters
    ----------
    images : iterable of MedicalImage
        The images that are about to be shown.
    known : iterable of MedicalImage
        Images whose notices have been seen already.
    """
    seen = {notice for image in known for notice in notices_of(image)}
    said = dict.fromkeys(notice for image in images for notice in notices_of(image))
    new = [notice for notice in said if notice not in seen]
    if new:
        from napari.utils.notifications import show_warning

        show_warning("\n".join(new))


def explain(error: MedAIError) -> None:
    """Show an error with its remedy."""
    from napari.utils.notifications import show_error

    show_error("\n".join(part for part in (error.message, error.hint) if part))


def say(message: str) -> None:
    """Show a short message."""
    from napari.utils.notifications import show_info

    show_info(message)


def quiet_oblique_warning() -> None:
    """Leave out napari's own warning about oblique layers.

    napari repeats at every slice that its 2-D view leaves the tilt out. The reader says so once, with
    the angle; that is enough.
    """
    warnings.filterwarnings("ignore", message="Non-orthogonal slicing is being requested")


def notices_of(image: MedicalImage) -> list[str]:
    """Return what a person must know about an image when seeing it.

    Parameters
    ----------
    image : MedicalImage
        Its own notices, and what the viewer cannot show as it is.
    """
    notices = [str(notice) for notice in image.meta.get("notices", ())]
    unknown_step = "t" in image.axes and not image.meta.get("time_step_s")
    if unknown_step and image.meta.get("time_axis", "time") == "time":
        notices.append("The time between two frames is not known: one frame is shown as one second.")
    grid = image.geometry
    if not is_axis_aligned(grid.nearest_axes().apply_geometry(grid)):
        notices.append(
            f"The scan lies oblique, {grid.obliquity_deg:.1f}° off the patient's axes. The 2-D view shows "
            "the scan's own slices; the 3-D view and every computation use its true place. To lay it along "
            "the axes: Layers > Visualize > Window and orientation > Straighten."
        )
    return notices
