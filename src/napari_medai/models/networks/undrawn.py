"""Networks built without drawing the weights they begin with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch.overrides import TorchFunctionMode

_DRAWS = frozenset({"normal_", "uniform_"})


def undrawn() -> TorchFunctionMode:
    """Return a context in which nothing is drawn into tensors; for networks whose shapes alone matter.

    On the ``meta`` device a draw does nothing, but the first one makes torch import its compiler, which takes
    seconds.
    """
    from torch.overrides import TorchFunctionMode

    class Undrawn(TorchFunctionMode):
        def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            given = kwargs or {}
            if getattr(func, "__name__", "") in _DRAWS:
                return args[0] if args else given["tensor"]
            return func(*args, **given)

    return Undrawn()
