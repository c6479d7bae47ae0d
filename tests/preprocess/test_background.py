"""A call that nobody waits for any more does not crash the program's end."""

import subprocess
import sys

LEFT = """
import time
from napari_medai.core.progress import Cancelled
from napari_medai.preprocess import background

background.GRACE_S = {grace}

def stop(step):
    if step.done == 0 and time.monotonic() > begun + 0.2:
        raise Cancelled

begun = time.monotonic()
try:
    background.in_background(lambda: time.sleep({seconds}), stop)
except Cancelled:
    print("stopped")
"""


def ended(seconds, grace):
    code = LEFT.format(seconds=seconds, grace=grace)
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


def test_a_program_ends_without_a_call_that_goes_on():
    done = ended(30, 0.1)
    assert (done.returncode, done.stdout, done.stderr) == (130, "stopped\n", "")


def test_a_program_waits_for_a_call_that_is_nearly_done():
    done = ended(0.5, 20)
    assert (done.returncode, done.stdout, done.stderr) == (0, "stopped\n", "")
