"""PyTorch imported beside the event loop, so that the viewer stays alive meanwhile."""

from __future__ import annotations

import ctypes
import gc
import os
import sys
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path

from napari_medai.core.operation import Operation

_LIBRARIES = ("libtorch_global_deps", "libc10", "libtorch_cpu", "libtorch")
_SUFFIXES = {"linux": ".so", "darwin": ".dylib"}


def takes_torch(operations: Iterable[Operation]) -> bool:
    """Tell whether any of the operations computes with PyTorch: whether it has a device to choose."""
    return any(option.name == "device" for operation in operations for option in operation.options)


def import_torch() -> None:
    """Import PyTorch and MONAI in a worker thread, where that is still to be done.

    An ordinary import stops every thread twice: while the system loads and links the large libraries, and
    while Python's collector goes through all the objects that the import makes. Here the libraries are loaded
    without Python's lock, and the collector rests.
    """
    if "monai.networks.nets" in sys.modules or find_spec("torch") is None:
        return
    _load_libraries()
    collected = gc.isenabled()
    gc.disable()
    try:
        import torch  # noqa: F401

        if find_spec("monai") is not None:
            import monai.networks.nets  # noqa: F401
    finally:
        if collected:
            gc.enable()


def _load_libraries() -> None:
    """Load torch's libraries by the system's own call, which lets go of the lock."""
    suffix = _SUFFIXES.get(sys.platform)
    spec = find_spec("torch")
    if suffix is None or "torch" in sys.modules or spec is None or spec.origin is None:
        return
    load = ctypes.CDLL(None).dlopen
    load.restype, load.argtypes = ctypes.c_void_p, [ctypes.c_char_p, ctypes.c_int]
    folder = Path(spec.origin).parent / "lib"
    for name in _LIBRARIES:
        path = folder / f"{name}{suffix}"
        if path.is_file():
            load(os.fsencode(path), os.RTLD_NOW)
