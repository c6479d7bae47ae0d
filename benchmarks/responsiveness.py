"""How alive the viewer stays while a step or recipe runs: the largest gap of its event loop, and Cancel.

Run on a display (or ``xvfb-run -a``): ``python benchmarks/responsiveness.py [SIDE]``. The targets are a gap
under 100 ms and a cancel under 2 s; SIDE is the side of the cube of voxels, 192 by default.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import napari
import numpy as np
from napari.layers import Layer
from qtpy.QtCore import QEventLoop, QTimer

from napari_medai import Geometry, MedicalImage, catalog, write
from napari_medai.core.operation import Operation, operation
from napari_medai.core.progress import Progress, silent, track
from napari_medai.gui.batch.panel import BatchPanel
from napari_medai.gui.history.panel import HistoryPanel
from napari_medai.gui.layers import image_of, layers_from_image
from napari_medai.gui.panel import OperationPanel
from napari_medai.recipe import from_history, save

TICK_MS = 5
CANCEL_AFTER_MS = 200


@dataclass(frozen=True)
class Case:
    """A step to take while the event loop is watched."""

    name: str
    options: dict[str, Any]


CASES = (
    Case("python_work", {}),
    Case("smooth_gaussian", {"sigma_mm": 6.0}),
    Case("smooth_median", {"radius_mm": 3.0}),
    Case("correct_bias_field", {}),
    Case("denoise_nonlocal", {}),
    Case("label_components", {}),
    Case("predict_labels", {"model": "phantom-3d"}),
    Case("predict_labels", {"model": "phantom-3d"}),
)
"""The first step with a model imports torch; the second shows the work alone."""
IDLE_MS = 3000


@operation(group="benchmarks", title="Pure Python")
def python_work(image: MedicalImage, *, rounds: int = 400, progress: Progress = silent) -> MedicalImage:
    """Hold the interpreter with Python code, the worst that a step can do to the event loop.

    Parameters
    ----------
    image : MedicalImage
        Returned as it is.
    rounds : int
        How long.
    progress : Progress
        Hears one report a round.
    """
    for _ in track(range(rounds), progress, "Counting"):
        sum(i * i for i in range(60_000))
    return image


class Watch:
    """Notes the time between the ticks of a timer on the event loop."""

    def __init__(self) -> None:
        self.gaps: list[float] = []
        self._last = 0.0
        self._timer = QTimer()
        self._timer.setInterval(TICK_MS)
        self._timer.timeout.connect(self._tick)

    def __enter__(self) -> Watch:
        self._last = time.perf_counter()
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._tick()
        self._timer.stop()

    def _tick(self) -> None:
        now = time.perf_counter()
        self.gaps.append(now - self._last)
        self._last = now


def wait_for(signal: Any, begin: Callable[[], None]) -> None:
    """Run the event loop until a signal comes."""
    loop = QEventLoop()
    signal.connect(loop.quit)
    begin()
    loop.exec()
    signal.disconnect(loop.quit)


def scene(viewer: napari.Viewer, side: int) -> None:
    """Show an image and labels of ``side`` voxels cubed."""
    grid = Geometry.from_spacing((side,) * 3, (2.0, 1.5, 1.5))
    rng = np.random.default_rng(0)
    z, y, x = np.mgrid[-1 : 1 : side * 1j, -1 : 1 : side * 1j, -1 : 1 : side * 1j]
    body = 1000.0 * (z**2 + y**2 + x**2 < 0.7) + 200 * np.sin(9 * x)
    noisy = (body + rng.normal(0, 30, grid.shape)).astype("float32")
    labels = (rng.random(grid.shape) > 0.6).astype("uint8")
    image = MedicalImage(noisy, "zyx", grid, name="cube", meta={"modality": "CT"})
    for item in (image, image.replace(array=labels, kind="labels", name="specks")):
        for layer in layers_from_image(item):
            viewer.add_layer(Layer.create(*layer))


def measure(panel: OperationPanel, case: Case) -> tuple[float, float, float, float, float]:
    """Run a step to its end, then once more and cancel it.

    Returns
    -------
    tuple of float
        Seconds it took; largest gap while it ran, 99th percentile of the gaps, gap when the result was
        shown, and time from Cancel to the end of the step; in seconds.
    """
    panel.choose(case.name)
    panel.form.set_values(case.options)
    start = time.perf_counter()
    with Watch() as watch:
        wait_for(panel.runner.finished, panel.run)
    seconds = time.perf_counter() - start
    shown = watch.gaps[-1]
    cancelled = 0.0

    def cancel() -> None:
        nonlocal cancelled
        cancelled = time.perf_counter()
        panel.cancel()

    timer = QTimer()
    timer.setSingleShot(True)
    timer.timeout.connect(cancel)
    timer.start(CANCEL_AFTER_MS)
    wait_for(panel.runner.finished, panel.run)
    timer.stop()
    latency = time.perf_counter() - cancelled if cancelled else float("nan")
    gaps = watch.gaps[:-1] or [0.0]
    return seconds, max(gaps), float(np.percentile(gaps, 99)), shown, latency


def make_recipe(viewer: napari.Viewer) -> Any:
    """Take five steps on the image, and return the layer that came of them."""
    image = image_of(viewer.layers["cube"])
    every = {name: o.function for name, o in catalog.operations().items()}
    smooth = every["smooth_gaussian"](image, sigma_mm=2.0)
    even = every["correct_bias_field"](smooth)
    bright = every["threshold_otsu"](even)
    whole = every["fill_holes"](bright)
    body = every["keep_largest"](whole)
    return viewer.add_layer(Layer.create(*layers_from_image(body.replace(name="body"))[0]))


def watch(finished: Any, begin: Callable[[], None], stop: Callable[[], None]) -> tuple[float, ...]:
    """Watch the event loop while a recipe runs to its end; then run it again and cancel it."""
    start = time.perf_counter()
    with Watch() as seen:
        wait_for(finished, begin)
    seconds = time.perf_counter() - start
    asked = 0.0

    def cancel() -> None:
        nonlocal asked
        asked = time.perf_counter()
        stop()

    QTimer.singleShot(CANCEL_AFTER_MS, cancel)
    wait_for(finished, begin)
    gaps = seen.gaps[:-1]
    latency = time.perf_counter() - asked
    return seconds, max(gaps), float(np.percentile(gaps, 99)), seen.gaps[-1], latency


def measure_recipes(viewer: napari.Viewer, told: Callable[[str, tuple[float, ...]], None]) -> None:
    """Run five steps again from the History panel, and on three files from the Batch panel."""
    layer = make_recipe(viewer)
    history = HistoryPanel(viewer)
    history.show_layer(layer)
    told("recipe, History panel", watch(history.runner.finished, history.run_again, history.runner.cancel))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "scans").mkdir()
        for number in range(3):
            write(image_of(viewer.layers["cube"]), folder / "scans" / f"p{number}.nii")
        batch = BatchPanel(viewer)
        batch.recipe.line.setText(str(save(from_history(image_of(layer)), folder / "five.yaml")))
        batch.sources.line.setText(str(folder / "scans"))
        outputs = iter(("out", "again"))

        def begin() -> None:
            batch.output.line.setText(str(folder / next(outputs)))
            batch.run()

        told("recipe, Batch panel", watch(batch.runner.finished, begin, batch.cancel))


def idle() -> list[float]:
    """Return the gaps while nothing runs: what this machine does to an event loop by itself."""
    loop = QEventLoop()
    QTimer.singleShot(IDLE_MS, loop.quit)
    with Watch() as watch:
        loop.exec()
    return watch.gaps


def told(name: str, figures: tuple[float, ...]) -> None:
    """Print one row."""
    seconds, largest, usual, shown, latency = (1000 * value for value in figures)
    print(f"{name:24}{seconds:9.0f}{largest:13.0f}{usual:7.0f}{shown:9.0f}{latency:8.0f}", flush=True)


def main() -> None:
    """Print one line a step."""
    side = int(sys.argv[1]) if len(sys.argv) > 1 else 192
    viewer = napari.Viewer()
    scene(viewer, side)
    known = {"python_work": python_work.operation, **catalog.operations()}
    operations: list[Operation] = [known[case.name] for case in CASES if case.name in known]
    panel = OperationPanel(viewer, operations)
    viewer.window.add_dock_widget(panel, name="benchmark")
    print(f"{side}³ voxels; times in ms, cancel asked for after {CANCEL_AFTER_MS} ms")
    print(f"{'step':24}{'took':>9}{'largest gap':>13}{'99 %':>7}{'showing':>9}{'cancel':>8}")
    gaps = 1000 * np.array(idle())
    print(f"{'(nothing runs)':24}{IDLE_MS:9.0f}{gaps.max():13.0f}{np.percentile(gaps, 99):7.0f}")
    for case in CASES:
        if case.name in known:
            told(case.name, measure(panel, case))
    measure_recipes(viewer, told)
    viewer.close()


if __name__ == "__main__":
    main()
