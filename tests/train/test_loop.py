"""The training loop: it learns, it is repeatable, it can be stopped, and it goes on where it was."""

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_training import FAST, draw, make_network, squared

from napari_medai.core.errors import ArgumentError, Cancelled, MedAIError, WriteError
from napari_medai.train.checkpoint import State, read_state, write_state
from napari_medai.train.loop import run_training
from napari_medai.train.result import Finish
from napari_medai.train.schedule import rate_factor
from napari_medai.train.settings import LoopSettings

SUPPORT = str(Path(__file__).parents[1] / "support")


def train(settings=FAST, **given):
    return run_training(make_network(), draw, squared, settings, device="cpu", **given)


def weights(network):
    return torch.cat([p.flatten() for p in network.parameters()])


def test_the_loss_falls_and_the_network_comes_back_frozen():
    done = train(FAST.model_copy(update={"epochs": 12, "steps": 25}))
    assert done.epochs[-1].loss < done.epochs[0].loss / 4
    assert not done.network.training
    assert not any(p.requires_grad for p in done.network.parameters())


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_the_same_seed_gives_the_same_weights_however_many_threads_draw(workers):
    expected = weights(train().network)
    assert torch.equal(weights(train(FAST.model_copy(update={"workers": workers})).network), expected)
    assert not torch.equal(weights(train(FAST.model_copy(update={"seed": 1})).network), expected)


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_a_resumed_training_ends_at_the_same_weights_bit_for_bit(tmp_path, optimizer):
    settings = FAST.model_copy(update={"optimizer": optimizer, "rate": 0.003})
    whole = train(settings)

    def stop(step):
        if step.done == 6:
            raise Cancelled

    with pytest.raises(Cancelled):
        train(settings, out=tmp_path, progress=stop)
    resumed = train(settings, out=tmp_path, resume=True)
    assert torch.equal(weights(resumed.network), weights(whole.network))
    assert [e.number for e in resumed.epochs] == [1, 2, 3]


def test_a_killed_process_resumes_to_the_same_weights(tmp_path):
    code = f"""
    import os, signal, sys
    sys.path.insert(0, {SUPPORT!r})
    from tiny_training import FAST, draw, make_network, squared
    from napari_medai.train.loop import run_training
    def kill(step):
        if step.done == 9:
            os.kill(os.getpid(), signal.SIGKILL)
    run_training(make_network(), draw, squared, FAST, device="cpu", out={str(tmp_path)!r}, progress=kill)
    """
    ended = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=False)
    assert ended.returncode == -signal.SIGKILL
    resumed = train(out=tmp_path, resume=True)
    assert torch.equal(weights(resumed.network), weights(train().network))


def test_more_epochs_can_be_added_to_a_finished_training(tmp_path):
    train(out=tmp_path)
    longer = train(FAST.model_copy(update={"epochs": 5}), out=tmp_path, resume=True)
    assert [e.number for e in longer.epochs] == [1, 2, 3, 4, 5]


def test_the_best_network_is_kept_not_the_last(tmp_path):
    scores = iter([0.1, 0.9, 0.3])
    seen = []

    def validate(network):
        seen.append(weights(network).clone())
        return {"score": next(scores)}

    done = train(validate=validate, out=tmp_path)
    assert done.best.number == 2
    assert torch.equal(weights(done.network), seen[1])
    assert (tmp_path / "log.csv").read_text().splitlines()[0] == "epoch,step,seconds,rate,loss,score"
    best = read_state(tmp_path / "best.safetensors")
    assert torch.equal(best.tensors["0.weight"], done.network[0].weight)


def test_patience_and_time_and_a_wish_end_a_training():
    long = FAST.model_copy(update={"epochs": 1000})
    patient = train(long.model_copy(update={"patience": 2}), validate=lambda _: {"score": 1.0})
    assert (patient.ended, len(patient.epochs)) == ("patience", 3)
    assert train(long.model_copy(update={"minutes": 1e-3})).ended == "minutes"

    def ask(epoch, network):
        raise Finish

    assert train(long, watch=ask).ended == "asked"


def test_a_frozen_layer_stays_and_a_slow_one_moves_less():
    start = make_network()
    done = train(rate_of=lambda name: {"0": 0.0, "3": 1.0}[name.split(".")[0]])
    assert torch.equal(done.network[0].weight, start[0].weight)
    assert not torch.equal(done.network[3].weight, start[3].weight)
    slow = train(FAST, rate_of=lambda name: 0.01)
    far, near = ((weights(n.network) - weights(start)).norm() for n in (train(), slow))
    assert near < far / 10
    with pytest.raises(ArgumentError, match="frozen"):
        train(rate_of=lambda name: 0.0)


class Hungry(torch.nn.Module):
    """Runs out of memory with more than two samples."""

    def __init__(self):
        super().__init__()
        self.inner = make_network(dropout=0.0)

    def forward(self, x):
        if len(x) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return self.inner(x)


def test_out_of_memory_halves_the_batch_and_adds_the_gradients_up():
    done = run_training(Hungry(), draw, squared, FAST, device="cpu")
    assert done.parts == 4
    whole = run_training(make_network(dropout=0.0), draw, squared, FAST, device="cpu")
    torch.testing.assert_close(weights(done.network), weights(whole.network))


def test_a_loss_that_is_no_number_is_said():
    def broken(network, batch):
        return network(batch[0]).mean() * float("nan")

    with pytest.raises(MedAIError, match="no longer a number"):
        run_training(make_network(), draw, broken, FAST, device="cpu")


def test_a_full_disk_leaves_the_earlier_checkpoint_whole(tmp_path, monkeypatch):
    path = tmp_path / "last.safetensors"
    write_state(State({"a": torch.ones(2)}, {"step": 1}), path)

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(WriteError, match="No space left"):
        write_state(State({"a": torch.zeros(2)}, {"step": 2}), path)
    assert read_state(path).values == {"step": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["last.safetensors"]


def test_what_lies_in_the_folder_is_not_overwritten(tmp_path):
    train(out=tmp_path)
    with pytest.raises(ArgumentError, match="holds a training already"):
        train(out=tmp_path)


def test_the_rate_rises_then_falls():
    for schedule in ("cosine", "poly"):
        settings = LoopSettings(schedule=schedule, warmup=0.1)
        factors = [rate_factor(settings, x) for x in np.linspace(0, 1, 101)]
        assert np.argmax(factors) == 10
        assert factors[10] == 1
        assert factors[-1] < 1e-9


def test_bf16_learns_too():
    done = train(FAST.model_copy(update={"precision": "bf16", "epochs": 6, "steps": 25}))
    assert done.epochs[-1].loss < done.epochs[0].loss / 2
    with pytest.raises(MedAIError, match="CUDA"):
        train(FAST.model_copy(update={"precision": "fp16"}))
