"""Throughput of a batch: in this process, in two processes, and on a Dask cluster of one and two workers."""

import tempfile
import time
from pathlib import Path

from napari_medai import write
from napari_medai.phantoms.torso import ct_torso
from napari_medai.recipe import Recipe, find_cases, run_batch

CASES = 24
RECIPE = Recipe.from_json(
    {
        "schema": "napari-medai/recipe/1",
        "inputs": {"image": {"kind": "intensity"}},
        "steps": [
            {
                "id": "smooth",
                "operation": "smooth_median",
                "inputs": {"image": "image"},
            },
            {"id": "mask", "operation": "threshold_otsu", "inputs": {"image": "smooth"}},
            {"id": "parts", "operation": "label_components", "inputs": {"labels": "mask"}},
            {
                "id": "table",
                "operation": "measure_regions",
                "inputs": {"image": "image", "labels": "parts"},
                "options": {"shape": False},
            },
        ],
        "outputs": ["parts", "table"],
    }
)


def seconds(scans: Path, out: Path, **engine: object) -> float:
    """Return the wall time of the batch with an engine."""
    start = time.perf_counter()
    report = run_batch(RECIPE, find_cases(RECIPE, [scans]), out, **engine)  # type: ignore[arg-type]
    assert len(report.done) == CASES, report.failed
    return time.perf_counter() - start


def told(name: str, taken: float, first: float) -> None:
    """Print one row."""
    print(f"{name:28}{taken:8.1f} s{CASES / taken:9.2f} cases/s{first / taken:8.2f} x")


def on_cluster(scans: Path, folder: Path, first: float) -> None:
    """Run on local Dask clusters, where distributed is installed."""
    try:
        from distributed import LocalCluster
    except ImportError:
        print("Dask: not installed (pip install 'napari-medai[cluster]')")
        return
    for workers in (1, 2):
        with LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=None) as cluster:
            taken = seconds(scans, folder / f"dask-{workers}", scheduler=cluster.scheduler_address)
        told(f"Dask, {workers} worker{'s' * (workers > 1)}", taken, first)


def main() -> None:
    """Make phantoms and time every engine on them; the first case of an engine pays for its imports."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        scans = folder / "scans"
        scans.mkdir()
        image, _ = ct_torso(seed=1, shape=(100, 160, 160), spacing=(3.0, 2.4, 2.4))
        for number in range(CASES):
            write(image, scans / f"p{number:02d}.nii.gz")
        print(f"{CASES} cases of {' x '.join(map(str, image.array.shape))} voxels")
        first = seconds(scans, folder / "here", workers=1)
        told("this process", first, first)
        told("two processes", seconds(scans, folder / "two", workers=2), first)
        on_cluster(scans, folder, first)


if __name__ == "__main__":
    main()
