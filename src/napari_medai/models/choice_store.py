"""What probes measured on this machine, kept in a small file in the person's settings folder."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

VARIABLE = "NAPARI_MEDAI_PROBES"
"""Names another file for what probes measured."""
MOST = 200


def store_path() -> Path:
    """Return the file: in the folder where this system keeps settings, unless a variable names another."""
    named = os.environ.get(VARIABLE, "").strip()
    if named:
        return Path(named)
    home = Path.home()
    if sys.platform == "win32":
        base = Path(os.environ.get("APPDATA", home / "AppData" / "Roaming"))
    elif sys.platform == "darwin":
        base = home / "Library" / "Application Support"
    else:
        base = Path(os.environ.get("XDG_CONFIG_HOME", home / ".config"))
    return base / "napari-medai" / "probes.json"


def recall(key: str) -> str | None:
    """Return the setting that was chosen for a key; none where nothing readable is known."""
    entry = _read().get(key)
    setting = entry.get("setting") if isinstance(entry, dict) else None
    return setting if isinstance(setting, str) else None


def measured(key: str) -> dict[str, float]:
    """Return what was measured under a key, in seconds; empty where nothing readable is known."""
    entry = _read().get(key)
    seconds = entry.get("seconds") if isinstance(entry, dict) else None
    known = seconds if isinstance(seconds, dict) else {}
    return {str(name): float(s) for name, s in known.items() if isinstance(s, (int, float))}


def remember(key: str, setting: str, seconds: dict[str, float]) -> None:
    """Keep a choice with what was measured; a folder that cannot be written means probing again."""
    known = _read()
    known.pop(key, None)  # what was measured last is forgotten last
    known[key] = {"setting": setting, "seconds": {name: round(s, 4) for name, s in seconds.items()}}
    kept = dict(list(known.items())[-MOST:])
    path = store_path()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_suffix(f".{os.getpid()}")
        beside.write_text(json.dumps(kept, indent=1), encoding="utf-8")
        beside.replace(path)
    except OSError:
        return


def _read() -> dict[str, object]:
    try:
        known = json.loads(store_path().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}
