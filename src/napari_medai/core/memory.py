"""How much memory can still be used."""

from __future__ import annotations

import os
import re
from pathlib import Path

GB = 1_000_000_000


def available_bytes() -> int:
    """Return how much memory can still be used: free memory, or less where a container has a limit."""
    return min(filter(None, (_free(), _container_left())), default=4 * GB)


def _free() -> int | None:
    try:
        text = Path("/proc/meminfo").read_text(encoding="ascii")
        return int(re.search(r"MemAvailable:\s+(\d+)", text)[1]) * 1024  # type: ignore[index]
    except (OSError, TypeError):
        return _physical()


def _physical() -> int | None:
    """Return half of the memory there is, where nobody tells how much is free."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
    except (AttributeError, ValueError, OSError):
        return None


def _container_left() -> int | None:
    group = Path("/sys/fs/cgroup")
    try:
        limit = (group / "memory.max").read_text(encoding="ascii").strip()
        used = (group / "memory.current").read_text(encoding="ascii").strip()
    except OSError:
        return None
    return max(int(limit) - int(used), 0) or None if limit.isdigit() else None
