"""Networks kept open between runs, so that nothing is compiled or copied twice."""

from __future__ import annotations

import atexit
import weakref
from collections import OrderedDict
from collections.abc import Sequence
from functools import partial
from itertools import chain, combinations
from typing import TYPE_CHECKING, Any

from napari_medai.models.forward import EXACT, Forward, Setting, open_forward
from napari_medai.models.listen import breathe

if TYPE_CHECKING:
    import torch

MOST = 6
"""Open networks at a time; the one used longest ago is closed first."""

_open: OrderedDict[tuple[Any, ...], tuple[weakref.ref[Any], Forward]] = OrderedDict()
atexit.register(_open.clear)  # while the libraries that hold the networks are still there


def opened(network: torch.nn.Module, setting: Setting, shape: Sequence[int], place: torch.device) -> Forward:
    """Return a network opened as asked, one from before where there is one.

    Parameters
    ----------
    network, setting, shape, place
        As for :func:`napari_medai.models.forward.open_forward`.

    Raises
    ------
    UnavailableError
        If the runtime cannot run it here.
    """
    if setting == EXACT and place.type == "cpu":
        return open_forward(network, setting, shape, place)  # nothing is copied or compiled
    key = (id(network), setting, tuple(shape), str(place))
    if key in _open and _open[key][0]() is network:
        _open.move_to_end(key)
        return _open[key][1]
    forward = open_forward(network, setting, shape, place)
    _open[key] = (weakref.ref(network, partial(_forget, _open, key)), forward)
    while len(_open) > MOST:
        _open.popitem(last=False)
    return forward


def _forget(kept: OrderedDict[Any, Any], key: Any, _: object) -> None:
    """Close a network that is gone; takes all it needs, as it may run when the program ends."""
    kept.pop(key, None)


def release_networks() -> int:
    """Close every network that is kept open and give its memory back; say how many there were."""
    import gc
    import sys

    count = len(_open)
    _open.clear()
    gc.collect()
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        torch.cuda.empty_cache()
    return count


def averaged(forwards: Sequence[Forward], mirror_axes: Sequence[int]) -> Forward:
    """Average the scores of several networks over mirrored copies of their input.

    Parameters
    ----------
    forwards : sequence of Forward
        The members of an ensemble.
    mirror_axes : sequence of int
        Spatial axes of a window; every subset of them is flipped once, the empty one too. Work can be
        stopped before each pass.
    """
    axes = [axis + 2 for axis in mirror_axes]
    subsets = list(chain.from_iterable(combinations(axes, n) for n in range(len(axes) + 1)))
    if len(forwards) == 1 and len(subsets) == 1:
        return forwards[0]

    def forward(windows: torch.Tensor) -> torch.Tensor:
        total: torch.Tensor | None = None
        for one in forwards:
            for flips in subsets:
                breathe()
                scores = one(windows.flip(flips) if flips else windows)
                scores = scores.flip(flips) if flips else scores
                total = scores.clone() if total is None else total.add_(scores)
        if total is None:
            raise ValueError("no network was given")
        return total.div_(len(forwards) * len(subsets))

    return forward
