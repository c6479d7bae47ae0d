"""The command line: every operation, and the few commands around them."""

from napari_medai.cli.app import main as main

__all__ = ["main"]
