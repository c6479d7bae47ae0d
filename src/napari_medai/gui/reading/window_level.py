"""Window and level: presets of a modality, the scan's own windows, and dragging with the right button."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_medai.gui.appearance import contrast_limits
from napari_medai.gui.record import LayerRecord
from napari_medai.io.windows import presets

if TYPE_CHECKING:
    import napari

RIGHT_BUTTON = 2
_PIXELS_PER_WIDTH = 300.0
_LEAST_SHARE = 1e-4
_UNITS = {"HU": " HU", "SUV": " SUV"}


def active_image(viewer: napari.viewer.Viewer) -> Any:
    """Return the image layer whose window is meant: the active one, else the topmost visible one."""
    from napari.layers import Image

    active = viewer.layers.selection.active
    candidates = [active, *[layer for layer in reversed(list(viewer.layers)) if layer.visible]]
    return next((layer for layer in candidates if isinstance(layer, Image) and not layer.rgb), None)


def window_of(layer: Any) -> tuple[float, float]:
    """Return the (centre, width) a layer is shown in."""
    low, high = (float(v) for v in layer.contrast_limits)
    return (low + high) / 2, high - low


def set_window(layer: Any, center: float, width: float) -> None:
    """Show a layer in a window; the range of its slider grows where the window lies outside.

    Parameters
    ----------
    layer : napari.layers.Image
        Its voxels stay as they are.
    center, width : float
        In the image's own values; a width of nothing becomes a very small one.
    """
    width = max(float(width), _LEAST_SHARE * max(abs(float(center)), 1.0))
    low, high = float(center) - width / 2, float(center) + width / 2
    first, last = layer.contrast_limits_range
    if low < first or high > last:
        layer.contrast_limits_range = (min(low, first), max(high, last))
    layer.contrast_limits = (low, high)


def windows_for(layer: Any) -> dict[str, tuple[float, float]]:
    """Return what the presets menu offers for a layer: the scan's own windows, then its modality's.

    PET windows are given in SUV and turned into the image's unit; they are left out where the factor is not
    known. MR has no presets, for its numbers have no absolute meaning.
    """
    record = LayerRecord.found_in(layer.metadata)
    meta: dict[str, Any] = dict(record.meta) if record else {}
    found = {
        f"scan: {window['name']}": (float(window["center"]), float(window["width"]))
        for window in meta.get("windows", ())
    }
    modality = str(meta.get("modality", ""))
    factor = 1.0
    if modality == "PT":
        factor = float(dict(meta.get("suv", {})).get("body_weight_factor") or 0)
    for name, (center, width) in presets(modality).items():
        if factor > 0:
            found[name] = (center / factor, width / factor)
    return found


def automatic_window(layer: Any) -> tuple[float, float]:
    """Return the window that leaves out one value in five hundred at either end."""
    from napari_medai.gui.layers import image_from_layer

    image = image_from_layer(*layer.as_layer_data_tuple())
    low, high = contrast_limits(image.replace(meta={k: v for k, v in image.meta.items() if k != "window"}))
    return (low + high) / 2, high - low


def caption(layer: Any) -> str:
    """Return ``"W 400  L 40 HU"``."""
    center, width = window_of(layer)
    record = LayerRecord.found_in(layer.metadata)
    unit = _UNITS.get(str(dict(record.meta).get("value_unit", "")) if record else "", "")
    return f"W {_short(width)}  L {_short(center)}{unit}"


def drag(viewer: napari.viewer.Viewer, event: Any) -> Iterator[None]:
    """Follow the right mouse button: to the right the window widens, downwards its level rises.

    napari's own use of that button (zooming by dragging) rests meanwhile; the wheel zooms as ever.
    """
    layer = active_image(viewer)
    if event.button != RIGHT_BUTTON or layer is None or viewer.dims.ndisplay != 2:
        return
    camera = getattr(viewer, "scene", viewer).camera
    pan, camera.mouse_pan = camera.mouse_pan, False
    start, (center, width) = np.array(event.pos, dtype=float), window_of(layer)
    share = max(width, (layer.contrast_limits_range[1] - layer.contrast_limits_range[0]) / 100)
    try:
        yield
        while event.type == "mouse_move":
            across, down = (np.array(event.pos, dtype=float) - start) * share / _PIXELS_PER_WIDTH
            set_window(layer, center + down, max(width + across, share * _LEAST_SHARE))
            yield
    finally:
        camera.mouse_pan = pan


def _short(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 20 else f"{value:.3g}"
