"""Networks trained and fine-tuned on labelled images."""

from typing import TYPE_CHECKING

from napari_medai.core.lazy import lazy_names, lazy_operations

if TYPE_CHECKING:
    from napari_medai.train.augment import Augmentation as Augmentation
    from napari_medai.train.cases import Case as Case
    from napari_medai.train.cases import Cases as Cases
    from napari_medai.train.cases import cases_of as cases_of
    from napari_medai.train.classifier import train_image_classifier as train_image_classifier
    from napari_medai.train.estimating import estimate as estimate
    from napari_medai.train.evaluation import Evaluation as Evaluation
    from napari_medai.train.evaluation import evaluate_model as evaluate_model
    from napari_medai.train.finetuning import fine_tune as fine_tune
    from napari_medai.train.finetuning import plan_fine_tuning as plan_fine_tuning
    from napari_medai.train.fingerprint import take_fingerprint as take_fingerprint
    from napari_medai.train.journal import Epoch as Epoch
    from napari_medai.train.layouts import find_cases as find_cases
    from napari_medai.train.loop import run_training as run_training
    from napari_medai.train.plan import Plan as Plan
    from napari_medai.train.plan import read_plan as read_plan
    from napari_medai.train.plan import write_plan as write_plan
    from napari_medai.train.planner import make_plan as make_plan
    from napari_medai.train.result import Finish as Finish
    from napari_medai.train.result import Training as Training
    from napari_medai.train.settings import LoopSettings as LoopSettings
    from napari_medai.train.split import Split as Split
    from napari_medai.train.split import split_cases as split_cases
    from napari_medai.train.stepping import supervised as supervised
    from napari_medai.train.strata import label_groups as label_groups
    from napari_medai.train.training import train_model as train_model

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
    "Evaluation": "napari_medai.train.evaluation",
    "cases_of": "napari_medai.train.cases",
    "estimate": "napari_medai.train.estimating",
    "evaluate_model": "napari_medai.train.evaluation",
    "fine_tune": "napari_medai.train.finetuning",
    "find_cases": "napari_medai.train.layouts",
    "label_groups": "napari_medai.train.strata",
    "make_plan": "napari_medai.train.planner",
    "plan_fine_tuning": "napari_medai.train.finetuning",
    "read_plan": "napari_medai.train.plan",
    "run_training": "napari_medai.train.loop",
    "split_cases": "napari_medai.train.split",
    "supervised": "napari_medai.train.stepping",
    "take_fingerprint": "napari_medai.train.fingerprint",
    "train_image_classifier": "napari_medai.train.classifier",
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
