"""What a model does, and what to do with it instead of what it does not do."""

from __future__ import annotations

from napari_medai.core.errors import ModelError
from napari_medai.models.spec import ModelSpec, Task

USE = {
    "segmentation": "predict_labels",
    "classification": "classify_image",
    "landmarks": "detect_landmarks",
    "registration": "predict_deformation",
    "regression": "estimate_value",
}
"""What applies a model of each task."""


def require_task(spec: ModelSpec, *tasks: Task) -> None:
    """Refuse a model whose task is another.

    Parameters
    ----------
    spec : ModelSpec
        The model's description.
    tasks : str
        The tasks that will do.

    Raises
    ------
    ModelError
        If the model does something else; the hint names what applies it.
    """
    if spec.task not in tasks:
        raise ModelError(
            f"Model {spec.name} is for {spec.task}; needed one for {' or '.join(tasks)}.",
            hint=f"Use {USE[spec.task]} with it, or choose another model.",
        )
