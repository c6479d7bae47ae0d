"""The bar: on a terminal a line that is wiped, in a pipe nothing."""

import io

import pytest

from napari_medai.cli.progress import Bar
from napari_medai.core.progress import Step


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_pipe_hears_nothing():
    pipe = io.StringIO()
    with Bar("Smoothing", pipe) as bar:
        for done in range(3):
            bar(Step(done, 2))
    assert pipe.getvalue() == ""


def test_a_terminal_sees_title_share_and_message_and_the_line_is_wiped():
    terminal = Terminal()
    with Bar("Smoothing", terminal) as bar:
        bar(Step(1, 2, "slice 4"))
    shown = terminal.getvalue()
    assert "Smoothing" in shown
    assert "50%" in shown
    assert "slice 4" in shown
    assert shown.endswith("\r\x1b[K")


def test_the_bar_is_not_drawn_at_every_report():
    terminal = Terminal()
    with Bar("Smoothing", terminal) as bar:
        for done in range(10_000):
            bar(Step(done, 10_000))
    assert terminal.getvalue().count("\r") < 100


def test_an_error_inside_goes_on_its_way():
    with pytest.raises(ZeroDivisionError), Bar("Smoothing", Terminal()):
        raise ZeroDivisionError
