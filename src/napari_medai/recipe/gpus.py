"""The graphics processors among which the cases of a batch are shared out, one case each."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from napari_medai.core.device import resolve_device
from napari_medai.recipe.execute import Prepared


def cuda_count() -> int:
    """Return how many CUDA devices this machine has."""
    import torch

    return int(torch.cuda.device_count())


def gpus_for(
    steps: Sequence[Prepared],
    resolve: Callable[[str], str] = resolve_device,
    count: Callable[[], int] = cuda_count,
) -> tuple[str, ...]:
    """Return the graphics processors that steps would run on; none where they need none.

    Parameters
    ----------
    steps : sequence of Prepared
        With their options, the device among them.
    resolve : callable
        Turns ``"auto"`` and the like into a device of this machine.
    count : callable
        Returns how many CUDA devices there are.

    Returns
    -------
    tuple of str
        ``("cuda:0", "cuda:1")`` where any may be used; one alone where it was named, or for ``"mps"``.
    """
    asked = {str(s.options.get("device", "auto")) for s in steps if _takes_device(s)}
    found = sorted({resolve(device) for device in asked} - {"cpu"})
    if "cuda" in found:
        return tuple(f"cuda:{number}" for number in range(count()))
    return tuple(found[:1])


def _takes_device(prepared: Prepared) -> bool:
    return any(option.name == "device" for option in prepared.operation.options)
