"""The published schema of model.json is that of this version, and good models pass it."""

import json
from pathlib import Path

import pytest
from small_models import description

from napari_medai.models.schema import PUBLISHED, model_schema
from napari_medai.models.store import SHIPPED

HOW = "napari-medai models schema > src/napari_medai/models/model.schema.json"


@pytest.mark.parametrize("path", [PUBLISHED, Path(__file__).parents[2] / "docs" / "model.schema.json"])
def test_the_published_schema_is_that_of_this_version(path):
    assert json.loads(path.read_text(encoding="utf-8")) == model_schema(), HOW


@pytest.mark.parametrize("folder", sorted(p.name for p in SHIPPED.iterdir() if (p / "model.json").is_file()))
def test_every_shipped_model_passes_the_schema(folder):
    jsonschema = pytest.importorskip("jsonschema")
    jsonschema.validate(json.loads((SHIPPED / folder / "model.json").read_bytes()), model_schema())


@pytest.mark.parametrize(
    "changes", [{"tile": [4, 16]}, {"licence": ...}, {"weather": "fine"}, {"schema": "napari-medai/model/2"}]
)
def test_what_loading_refuses_the_schema_refuses_too(changes):
    jsonschema = pytest.importorskip("jsonschema")
    jsonschema.validate(description(), model_schema())
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(description(**changes), model_schema())
