"""What is given up, step by step, where memory runs out."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

from napari_medai.core.errors import MedAIError
from napari_medai.models.kept import release_prepared

T = TypeVar("T")

SAYS_OUT_OF_MEMORY = (
    "out of memory", "not enough memory", "can't allocate", "cannot allocate", "failed to allocate",
    "bad_alloc",
)  # fmt: skip


@dataclass(frozen=True)
class Budget:
    """What a run may use.

    Parameters
    ----------
    device : str
        Where the network runs.
    batch : int
        Windows at a time.
    slab_voxels : int
        Voxels of the image's grid labelled at a time.
    sums_on : str
        Where scores are summed; empty: on the device.
    """

    device: str
    batch: int
    slab_voxels: int
    sums_on: str = ""

    def smaller(self, cpu_allowed: bool) -> tuple[Budget, str] | None:
        """Return the next smaller budget, and what it gives up; none where nothing is left."""
        if self.batch > 1:
            half = self.batch // 2
            return replace(self, batch=half), f"{half} window(s) at a time instead of {self.batch}"
        if self.slab_voxels > 100_000:
            half = self.slab_voxels // 8
            return replace(self, slab_voxels=half), f"slabs of {half} voxels"
        if self.device != "cpu" and self.sums_on != "cpu":
            return replace(self, sums_on="cpu"), "scores summed on the processor"
        if self.device != "cpu" and cpu_allowed:
            return replace(self, device="cpu", sums_on=""), f"the processor instead of {self.device}"
        return None


def with_less_memory(
    work: Callable[[Budget], T], budget: Budget, notes: list[str], *, cpu_allowed: bool = False
) -> T:
    """Do work; where memory runs out, free it and begin again with a smaller budget.

    Parameters
    ----------
    work : callable
        Is called with a budget, from the beginning each time.
    budget : Budget
        The first one.
    notes : list of str
        Gets one sentence for everything that was given up.
    cpu_allowed : bool
        Whether a GPU may be left for the processor, which takes many times as long.

    Raises
    ------
    MedAIError
        If memory runs out with the smallest budget too.
    """
    while True:
        try:
            return work(budget)
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            said = str(error).strip().partition("\n")[0][:120]
        _free()  # outside the handler: the error held on to what the work had allocated
        step = budget.smaller(cpu_allowed)
        if step is None:
            raise MedAIError(
                f"Memory ran out on {budget.device} with the smallest windows and slabs: {said}.",
                hint="Close other programs, take a smaller region or a coarser grid"
                + ("." if cpu_allowed or budget.device == "cpu" else ", or allow the processor."),
            )
        budget, given_up = step
        notes.append(f"Memory ran out; went on with {given_up}.")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory ran out, in the words of PyTorch, CUDA, OpenVINO or NumPy."""
    if isinstance(error, MemoryError):
        return True
    return any(words in str(error).lower() for words in SAYS_OUT_OF_MEMORY)


def _free() -> None:
    release_prepared()
    gc.collect()
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        torch.cuda.empty_cache()
