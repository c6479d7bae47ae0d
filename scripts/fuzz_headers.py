"""Look for headers that crash a reader, guided by the code they reach.

Needs atheris, which is no dependency of the package: ``pip install atheris`` into an environment that has it.
Run as ``python scripts/fuzz_headers.py --seconds 600 --keep tests/io/corpus/headers.zip``. What is found
stands in the output; inputs that reach most code, made as few and small as can be, are kept for the tests.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import subprocess
import sys
import tempfile
import traceback
import warnings
import zipfile
from pathlib import Path

SUFFIXES = (
    ".dcm",
    ".nii",
    ".nii.gz",
    ".hdr",
    ".nrrd",
    ".mha",
    ".mgh",
    ".mnc",
    ".par",
    ".head",
    ".fcsv",
    ".gipl",
)
"""The first byte of an input chooses how its file is called; the rest is the file."""


def read_any(path: Path) -> None:
    """Read a file as a person would: what is no image must be refused, in words."""
    from napari_medai.core.errors import MedAIError
    from napari_medai.io.describe import describe
    from napari_medai.io.points import read_points
    from napari_medai.io.read import read

    for reader in (read_points,) if path.suffix == ".fcsv" else (describe, read):
        try:
            reader(path)
        except MedAIError as error:
            if str(path.parent) in str(error):
                raise RuntimeError(f"an error tells where the file lies: {error}") from error


def target(data: bytes) -> None:
    """Read one input; note an unexpected exception once for each place it comes from, and go on."""
    try:
        read_input(data)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is what we look for
        note(error, data)


def note(error: Exception, data: bytes) -> None:
    """Save the first input that leads to an exception at a line of code, with what was raised."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    ours = [f for f in traceback.extract_tb(error.__traceback__) if "napari_medai" in f.filename]
    line = f"{Path(ours[-1].filename).name}:{ours[-1].lineno}" if ours else f"{last.filename}:{last.lineno}"
    name = f"{type(error).__name__} {line}".replace("/", "_")
    folder = Path("found")
    folder.mkdir(exist_ok=True)
    if not (folder / name).exists():
        (folder / name).write_bytes(data)
        (folder / f"{name}.txt").write_text("".join(traceback.format_exception(error)))


def read_input(data: bytes) -> None:
    """Write one input as a file and read it."""
    if not data:
        return
    path = Path(tempfile.gettempdir()) / f"fuzzed{os.getpid()}{SUFFIXES[data[0] % len(SUFFIXES)]}"
    path.write_bytes(data[1:])
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            warnings.filterwarnings("ignore", category=DeprecationWarning)
            read_any(path)
    finally:
        path.unlink()


def as_input(path: Path) -> bytes:
    """Return a file as an input of the fuzzer."""
    index = max((i for i, s in enumerate(SUFFIXES) if path.name.endswith(s)), key=lambda i: len(SUFFIXES[i]))
    return bytes([index]) + path.read_bytes()


def fuzz(arguments: list[str]) -> None:
    """Let libFuzzer run in this process."""
    import atheris

    with atheris.instrument_imports(include=["napari_medai.io"]):
        import napari_medai.io.describe
        import napari_medai.io.dicom.assemble
        import napari_medai.io.dicom.csa
        import napari_medai.io.dicom.scan
        import napari_medai.io.dicom.structures
        import napari_medai.io.itk
        import napari_medai.io.nifti
        import napari_medai.io.other
        import napari_medai.io.picture
        import napari_medai.io.points
        import napari_medai.io.read
        import napari_medai.io.tiff  # noqa: F401
    import pydicom  # noqa: F401
    import SimpleITK as sitk

    sitk.ProcessObject.SetGlobalWarningDisplay(False)
    # libFuzzer calls this command again, through a shell, to merge what it found.
    atheris.Setup([f"{sys.executable} {Path(__file__).resolve()} --child", *arguments], target)
    atheris.Fuzz()


def run_child(folder: Path, *options: str) -> int:
    """Run libFuzzer in a process of its own."""
    command = [sys.executable, __file__, "--child", *options]
    return subprocess.run(command, cwd=folder, check=False).returncode


def keep(folders: list[Path], archive: Path) -> None:
    """Write inputs as the files they stand for into one archive, the same for the same inputs."""
    files = {}
    for path in (path for folder in folders if folder.is_dir() for path in folder.iterdir()):
        data = path.read_bytes()
        if data and path.suffix != ".txt":
            name = hashlib.blake2b(data, digest_size=6).hexdigest() + SUFFIXES[data[0] % len(SUFFIXES)]
            files[name] = data[1:]
    archive.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as packed:
        for name in sorted(files):
            packed.writestr(zipfile.ZipInfo(name), files[name], zipfile.ZIP_DEFLATED, 9)


def unpack(archive: Path, corpus: Path) -> None:
    """Make inputs of the files in an archive."""
    with zipfile.ZipFile(archive) as packed, tempfile.TemporaryDirectory() as folder:
        packed.extractall(folder)
        for path in Path(folder).iterdir():
            (corpus / f"kept-{path.name}").write_bytes(as_input(path))


def main() -> int:
    """Start from the kept corpus and the made seeds, fuzz, and keep what is new."""
    if "--child" in sys.argv:
        fuzz(sys.argv[sys.argv.index("--child") + 1 :])
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=600)
    parser.add_argument("--seeds", type=Path, nargs="*", default=[], help="folders of files to begin with")
    parser.add_argument("--keep", type=Path, help="archive of the corpus")
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "fuzz-headers")
    given = parser.parse_args()
    corpus, small = given.work / "corpus", given.work / "small"
    for folder in (corpus, small):
        folder.mkdir(parents=True, exist_ok=True)
    if given.keep and given.keep.is_file():
        unpack(given.keep, corpus)
    for seeds in given.seeds:
        for path in seeds.iterdir():
            if path.name.endswith(SUFFIXES):
                (corpus / f"seed-{path.name}").write_bytes(as_input(path))
    limits = ["-max_len=6000", "-timeout=10", "-rss_limit_mb=2500", "-report_slow_units=4", "-verbosity=1"]
    code = run_child(given.work, str(corpus), f"-max_total_time={given.seconds}", *limits)
    if code == 0 and given.keep:
        run_child(given.work, "-merge=1", str(small), str(corpus), *limits)
        keep([small, given.work / "found"], given.keep)
    findings = sorted((given.work / "found").glob("*.txt"))
    for path in findings:
        sys.stderr.write(f"{path.stem}\n{path.read_text()}\n")
    return code or int(bool(findings))


if __name__ == "__main__":
    sys.exit(main())
