"""What the plugin costs when napari starts, and how long each of its panels takes to open, torch not loaded.

Run on a display (or ``xvfb-run -a``): ``python benchmarks/opening.py``. The targets are 50 ms for the
manifest, read in a fresh interpreter, and 500 ms for the first opening of each panel in a fresh viewer.
Beside the wall time stands the processor time, which other programs on a busy machine disturb less.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

MANIFEST = Path(__file__).parents[1] / "napari.yaml"
REPEATS = 5

READ_MANIFEST = f"""
import json, sys, time
from npe2 import PluginManager, PluginManifest
start, used = time.perf_counter(), time.process_time()
PluginManager.instance().register(PluginManifest.from_file({str(MANIFEST)!r}))
seconds = [time.perf_counter() - start, time.process_time() - used]
print(json.dumps([seconds, sorted(m for m in sys.modules if m.startswith("napari_medai"))]))
"""


def manifest_cost() -> tuple[float, float, list[str]]:
    """Return the median wall and processor seconds to read the manifest, and our modules that this loaded."""
    runs = []
    for _ in range(REPEATS):
        done = subprocess.run(
            [sys.executable, "-c", READ_MANIFEST], capture_output=True, text=True, check=True
        )
        runs.append(json.loads(done.stdout))
    wall, used = (statistics.median(seconds[i] for seconds, _ in runs) for i in range(2))
    return wall, used, runs[-1][1]


def opening_cost(name: str) -> tuple[float, float, float, bool]:
    """Open a panel from its menu, then once more, in this process.

    Returns
    -------
    tuple
        Wall and processor seconds of the first opening, wall seconds of the second, and whether torch has
        been loaded.
    """
    import napari

    viewer = napari.Viewer(show=False)
    viewer.open_sample("napari-medai", "mr-head")
    times, used = [], []
    for _ in range(2):
        start, before = time.perf_counter(), time.process_time()
        dock, _ = viewer.window.add_plugin_dock_widget("napari-medai", name)
        times.append(time.perf_counter() - start)
        used.append(time.process_time() - before)
        viewer.window.remove_dock_widget(dock)
    loaded = "torch" in sys.modules
    viewer.close()
    return times[0], used[0], times[1], loaded


def panels() -> list[str]:
    """Return the names of the panels in the manifest."""
    from npe2 import PluginManifest

    return [w.display_name for w in PluginManifest.from_file(MANIFEST).contributions.widgets or ()]


def main() -> None:
    """Print one line for the manifest, and one a panel; each panel is opened in a process of its own."""
    if len(sys.argv) > 1:
        print(json.dumps(opening_cost(sys.argv[1])))
        return
    seconds, used, loaded = manifest_cost()
    print(
        f"manifest: {1000 * seconds:.1f} ms ({1000 * used:.1f} ms of processor), our modules: {len(loaded)}"
    )
    print(f"{'panel':14}{'first ms':>10}{'processor':>11}{'again ms':>10}  torch")
    for name in panels():
        words = [sys.executable, __file__, name]
        done = subprocess.run(words, capture_output=True, text=True, check=True)
        first, used, again, torch = json.loads(done.stdout.splitlines()[-1])
        figures = f"{1000 * first:10.0f}{1000 * used:11.0f}{1000 * again:10.0f}"
        print(f"{name:14}{figures}  {'loaded' if torch else 'not loaded'}", flush=True)


if __name__ == "__main__":
    main()
