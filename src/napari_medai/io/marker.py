"""The note this package leaves in files it writes, so that kind, label names and history come back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from napari_medai.core.history import history_from_json, history_to_json
from napari_medai.core.image import MedicalImage

KEY = "napari_medai"
_NOT_KEPT = ("notices", "source")


def marker_text(image: MedicalImage) -> str:
    """Return the note for an image as one line of ASCII JSON."""
    note: dict[str, Any] = {
        KEY: 1,
        "axes": image.axes,
        "kind": image.kind,
        "unit": image.geometry.unit,
        "name": image.name,
        "meta": {key: value for key, value in image.meta.items() if key not in _NOT_KEPT},
    }
    if image.history:
        note["history"] = history_to_json(image.history)
    return json.dumps(note)


def parse_marker(text: str | bytes | None) -> dict[str, Any]:
    """Return the note found in a file, or an empty dictionary where it is not ours."""
    if not text:
        return {}
    try:
        note = json.loads(text.decode() if isinstance(text, bytes) else text)
    except (ValueError, UnicodeDecodeError):
        return {}
    return note if isinstance(note, dict) and KEY in note else {}


def marked_fields(note: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of an image that a note states: kind, name, history."""
    fields: dict[str, Any] = {}
    if note.get("kind") in ("intensity", "labels"):
        fields["kind"] = note["kind"]
    if note.get("name"):
        fields["name"] = str(note["name"])
    try:
        fields["history"] = history_from_json(note.get("history", ()))
    except (KeyError, IndexError, TypeError, AttributeError):
        fields["history"] = ()
    return fields


def marked_meta(note: Mapping[str, Any]) -> dict[str, Any]:
    """Return the facts a note states about an image."""
    meta = note.get("meta", {})
    return dict(meta) if isinstance(meta, dict) else {}
