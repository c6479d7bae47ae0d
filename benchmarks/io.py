"""Reading DICOM and NIfTI beside SimpleITK, nibabel and a plain pydicom loop, warm cache, in one run."""

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pydicom
import SimpleITK as sitk

from napari_medai import Geometry, MedicalImage
from napari_medai.io.dicom.scan import scan
from napari_medai.io.read import read
from napari_medai.io.write import write

REPEATS = 5


def made_series(folder: Path, shape: tuple[int, int, int]) -> Path:
    """Write a DICOM series of 12-bit noise."""
    noise = np.random.default_rng(0).integers(0, 4096, shape).astype(np.int16)
    grid = Geometry.from_spacing(shape, (1.25, 0.7, 0.7), (-180, -180, 20))
    return write(MedicalImage(noise, "zyx", grid, name="noise", meta={"modality": "CT"}), folder)


def with_simpleitk(folder: Path) -> np.ndarray:
    """Read a series as SimpleITK's documentation does."""
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    return sitk.GetArrayFromImage(reader.Execute())


def with_pydicom(folder: Path) -> np.ndarray:
    """Read a series in a plain loop: every file, sorted by position, rescaled."""
    slices = [pydicom.dcmread(path) for path in folder.iterdir()]
    slices.sort(key=lambda d: float(d.ImagePositionPatient[2]))
    scales = [(float(d.get("RescaleSlope", 1)), float(d.get("RescaleIntercept", 0))) for d in slices]
    pixels = zip(slices, scales, strict=True)
    return np.stack([d.pixel_array * np.float32(slope) + np.float32(offset) for d, (slope, offset) in pixels])


def seconds(task: Callable[[], object]) -> float:
    """Return the median wall time of a task, after one run to warm the cache."""
    task()
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        task()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def compare(name: str, folder: Path) -> None:
    """Print one line: our time, the peers', and the ratios."""
    ours, itk, plain = (seconds(lambda f=f: f(folder)) for f in (read, with_simpleitk, with_pydicom))
    print(f"{name:36}{ours:9.3f}{itk:12.3f}{ours / itk:7.2f}{plain:12.3f}{ours / plain:7.2f}")


def dicom(folder: Path) -> None:
    """Compare whole reads."""
    print(f"{'series, seconds':36}{'ours':>9}{'SimpleITK':>12}{'ratio':>7}{'pydicom':>12}{'ratio':>7}")
    compare("CT, 140 slices of 512 x 512", made_series(folder / "ct", (140, 512, 512)))
    compare("MR, 160 slices of 256 x 256", made_series(folder / "mr", (160, 256, 256)))
    compare("520 files of 64 x 64", made_series(folder / "small", (520, 64, 64)))
    data = Path(os.environ.get("NAPARI_MEDAI_DATA", "")) / "io" / "forrest-t1" / "dicom"
    if data.is_dir():
        compare("a real T1, 128 slices of 384 x 274", data)
    else:
        print("a real T1: NAPARI_MEDAI_DATA names no folder with io/forrest-t1")


def large(folder: Path) -> None:
    """Time the header scan of many files, and the first slice of a series that is read lazily."""
    series = made_series(folder / "many", (2000, 64, 64))
    print(f"{'header scan of 2000 files':36}{seconds(lambda: scan(series)):9.3f}")
    thousand = made_series(folder / "thousand", (1000, 256, 256))

    def first_slice() -> np.ndarray:
        return np.asarray(read(thousand, memory_limit_gb=0)[0].array[500])

    print(f"{'first slice of 1000, read lazily':36}{seconds(first_slice):9.3f}   (target: under 1 s)")


def nifti(folder: Path) -> None:
    """Compare NIfTI reads with nibabel."""
    noise = np.random.default_rng(0).integers(0, 4096, (160, 256, 256)).astype(np.int16)
    image = MedicalImage(noise, "zyx", Geometry.from_spacing(noise.shape, (1, 1, 1)))
    print(f"\n{'NIfTI, 160 x 256 x 256, seconds':36}{'ours':>9}{'nibabel':>12}{'ratio':>7}")
    for suffix in (".nii", ".nii.gz"):
        path = write(image, folder / f"image{suffix}")
        ours = seconds(lambda p=path: read(p))
        peer = seconds(lambda p=path: np.array(nib.load(p).dataobj))
        print(f"{'read ' + suffix:36}{ours:9.3f}{peer:12.3f}{ours / peer:7.2f}")


def main() -> None:
    """Run every case in a temporary folder."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        dicom(folder)
        large(folder)
        nifti(folder)


if __name__ == "__main__":
    sys.exit(main())
