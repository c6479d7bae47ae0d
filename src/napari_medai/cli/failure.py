"""How a run of the command line ends: one readable line and the right exit code."""

from __future__ import annotations

import logging
import os
import sys

import click

from napari_medai.core.errors import Cancelled, MedAIError

DONE, UNEXPECTED, BAD_INPUT, STOPPED = 0, 1, 2, 130


def guarded(command: click.Command, args: list[str] | None) -> int:
    """Run a command and return its exit code.

    Parameters
    ----------
    command : click.Command
        What to run.
    args : list of str, optional
        Its arguments; those of the process by default. ``--debug`` may stand anywhere among them.
    """
    given = list(sys.argv[1:] if args is None else args)
    debug = "--debug" in given
    _quiet_libraries(debug)
    try:
        code = command.main([a for a in given if a != "--debug"], "napari-medai", standalone_mode=False)
        sys.stdout.flush()
    except (BrokenPipeError, SystemExit):  # click itself exits on a broken pipe, and on nothing else here
        return _close_pipe()
    except (KeyboardInterrupt, Cancelled, click.Abort):
        return _say("stopped; nothing was written.", STOPPED)
    except Exception as error:
        if debug:
            raise
        return _explain(error)
    return code if isinstance(code, int) else DONE


def _explain(error: Exception) -> int:
    if isinstance(error, click.ClickException):
        return _say(_usage(error), BAD_INPUT)
    if isinstance(error, MedAIError):
        return _say(str(error), BAD_INPUT)
    if isinstance(error, OSError) and error.strerror:
        where = f": {error.filename}" if error.filename else ""
        return _say(f"{error.strerror}{where}.", BAD_INPUT)
    if isinstance(error, MemoryError):
        return _say("not enough memory for this step. Use a smaller image or a coarser spacing.", BAD_INPUT)
    reason = f"unexpected {type(error).__name__}: {error}"
    return _say(f"{reason.rstrip('.')}. Run the same with --debug to see where.", UNEXPECTED)


def _usage(error: click.ClickException) -> str:
    message = error.format_message()
    context = getattr(error, "ctx", None)
    return f"{message} ({context.command_path} --help)" if context is not None else message


def _say(message: str, code: int) -> int:
    click.echo(f"napari-medai: {' '.join(message.split())}", err=True)
    return code


def _close_pipe() -> int:
    """Leave quietly when the reader of our output has gone, as in ``napari-medai list | head -1``."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return DONE


def _quiet_libraries(debug: bool) -> None:
    """Send Python warnings to the log, which is shown only with ``--debug``."""
    logging.captureWarnings(True)
    level = logging.DEBUG if debug else logging.ERROR
    logging.basicConfig(level=logging.WARNING, format="%(name)s: %(message)s")
    logging.getLogger("py.warnings").setLevel(level)
    logging.getLogger("pydicom").setLevel(level)
