"""The code blocks of a Markdown page, and running them in the order a reader would."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, its text, the line where the text begins."""

    language: str
    text: str
    line: int


def blocks_of(text: str) -> list[Block]:
    """Return the fenced blocks of a page in their order."""
    return [Block(m[1], m[2], text.count("\n", 0, m.start()) + 2) for m in FENCE.finditer(text)]


def run_page(page: Path, folder: Path) -> None:
    """Run the blocks of a page in a folder and an interpreter of its own.

    Raises
    ------
    AssertionError
        With everything that was said, if a block fails.
    """
    command = [sys.executable, __file__, str(page), str(folder)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"


def run_blocks(page: Path, folder: Path) -> None:
    """Run the Python and the shell blocks of a page; the Python blocks share their names."""
    names: dict[str, object] = {"__name__": "page"}
    for block in blocks_of(page.read_text(encoding="utf-8")):
        if block.language == "python":
            code = compile("\n" * (block.line - 1) + block.text, str(page), "exec")
            exec(code, names)
        elif block.language == "sh":
            for command in commands_of(block.text):
                if command[0] == "napari-medai":
                    run_command(command, folder)


def commands_of(text: str) -> list[list[str]]:
    """Return the words of each shell command; a backslash at the end of a line continues it."""
    lines = text.replace("\\\n", " ").splitlines()
    return [words for line in lines if (words := shlex.split(line, comments=True))]


def run_command(command: list[str], folder: Path) -> str:
    """Run a command of this package in a folder and return what it printed."""
    script = shutil.which(command[0], path=str(Path(sys.executable).parent))
    assert script, f"{command[0]} is not installed beside {sys.executable}"
    done = subprocess.run([script, *command[1:]], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, f"{shlex.join(command)}\n{done.stdout}\n{done.stderr}"
    return done.stdout


if __name__ == "__main__":
    run_blocks(Path(sys.argv[1]), Path(sys.argv[2]))
