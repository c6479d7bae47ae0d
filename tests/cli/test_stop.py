"""Ctrl-C stops the step under way and leaves nothing behind."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from napari_medai import Geometry, MedicalImage, write
from napari_medai.cli.progress import Bar
from napari_medai.core.progress import Cancelled, Step


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_ctrl_c_ends_a_long_step_with_130_and_writes_nothing(tmp_path):
    z, y, x = np.mgrid[:60, :120, :120]
    array = 100 + 50 * np.sin(z / 9) + np.hypot(y - 60, x - 60) + np.random.default_rng(0).random(z.shape)
    image = MedicalImage(array.astype(np.float32), "zyx", Geometry.from_spacing(z.shape, (1.0, 1.0, 1.0)))
    scan = write(image, tmp_path / "scan.nii.gz")
    words = ["correct-bias-field", scan, "-o", tmp_path / "out.nii.gz", "--working-spacing-mm", "1"]
    words += ["--iterations", "500", "--convergence", "0"]
    probe = "import sys; from napari_medai.cli import progress, main; line = progress.Bar.__call__\n"
    probe += "def told(bar, step): line(bar, step); sys.stdout.write('step\\n'); sys.stdout.flush()\n"
    probe += "progress.Bar.__call__ = told; main(sys.argv[1:])"
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-c", probe, *map(str, words)], **pipes) as process:
        for _ in range(6):
            assert process.stdout.readline() == "step\n", process.stderr.read()
        asked = time.perf_counter()
        os.kill(process.pid, signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err.splitlines() == ["napari-medai: stopped; nothing was written."]
    assert time.perf_counter() - asked < 10  # aim: 2 s; the machine may be busy
    assert sorted(p.name for p in tmp_path.iterdir()) == ["scan.nii.gz"]


def test_the_first_interrupt_asks_and_the_second_insists():
    before = signal.getsignal(signal.SIGINT)
    with Bar("work") as bar:
        bar(Step(0, 1))
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(Cancelled):
            bar(Step(0.5, 1))
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before
