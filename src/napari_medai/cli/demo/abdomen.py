"""The demo's third case: real MR images that pydicom ships."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from napari_medai import measure, preprocess, segment
from napari_medai.cli.demo import steps
from napari_medai.cli.demo.case import Case, Clock
from napari_medai.cli.demo.pictures import picture
from napari_medai.core.image import MedicalImage
from napari_medai.core.progress import Progress

_SHOWN = 6
_STUDY = ("data", "test_files", "dicomdirtests", "98892003")
_SLICE = ("data", "test_files", "examples_overlay.dcm")


def run(out: Path, clock: Clock, progress: Progress) -> Case:
    """Read a study folder and a full slice; correct, part and measure the slice."""
    from napari_medai.io.read import read

    with clock.step("Read the study folder"):
        study = read(steps.shipped("pydicom", *_STUDY))
    with clock.step("Read the slice"):
        (image,) = read(steps.shipped("pydicom", *_SLICE))
    with clock.step("Correct the bias field (N4)"):
        corrected = preprocess.correct_bias_field(image, progress=progress)
    with clock.step("Otsu and connected components"):
        mask = segment.threshold_otsu(corrected)
        parts = segment.label_components(mask, min_size_mm3=400.0, progress=progress)
    with clock.step("Measure"):
        table = measure.measure_regions(corrected, parts, shape=False, progress=progress)
    with clock.step("Write"):
        files = steps.save(out, "mr_regions", parts, table)
    series = {i.meta["source"]["series"] for i in study}
    source = image.meta["source"]
    return Case(
        key="mr",
        title="Real MR images: bias correction and regions",
        story="The MR files that pydicom ships: a study folder, searched deep and sorted into series, and a "
        "full slice of an abdomen. The slice's slow shading is divided out (N4), and what is bright is "
        "parted by Otsu's threshold into connected regions.",
        facts=[
            ("Study folder", f"{len(study)} images in {len(series)} series, {_planes(study)}"),
            ("Slice", steps.size_words(image)),
            ("Scanner", f"{source.get('manufacturer', '?')}, {source.get('protocol', '?')}"),
        ],
        pictures=[
            picture(image, None, "As read"),
            picture(corrected, None, "Without the bias field"),
            picture(corrected, parts, "Connected bright regions"),
        ],
        legend={n: name for n, name in steps.legend(parts).items() if n <= _SHOWN},
        scores=(),
        score_note="Nobody has outlined this slice: the picture is for the eye, and Otsu's threshold is the "
        "trivial method itself.",
        table=steps.shown(table, _SHOWN),
        timings=clock.timings,
        history=parts.history,
        files=files,
        notices=image.meta.get("notices", ()),
    )


def _planes(study: Sequence[MedicalImage]) -> str:
    words = {"S": "axial", "I": "axial", "P": "coronal", "A": "coronal", "L": "sagittal", "R": "sagittal"}
    found = [words[i.geometry.orientation[0]] for i in study]
    return ", ".join(f"{found.count(plane)} {plane}" for plane in dict.fromkeys(found))
