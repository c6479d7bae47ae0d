"""The training loop: epochs of steps, validated, logged, saved, stopped and resumed."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_medai.core.device import require_torch, resolve_device
from napari_medai.core.errors import ArgumentError, MedAIError
from napari_medai.core.progress import Cancelled, Progress, Step, silent
from napari_medai.train.checkpoint import State, read_state, write_state
from napari_medai.train.clock import Clock
from napari_medai.train.journal import Epoch, write_table
from napari_medai.train.loader import Batch, Draw, batches
from napari_medai.train.processes import mean_of, place_among_processes
from napari_medai.train.result import Ended, Finish, Training, Validate, Watch
from napari_medai.train.settings import LoopSettings
from napari_medai.train.stepping import Objective, RateOf, Stepper
from napari_medai.train.tensorboard import write_events

if TYPE_CHECKING:
    import torch

LAST, BEST, TABLE, EVENTS = "last.safetensors", "best.safetensors", "log.csv", "log.tfevents"


def run_training(
    network: torch.nn.Module,
    draw: Draw,
    objective: Objective,
    settings: LoopSettings | None = None,
    *,
    out: str | Path | None = None,
    validate: Validate | None = None,
    watch: Watch | None = None,
    rate_of: RateOf | None = None,
    device: str = "auto",
    resume: bool = False,
    progress: Progress = silent,
) -> Training:
    """Train a network.

    Parameters
    ----------
    network : torch.nn.Module
        Trained in place.
    draw : callable
        ``draw(rng)`` makes a batch: a tuple of tensors, the network's input first. It is called in
        threads, and all that is random in it comes from ``rng``.
    objective : callable
        ``objective(network, batch)`` returns the loss; :func:`supervised` makes one of a loss function.
        An object with ``after_step(batches)`` hears of each step, and one with ``pack()`` and
        ``unpack(state)`` is saved and resumed too.
    settings : LoopSettings, optional
        Length, rate and so on.
    out : path, optional
        A folder for checkpoints, ``log.csv`` and ``log.tfevents`` (for TensorBoard), made if need be.
    validate : callable, optional
        ``validate(network)`` returns figures; the network with the largest ``"score"`` is the best.
    watch : callable, optional
        ``watch(epoch, network)`` hears of every epoch.
    rate_of : callable, optional
        Factor of the learning rate by parameter name; 0 freezes.
    device : str
        "auto", "cpu", "cuda" or "mps".
    resume : bool
        Go on from ``last.safetensors`` in ``out``; more epochs than before may be asked for.
    progress : Progress
        Hears every step. ``Cancelled`` from it leaves best and last in ``out``; :class:`Finish` ends
        the training well.

    Returns
    -------
    Training
        The best network and the course.

    Raises
    ------
    ArgumentError
        If there is something to resume and it was not asked for, or the reverse.
    MedAIError
        If the loss is no longer a number.
    WriteError
        If a checkpoint cannot be written; the earlier ones stay.
    """
    require_torch()
    import torch

    with torch.random.fork_rng():
        run = _Run(network, objective, settings or LoopSettings(), rate_of, resolve_device(device), out)
        run.begin(resume)
        ended = run.go(draw, validate, watch, progress)
        return run.conclude(ended)


class _Run:
    """The course of one training, and where it is kept."""

    def __init__(
        self,
        network: torch.nn.Module,
        objective: Objective,
        settings: LoopSettings,
        rate_of: RateOf | None,
        device: str,
        out: str | Path | None,
    ) -> None:
        self._objective, self._settings = objective, settings
        self._rank, self._world = place_among_processes()
        self._out = Path(out) if out is not None else None
        self._seed_torch(0)
        self._stepper = Stepper(network, objective, settings, rate_of, device)
        self._epochs: list[Epoch] = []
        self._best: Epoch | None = None
        self._best_tensors: dict[str, torch.Tensor] = {}
        self._clock = Clock(settings, self._world)

    def begin(self, resume: bool) -> None:
        """Make the folder, or take up what lies there."""
        if self._out is None:
            if resume:
                raise ArgumentError("There is nothing to resume without a folder.", "Give out=folder.")
            return
        last = self._out / LAST
        if resume:
            self._take_up(read_state(last))
        elif last.exists():
            raise ArgumentError(
                f"{self._out} holds a training already.", hint="Resume it, or choose another folder."
            )
        self._out.mkdir(parents=True, exist_ok=True)

    def go(self, draw: Draw, validate: Validate | None, watch: Watch | None, progress: Progress) -> Ended:
        """Run epochs until one of the ends is reached."""
        try:
            while (ended := self._end()) is None:
                loss = self._run_epoch(draw, progress)
                self._finish_epoch(loss, validate)
                if watch is not None:
                    watch(self._epochs[-1], self._stepper.averaged)
        except Finish:
            self._finish_early(validate)
            return "asked"
        except (Cancelled, KeyboardInterrupt):
            self._save_last()
            raise
        return ended

    def conclude(self, ended: Ended) -> Training:
        """Return the best network."""
        network = self._stepper.averaged
        if self._best_tensors:
            network.load_state_dict(self._best_tensors)
        network, best = network.cpu().eval().requires_grad_(False), self._best or self._epochs[-1]
        return Training(network, tuple(self._epochs), best, ended, self._stepper.parts)

    def _end(self) -> Ended | None:
        if len(self._epochs) >= self._settings.epochs:
            return "epochs"
        if self._epochs and self._clock.is_up():
            return "minutes"
        patience = self._settings.patience
        if patience and self._best and len(self._epochs) - self._best.number >= patience:
            return "patience"
        return None

    def _run_epoch(self, draw: Draw, progress: Progress) -> float:
        """Take the steps left of this epoch; return the mean loss."""
        settings, stepper = self._settings, self._stepper
        goal, total = (len(self._epochs) + 1) * settings.steps, self._clock.total
        losses = []
        with self._drawn(draw, stepper.step, goal) as source:
            while stepper.step < goal:
                progress(Step(self._clock.share_done(stepper.step) * total, total, self._said()))
                self._seed_torch(stepper.step + 1)
                drawn = list(islice(source, settings.accumulate))
                losses.append(stepper.take(drawn, self._clock.share_done(stepper.step)))
                after = getattr(self._objective, "after_step", None)
                if after is not None:
                    after(drawn)
                if self._clock.is_up():
                    break
        return self._mean(losses)

    @contextmanager
    def _drawn(self, draw: Draw, start: int, stop: int) -> Iterator[Iterator[Batch]]:
        """Batches of steps ``start`` to ``stop``; of several processes each has every so-manieth."""
        each = self._settings.accumulate * self._world
        first, last = start * each + self._rank, stop * each
        settings = self._settings
        source = batches(draw, settings.seed, first, last, self._world, settings.workers)
        try:
            yield source
        finally:
            source.close()  # type: ignore[attr-defined]

    def _finish_epoch(self, loss: float, validate: Validate | None) -> None:
        number, last = len(self._epochs) + 1, self._settings.epochs
        due = number % self._settings.validate_every == 0 or number == last or self._clock.is_up()
        metrics = dict(validate(self._stepper.averaged.eval())) if validate and due else {}
        epoch = Epoch(number, self._stepper.step, self._clock.seconds(), self._stepper.rate, loss, metrics)
        self._epochs.append(epoch)
        if validate is None or self._is_better(metrics):
            self._best = epoch
            self._keep_best()
        self._save_last()

    def _is_better(self, metrics: Mapping[str, float]) -> bool:
        if "score" not in metrics or math.isnan(metrics["score"]):
            return False
        return self._best is None or metrics["score"] > self._best.metrics["score"]

    def _finish_early(self, validate: Validate | None) -> None:
        """Let a training that was asked to end in its first epoch have one."""
        if not self._epochs:
            self._finish_epoch(math.nan, validate)
        self._save_last()

    def _keep_best(self) -> None:
        tensors = self._stepper.averaged.state_dict()
        self._best_tensors = {k: t.detach().cpu().clone() for k, t in tensors.items()}
        if self._out is not None and self._rank == 0:
            write_state(State(tensors, {"epoch": self._epochs[-1].to_json()}), self._out / BEST)

    def _save_last(self) -> None:
        if self._out is None or self._rank != 0:
            return
        state = self._stepper.pack()
        tensors = {**state.tensors, **{f"best/{k}": t for k, t in self._best_tensors.items()}}
        values = {
            **state.values,
            "seconds": self._clock.seconds(),
            "epochs": [e.to_json() for e in self._epochs],
            "best": self._best.number if self._best else 0,
            "settings": self._settings.model_dump(mode="json"),
        }
        if hasattr(self._objective, "pack"):
            own = self._objective.pack()
            tensors |= {f"objective/{k}": t for k, t in own.tensors.items()}
            values["objective"] = own.values
        write_state(State(tensors, values), self._out / LAST)
        write_table(self._epochs, self._out / TABLE)
        write_events(self._epochs, self._out / EVENTS)

    def _take_up(self, state: State) -> None:
        self._stepper.unpack(state)
        self._epochs = [Epoch.from_json(entry) for entry in state.values["epochs"]]
        best = state.values["best"]
        self._best = self._epochs[best - 1] if best else None
        self._best_tensors = state.under("best")
        self._clock.before = state.values["seconds"]
        if "objective" in state.values:
            own = State(state.under("objective"), state.values["objective"])
            self._objective.unpack(own)  # type: ignore[attr-defined]

    def _said(self) -> str:
        said = f"Epoch {len(self._epochs) + 1} of {self._settings.epochs}"
        if not self._epochs:
            return said
        scores = [e.metrics["score"] for e in self._epochs if "score" in e.metrics]
        shown = f", score {scores[-1]:.3f}" if scores else ""
        return f"{said}, loss {self._epochs[-1].loss:.3f}{shown}"

    def _mean(self, losses: list[torch.Tensor]) -> float:
        import torch

        loss = mean_of(float(torch.stack(losses).mean()), self._world) if losses else math.nan
        if losses and not math.isfinite(loss):
            raise MedAIError(
                f"The loss is no longer a number after {self._stepper.step} steps.",
                hint="Lower the rate, or train in fp32; the last checkpoint is from before.",
            )
        return loss

    def _seed_torch(self, step: int) -> None:
        """Make dropout and the like depend on seed, step and process alone, not on what ran before."""
        import torch

        key = np.random.SeedSequence([self._settings.seed, step, self._rank])
        torch.manual_seed(int(key.generate_state(1)[0]))
