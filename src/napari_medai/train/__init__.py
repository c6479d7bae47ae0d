"""Networks trained and fine-tuned on labelled images."""

from napari_medai.core.lazy import lazy_names, lazy_operations

_NAMES = {
    "Augmentation": "napari_medai.train.augment",
    "Case": "napari_medai.train.cases",
    "Cases": "napari_medai.train.cases",
    "Epoch": "napari_medai.train.journal",
    "Finish": "napari_medai.train.result",
    "LoopSettings": "napari_medai.train.settings",
    "Plan": "napari_medai.train.plan",
    "Split": "napari_medai.train.split",
    "Training": "napari_medai.train.result",
    "cases_of": "napari_medai.train.cases",
    "fine_tune": "napari_medai.train.finetuning",
    "find_cases": "napari_medai.train.layouts",
    "make_plan": "napari_medai.train.planner",
    "plan_fine_tuning": "napari_medai.train.finetuning",
    "read_plan": "napari_medai.train.plan",
    "run_training": "napari_medai.train.loop",
    "split_cases": "napari_medai.train.split",
    "supervised": "napari_medai.train.stepping",
    "take_fingerprint": "napari_medai.train.fingerprint",
    "train_model": "napari_medai.train.training",
    "write_plan": "napari_medai.train.plan",
}

_named, _list_named = lazy_names(__name__, _NAMES)
_operation, _list_operations = lazy_operations(__name__)


def __getattr__(name: str) -> object:
    """Serve the public names, and each operation that a module of this package declares."""
    return _named(name) if name in _NAMES else _operation(name)


def __dir__() -> list[str]:
    return sorted({*_list_named(), *_list_operations()})
