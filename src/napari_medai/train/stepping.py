"""One optimiser step: forward and backward over the batches, clipping, the average."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, TypeAlias

from napari_medai.core.errors import ArgumentError, MedAIError
from napari_medai.train.averaging import average_into, averaged_copy, kept_share
from napari_medai.train.checkpoint import State, pack_optimizer, unpack_optimizer
from napari_medai.train.loader import Batch
from napari_medai.train.schedule import rate_factor
from napari_medai.train.settings import LoopSettings

if TYPE_CHECKING:
    import torch

Objective: TypeAlias = "Callable[[torch.nn.Module, Batch], torch.Tensor]"
"""Applies the network to a batch and returns the loss to be made small."""

RateOf: TypeAlias = Callable[[str], float]
"""From a parameter's name to the factor of its learning rate; 0 freezes it."""


def supervised(loss: Callable[..., torch.Tensor]) -> Objective:
    """Make an objective of a loss: ``loss(outputs, *targets)``, taken in float32.

    Parameters
    ----------
    loss : callable
        Compares the network's outputs for the batch's first tensor with its other tensors.
    """

    def objective(network: torch.nn.Module, batch: Batch) -> torch.Tensor:
        import torch

        outputs = network(batch[0])
        with torch.autocast(batch[0].device.type, enabled=False):
            return loss(outputs.float(), *batch[1:])

    return objective


class Stepper:
    """A network with its optimiser and the average of its weights."""

    def __init__(
        self,
        network: torch.nn.Module,
        objective: Objective,
        settings: LoopSettings,
        rate_of: RateOf | None = None,
        device: str = "cpu",
    ) -> None:
        import torch

        self.network = network.to(device)
        self.averaged = averaged_copy(network) if settings.average else network
        self.optimizer = _optimizer(network, settings, rate_of or (lambda _: 1.0))
        self.parts = 1
        self.step = 0
        self._objective, self._settings, self._device = objective, settings, torch.device(device)
        self._scaler = _scaler(settings, self._device)
        self._forward = _wrapped(network, settings, self._device)

    def take(self, drawn: Sequence[Batch], done: float) -> torch.Tensor:
        """Take one step on the mean loss over batches; return that loss.

        Parameters
        ----------
        drawn : sequence of Batch
            On any device.
        done : float
            Share of the training that is done, for the rate.
        """
        import torch

        for group in self.optimizer.param_groups:
            group["lr"] = self._settings.rate * rate_factor(self._settings, done) * group["factor"]
        self.network.train()
        self.optimizer.zero_grad()
        loss = self._gradients(drawn)
        self._scaler.unscale_(self.optimizer)
        if self._settings.clip:
            torch.nn.utils.clip_grad_norm_(self.network.parameters(), self._settings.clip)
        self._scaler.step(self.optimizer)
        self._scaler.update()
        self.step += 1
        if self._settings.average:
            average_into(self.averaged, self.network, kept_share(self._settings.average, self.step))
        return loss

    @property
    def rate(self) -> float:
        """The learning rate of the last step, where its factor is 1."""
        return float(max(group["lr"] / group["factor"] for group in self.optimizer.param_groups))

    def pack(self) -> State:
        """Return all that a resumed training needs."""
        memory = pack_optimizer(self.optimizer)
        tensors = {f"network/{k}": t for k, t in self.network.state_dict().items()}
        tensors |= {f"averaged/{k}": t for k, t in self.averaged.state_dict().items()}
        tensors |= {f"optimizer/{k}": t for k, t in memory.tensors.items()}
        values = {"step": self.step, "parts": self.parts, "optimizer": memory.values}
        return State(tensors, {**values, "scaler": self._scaler.state_dict()})

    def unpack(self, state: State) -> None:
        """Go on from what :meth:`pack` returned."""
        self.network.load_state_dict(state.under("network"))
        self.averaged.load_state_dict(state.under("averaged"))
        unpack_optimizer(self.optimizer, State(state.under("optimizer"), state.values["optimizer"]))
        self._scaler.load_state_dict(state.values["scaler"])
        self.step, self.parts = state.values["step"], state.values["parts"]

    def _gradients(self, drawn: Sequence[Batch]) -> torch.Tensor:
        """Add up the gradients; where memory runs out, begin again with batches half as large."""
        import torch

        while True:
            try:
                return self._add_gradients(drawn)
            except (torch.OutOfMemoryError, RuntimeError) as error:
                largest = max(len(batch[0]) for batch in drawn)
                if not _out_of_memory(error) or self.parts >= largest:
                    raise
            self.parts *= 2
            self.optimizer.zero_grad()
            if self._device.type == "cuda":
                torch.cuda.empty_cache()

    def _add_gradients(self, drawn: Sequence[Batch]) -> torch.Tensor:
        import torch

        total = torch.zeros((), device=self._device)
        pieces = [piece for batch in drawn for piece in _split(batch, self.parts)]
        for k, (piece, share) in enumerate(pieces):
            moved = tuple(t.to(self._device, non_blocking=True) for t in piece)
            with self._apart(last=k == len(pieces) - 1):
                with torch.autocast(self._device.type, _dtype(self._settings), enabled=self._mixed):
                    loss = self._objective(self._forward, moved)
                weighted = loss * (share / len(drawn))
                torch.autograd.backward(self._scaler.scale(weighted))
            total += weighted.detach()
        return total

    @property
    def _mixed(self) -> bool:
        return self._settings.precision != "fp32"

    def _apart(self, last: bool) -> AbstractContextManager[Any]:
        """Let several processes exchange gradients with the last piece alone."""
        no_sync = getattr(self._forward, "no_sync", None)
        return nullcontext() if last or no_sync is None else no_sync()


