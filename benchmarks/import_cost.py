"""What ``import napari_medai`` costs over bare Python with NumPy (target: under 0.3 s)."""

import statistics
import subprocess
import sys
import time

REPEATS = 15
CASES = {
    "python": "pass",
    "python + numpy": "import numpy",
    "python + numpy + napari_medai": "import numpy; import napari_medai",
    "... and its image type": "import numpy; import napari_medai; napari_medai.MedicalImage",
    "... and every operation": "import numpy; import napari_medai; napari_medai.operations()",
}


def seconds(code: str) -> float:
    """Return the wall time of one fresh interpreter running the code."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True)
    return time.perf_counter() - start


def main() -> None:
    """Time the cases in turn, so that a busy machine slows all of them alike, and print the medians."""
    times: dict[str, list[float]] = {name: [] for name in CASES}
    for _ in range(REPEATS):
        for name, code in CASES.items():
            times[name].append(seconds(code))
    medians = {name: statistics.median(values) for name, values in times.items()}
    base = medians["python + numpy"]
    print(f"{'median of ' + str(REPEATS):32}{'seconds':>9}{'over numpy':>12}")
    for name, value in medians.items():
        print(f"{name:32}{value:9.3f}{value - base:+12.3f}")


if __name__ == "__main__":
    main()
