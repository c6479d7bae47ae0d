"""What ``model.json`` may say, as a JSON schema for other programs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from napari_medai.models.spec import SCHEMA, ModelSpec

PUBLISHED = Path(__file__).with_name("model.schema.json")
"""The schema as it ships; a test says when it is stale."""
DIALECT = "https://json-schema.org/draft/2020-12/schema"


def model_schema() -> dict[str, Any]:
    """Return the JSON schema of ``model.json``.

    Returns
    -------
    dict
        Every entry with its limits. What a schema cannot say, such as that spacing and tile have as many
        axes, is checked on loading alone.
    """
    return {"$schema": DIALECT, "$id": SCHEMA, **ModelSpec.model_json_schema(by_alias=True)}


def schema_text() -> str:
    """Return the schema as it is published."""
    return json.dumps(model_schema(), indent=2, ensure_ascii=False) + "\n"
