"""Which processor the networks run on."""

from __future__ import annotations

from napari_medai.core.errors import ArgumentError, MedAIError


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
    """Turn ``"auto"`` into the best processor at hand, and check a named one.

    Parameters
    ----------
    device : str
        ``"auto"``, ``"cpu"``, ``"cuda"``, ``"cuda:1"`` or ``"mps"``.

    Returns
    -------
    str
        A name torch understands.

    Raises
    ------
    ArgumentError
        If the named device does not exist on this machine.
    """
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