def _split(batch: Batch, parts: int) -> list[tuple[Batch, float]]:
    """Return pieces of a batch, each with its share."""
    count = len(batch[0])
    size = -(-count // parts)
    return [
        (tuple(t[k : k + size] for t in batch), min(size, count - k) / count) for k in range(0, count, size)
    ]


def _optimizer(network: torch.nn.Module, settings: LoopSettings, rate_of: RateOf) -> torch.optim.Optimizer:
    import torch

    groups: dict[float, list[torch.nn.Parameter]] = {}
    for name, parameter in network.named_parameters():
        factor = rate_of(name)
        parameter.requires_grad_(factor > 0)
        if factor > 0:
            groups.setdefault(factor, []).append(parameter)
    if not groups:
        raise ArgumentError("Every weight is frozen; nothing can be trained.", "Free some of the layers.")
    given = [{"params": parameters, "factor": factor} for factor, parameters in groups.items()]
    decay = settings.weight_decay
    if settings.optimizer == "sgd":
        return torch.optim.SGD(given, settings.rate, momentum=0.99, nesterov=True, weight_decay=decay)
    return torch.optim.AdamW(given, settings.rate, weight_decay=decay)


def _wrapped(network: torch.nn.Module, settings: LoopSettings, device: torch.device) -> torch.nn.Module:
    """Return what runs the network forward: itself, compiled, or shared among processes."""
    import torch

    forward: Any = torch.compile(network) if settings.compile else network
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        devices = [device] if device.type == "cuda" else None
        forward = torch.nn.parallel.DistributedDataParallel(forward, device_ids=devices)
    return forward  # type: ignore[no-any-return]


def _dtype(settings: LoopSettings) -> torch.dtype:
    import torch

    return torch.float16 if settings.precision == "fp16" else torch.bfloat16


def _scaler(settings: LoopSettings, device: torch.device) -> torch.amp.GradScaler:
    import torch

    if settings.precision == "fp16" and device.type != "cuda":
        raise MedAIError(
            f"Precision fp16 needs CUDA; this training runs on {device.type}.", hint="Take bf16 or fp32."
        )
    return torch.amp.GradScaler(device.type, enabled=settings.precision == "fp16")


def _out_of_memory(error: Exception) -> bool:
    import torch

    return isinstance(error, torch.OutOfMemoryError) or "not enough memory" in str(error)
