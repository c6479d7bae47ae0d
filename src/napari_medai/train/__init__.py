"""Networks trained and fine-tuned on labelled images."""

from napari_medai.core.lazy import lazy_names

_NAMES = {
    "LoopSettings": "napari_medai.train.settings",
    "run_training": "napari_medai.train.loop",
}

__getattr__, __dir__ = lazy_names(__name__, _NAMES)
