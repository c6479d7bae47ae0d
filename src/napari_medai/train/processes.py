"""Several processes that train one network, as torch's launcher starts them."""

from __future__ import annotations

from typing import Any


def place_among_processes() -> tuple[int, int]:
    """Return this process's number and how many there are: 0 and 1 where it is alone."""
    import torch

    if torch.distributed.is_available() and torch.distributed.is_initialized():
        return torch.distributed.get_rank(), torch.distributed.get_world_size()
    return 0, 1


def slowest(value: float, world: int) -> float:
    """Return the largest of the processes' values, so that all of them end at the same step."""
    import torch

    return value if world == 1 else _reduced(value, torch.distributed.ReduceOp.MAX)


def mean_of(value: float, world: int) -> float:
    """Return the mean of the processes' values."""
    import torch

    return value if world == 1 else _reduced(value, torch.distributed.ReduceOp.SUM) / world


def _reduced(value: float, operation: Any) -> float:
    import torch

    on_cuda = torch.distributed.get_backend() == "nccl"
    shared = torch.tensor(value, dtype=torch.float64, device="cuda" if on_cuda else "cpu")
    torch.distributed.all_reduce(shared, operation)
    return float(shared)
