"""PyTorch is imported before a step that needs it, without holding the event loop."""

from __future__ import annotations

import subprocess
import sys

import pytest

from napari_medai import catalog
from napari_medai.gui.torch_import import takes_torch

pytest.importorskip("torch")

WATCHED = """
import gc, sys, threading, time
sys.setswitchinterval(0.001)
from napari_medai.gui.torch_import import import_torch
gaps, over = [], threading.Event()

def watch():
    last = time.perf_counter()
    while not over.is_set():
        time.sleep(0.002)
        now = time.perf_counter()
        gaps.append(now - last)
        last = now

thread = threading.Thread(target=watch)
thread.start()
import_torch()
over.set()
thread.join()
assert "torch" in sys.modules and "monai.networks.nets" in sys.modules and gc.isenabled()
import torch
assert torch.ones(2).sum() == 2
print(max(gaps))
"""


def test_operations_that_take_torch_are_known_by_their_device():
    every = catalog.operations()
    assert takes_torch([every["smooth_gaussian"], every["predict_labels"]])
    assert not takes_torch([every["smooth_gaussian"], every["threshold_otsu"]])


@pytest.mark.slow
def test_the_import_leaves_other_threads_alive():
    words = [sys.executable, "-c", WATCHED]
    said = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    assert float(said) < 1.0  # 0.03 s on an idle machine; an ordinary import stops them for 0.14 s there
