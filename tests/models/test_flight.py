"""A device that works on its own is never far behind, so that a cancel is soon the end."""

import numpy as np
import pytest

from napari_medai import Cancelled
from napari_medai.models import feed, flight, listen
from napari_medai.models.feed import Feed
from napari_medai.models.flight import MOST, arrived, bounded
from napari_medai.models.infer import Plan, run_windows
from napari_medai.models.listen import listening
from napari_medai.models.opened import averaged
from napari_medai.models.windows import window_grid

SIZE = (8, 8, 8)


class Device:
    """Takes work at once, and does one pass each time somebody looks, unless it is stuck."""

    type = "fake"

    def __init__(self):
        self.given, self.done, self.most, self.stuck = 0, 0, 0, False

    def work(self, windows):
        self.given += 1
        self.most = max(self.most, self.given - self.done)
        return windows.clone()

    def mark(self, _):
        device, end = self, self.given

        class Mark:
            def query(self):
                if device.done >= end:
                    return True
                device.done += not device.stuck
                return False

        return Mark()


@pytest.fixture
def device(monkeypatch):
    made = Device()
    monkeypatch.setattr(flight, "mark", made.mark)
    monkeypatch.setattr(listen, "EVERY_S", 0.0)
    return made


def test_a_queue_holds_few_passes(device):
    import torch

    forward = bounded(device.work, device)
    for _ in range(50):
        forward(torch.zeros(1))
    assert device.given == 50
    assert device.most == MOST + 1


def test_mirrors_and_members_are_bounded_within_one_window(device):
    import torch

    members = [bounded(device.work, device) for _ in range(5)]
    averaged(members, (0, 1, 2))(torch.zeros(1, 1, *SIZE))
    assert device.given == 40
    assert device.most <= 2 * MOST + 1  # what is left of one member, and the next one's


def stops_after(count, heard):
    def stop(step):
        heard.append(step)
        if len(heard) > count:
            raise Cancelled

    return stop


def many(forward):
    import torch

    for _ in range(50):
        forward(torch.zeros(1))


def test_a_device_that_works_long_is_not_waited_for_after_a_cancel(device):
    device.stuck = True
    with listening(stops_after(5, [])), pytest.raises(Cancelled):
        many(bounded(device.work, device))
    assert device.given == MOST + 1


def test_a_cancel_is_heard_while_the_scores_of_a_window_are_awaited(device):
    device.stuck, heard = True, []
    device.given = 1
    with listening(stops_after(3, heard)), pytest.raises(Cancelled):
        arrived(device)
    assert len(heard) == 4


def test_scores_are_taken_when_the_device_has_arrived_and_the_next_windows_are_ready(monkeypatch):
    import torch

    volume = np.random.default_rng(0).normal(size=(1, 20, 8, 8)).astype(np.float32)
    grid, order = window_grid(volume.shape[1:], SIZE, 0.5), []
    monkeypatch.setattr(feed, "arrived", lambda place: order.append("arrived"))
    gather = Feed._gather

    def gathered(self, indices):
        order.append(f"ready {indices[0][0]}")
        self._pinned = False
        made = gather(self, indices)
        self._pinned = True
        return made

    monkeypatch.setattr(Feed, "_gather", gathered)
    init = Feed.__init__

    def pinned(self, *args, **options):
        init(self, *args, **options)
        self._pinned = True

    monkeypatch.setattr(Feed, "__init__", pinned)
    found = {}
    for reuse in (False, True):
        order.clear()
        bricks = found.setdefault(reuse, [])
        plan = Plan(1, reuse=reuse)
        run_windows(
            lambda windows: windows.clone(),
            volume,
            grid,
            plan,
            torch.device("cpu"),
            lambda brick, box, bricks=bricks: bricks.append(brick.clone()),
        )
        assert order == [
            "ready 0",
            "ready 1",
            "arrived",
            "ready 2",
            "arrived",
            "ready 3",
            "arrived",
            "arrived",
        ]
    whole = torch.cat(found[False], dim=1)
    torch.testing.assert_close(whole, torch.from_numpy(volume))
    torch.testing.assert_close(whole, torch.cat(found[True], dim=1), rtol=0, atol=0)
