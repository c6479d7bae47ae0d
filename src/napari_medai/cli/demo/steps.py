"""What the cases of the demo have in common: where input lies, how results are written and compared."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_medai.core.errors import MedAIError
from napari_medai.core.files import write_text
from napari_medai.core.image import MedicalImage
from napari_medai.recipe.results import csv_of

if TYPE_CHECKING:
    from napari_medai.models.model import Model

_SHOWN = (
    "name", "volume_ml", "area_mm2", "area_pixel2", "surface_mm2", "perimeter_mm", "perimeter_pixel",
    "longest_diameter_mm", "longest_diameter_pixel", "parts", "mean", "sd",
)  # fmt: skip


def shipped(package: str, *parts: str) -> Path:
    """Return where a file or folder of an installed package lies.

    Raises
    ------
    MedAIError
        If this version of the package does not ship it.
    """
    from importlib.util import find_spec

    spec = find_spec(package)
    path = Path(spec.origin).parent.joinpath(*parts) if spec and spec.origin else Path()
    if not path.exists() or not parts:
        raise MedAIError(
            f"The installed {package} does not ship {'/'.join(parts)}, which the demo reads.",
            hint=f"Run: pip install --upgrade {package}",
        )
    return path


def save(out: Path, name: str, labels: MedicalImage, table: Any) -> tuple[str, str]:
    """Write labels as NIfTI and their table as CSV; return the files' names."""
    from napari_medai.io.write import write

    image_file, table_file = f"{name}.nii.gz", f"{name}.csv"
    write(labels, out / image_file)
    write_text(out / table_file, csv_of(table))
    return image_file, table_file


def shown(table: Any, rows: int = 10) -> Any:
    """Return the columns and rows of a table of regions that the report shows."""
    return table[[c for c in _SHOWN if c in table.columns]].head(rows)


def legend(labels: MedicalImage) -> dict[int, str]:
    """Return the labels that occur, with their names."""
    names = labels.meta.get("labels", {})
    found = np.unique(np.asarray(labels.array))
    return {int(n): str(names.get(str(n), f"label {n}")) for n in found if n > 0}


def size_words(image: MedicalImage) -> str:
    """Return size and spacing in words."""
    size = " × ".join(map(str, image.array.shape))
    if image.geometry.unit == "pixel":
        return f"{size}, voxel size unknown"
    return f"{size}, {' × '.join(f'{s:.3g}' for s in image.geometry.spacing)} mm"


def model_words(model: Model) -> str:
    """Return a model's name and version."""
    return f"{model.spec.name} {model.spec.version}"


def dice(truth: Any, found: Any) -> float:
    """Return the overlap of two masks, 0 to 1; 1 where both are empty."""
    total = int(np.count_nonzero(truth)) + int(np.count_nonzero(found))
    return 2 * int(np.count_nonzero(truth & found)) / total if total else 1.0
