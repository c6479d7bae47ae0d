"""What a person prefers wherever a call does not say: device, threads, memory, models, display."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, get_args

from napari_medai.core.errors import ArgumentError

Convention = Literal["radiological", "neurological"]
Source = Callable[[], Mapping[str, Any]]

ENGINE = r"auto|(torch|compiled|openvino|onnx)-(fp32|bf16|fp16)(-channels_last)?"
READ_AT_ONCE_MB = 4000
"""What an image may take before it is opened slice by slice, where nobody set a limit."""


@dataclass(frozen=True)
class Settings:
    """Preferences that hold for everything that runs here.

    Parameters
    ----------
    device : str
        What ``device="auto"`` means: ``"auto"`` for the best at hand, or ``"cpu"``, ``"cuda"``,
        ``"cuda:1"``, ``"mps"``.
    threads : int
        Processor threads of a network; 0 leaves it to the libraries.
    memory_limit_mb : int
        A DICOM image larger than this is opened slice by slice, and a batch is expected to stay below it.
        0: 4000 MB for an image, 80 % of the free memory for a batch.
    engine : str
        How networks run: ``"auto"`` for the fastest way that gives the same labels, or a runtime and a
        precision, ``"torch-fp32"``, ``"openvino-bf16"``.
    models : str
        Folder of the user's own models, one folder a model; empty: the shipped ones only.
    keep_prepared_mb : int
        What prepared images may take in memory between runs of models; 0: none is kept.
    convention : {"radiological", "neurological"}
        Whether the patient's left is at the right or at the left of the screen.
    """

    device: str = "auto"
    threads: int = 0
    memory_limit_mb: int = 0
    engine: str = "auto"
    models: str = ""
    keep_prepared_mb: int = 1000
    convention: Convention = "radiological"

    @property
    def read_at_once_gb(self) -> float:
        """How large an image may be that is read into memory at once, in GB."""
        return (self.memory_limit_mb or READ_AT_ONCE_MB) / 1000


VARIABLES = {field.name: f"NAPARI_MEDAI_{field.name.upper()}" for field in fields(Settings)}
"""The environment variable of each setting."""

_DEFAULTS = asdict(Settings())
_sources: dict[str, Source] = {}


def settings() -> Settings:
    """Return the settings that hold now: defaults, then environment variables, then other sources.

    Raises
    ------
    ArgumentError
        If an environment variable holds what its setting cannot be.
    """
    return Settings(**{name: value for name, (value, _) in explained().items()})


def explained() -> dict[str, tuple[Any, str]]:
    """Return each setting's value and where it comes from.

    Raises
    ------
    ArgumentError
        If an environment variable holds what its setting cannot be.
    """
    found: dict[str, tuple[Any, str]] = {name: (value, "default") for name, value in _DEFAULTS.items()}
    for name, variable in VARIABLES.items():
        text = os.environ.get(variable, "").strip()
        if text:
            found[name] = (_checked(name, text, variable), variable)
    for origin, source in _sources.items():
        for name, value in source().items():
            if value != _DEFAULTS[name]:
                found[name] = (_checked(name, value, origin), origin)
    return found


def set_source(origin: str, source: Source | None) -> None:
    """Let another place say what is preferred; its values go before the environment's.

    Parameters
    ----------
    origin : str
        What the place is called. A second source of that name takes the first one's place.
    source : callable or None
        Returns values by the settings' names. A default counts as not said. None takes the source away.
    """
    if source is None:
        _sources.pop(origin, None)
    else:
        _sources[origin] = source


def _checked(name: str, value: Any, origin: str) -> Any:
    """Return a value as its setting's type, or say which place holds nonsense."""
    text = str(value).strip()
    if name in ("threads", "memory_limit_mb", "keep_prepared_mb"):
        good, needed = text.isdecimal(), "a whole number from 0"
    elif name == "convention":
        good, needed = text in get_args(Convention), " or ".join(get_args(Convention))
    elif name == "device":
        good = re.fullmatch(r"auto|cpu|mps|cuda(:\d+)?", text) is not None
        needed = "auto, cpu, cuda, cuda:1 or mps"
    elif name == "engine":
        good = re.fullmatch(ENGINE, text) is not None
        needed = "auto, or a runtime and a precision as in openvino-bf16"
    else:
        return text
    if not good:
        raise ArgumentError(
            f"The setting {name!r} is {text!r} ({origin}); needed: {needed}.", hint="Correct it there."
        )
    return int(text) if isinstance(_DEFAULTS[name], int) else text
