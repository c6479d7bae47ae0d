"""Which processor the networks run on."""

from __future__ import annotations

from napari_medai.core.errors import ArgumentError, MedAIError
from napari_medai.core.settings import settings


def require_torch() -> None:
    """Fail with the install line when torch is missing.

    Raises
    ------
    MedAIError
        If torch cannot be found.
    """
    from importlib.util import find_spec

    if find_spec("torch") is None:
        raise MedAIError("This step needs PyTorch, which is not installed.", hint="Run: pip install torch")


def resolve_device(device: str = "auto") -> str:
    """Turn ``"auto"`` into the preferred processor, or the best at hand; check a named one.

    Parameters
    ----------
    device : str
        ``"auto"``, ``"cpu"``, ``"cuda"``, ``"cuda:1"`` or ``"mps"``. For ``"auto"`` the setting ``device``
        goes first.

    Returns
    -------
    str
        A name torch understands.

    Raises
    ------
    ArgumentError
        If the named device does not exist on this machine.
    """
    device = settings().device if device == "auto" else device
    if device == "cpu":
        return device
    require_torch()
    import torch

    available = ["cpu"]
    if torch.backends.mps.is_available():
        available.insert(0, "mps")
    if torch.cuda.is_available():
        available = ["cuda", *(f"cuda:{i}" for i in range(torch.cuda.device_count())), *available]
    if device == "auto":
        return available[0]
    if device not in available:
        raise ArgumentError(
            f"Device {device!r} is not available here; found: {', '.join(available)}.",
            hint='Choose one of those, or "auto".',
        )
    return device
