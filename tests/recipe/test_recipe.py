"""What a recipe file may say, and how what it may not say is refused."""

import json
from pathlib import Path

import pytest
import yaml

from napari_medai.core.errors import ArgumentError, ReadError, WriteError
from napari_medai.recipe import Recipe, json_schema, load, save


@pytest.mark.parametrize("name", ["r.yaml", "r.yml", "r.json"])
def test_a_recipe_comes_back_equal_from_its_file(tmp_path, blobs, name):
    assert load(save(blobs, tmp_path / name)) == blobs


def test_the_file_is_short_and_readable(tmp_path, blobs):
    text = save(blobs, tmp_path / "r.yaml").read_text()
    assert text.startswith("schema: napari-medai/recipe/1\nname: blobs\n")
    assert "null" not in text
    assert len(text.splitlines()) < 35


def changed(blobs, change):
    entry = json.loads(json.dumps(blobs.to_json()))
    change(entry)
    return entry


def rename(entry, old, new):
    entry[new] = entry.pop(old)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda e: rename(e, "outputs", "output"), "'output'. Did you mean outputs?"),
        (lambda e: rename(e["steps"][1], "operation", "oparation"), "step 2: .*Did you mean operation?"),
        (lambda e: rename(e["inputs"]["image"], "kind", "kidn"), "input image: .*Did you mean kind?"),
        (lambda e: e.update(schema="napari-medai/recipe/9"), "schema 'napari-medai/recipe/9'"),
        (lambda e: e.pop("schema"), "schema 'nothing'"),
        (lambda e: e.update(steps=[]), "steps"),
        (lambda e: e["steps"][0].update(id="no spaces"), "steps.0.id"),
        (lambda e: e["inputs"]["image"].update(kind="movie"), "kind"),
    ],
)
def test_what_no_recipe_says_is_refused_with_its_place(blobs, change, message):
    with pytest.raises(ArgumentError, match=message):
        Recipe.from_json(changed(blobs, change))


@pytest.mark.parametrize("text", ["- a\n- b\n", "just words", "", "{", "a: [1", "\x00"])
def test_a_file_that_is_no_recipe_is_refused_by_name(tmp_path, text):
    (tmp_path / "r.yaml").write_text(text)
    with pytest.raises((ArgumentError, ReadError), match=r"r\.yaml"):
        load(tmp_path / "r.yaml")


def test_a_recipe_file_runs_no_code(tmp_path):
    (tmp_path / "r.yaml").write_text("!!python/object/apply:os.system ['touch owned']")
    with pytest.raises(ReadError):
        load(tmp_path / "r.yaml")
    assert not (tmp_path / "owned").exists()


def test_no_file_is_replaced_unasked(tmp_path, blobs):
    save(blobs, tmp_path / "r.yaml")
    with pytest.raises(WriteError, match="exists"):
        save(blobs, tmp_path / "r.yaml")
    with pytest.raises(WriteError, match="suffix"):
        save(blobs, tmp_path / "r.txt")
    assert [p.name for p in tmp_path.iterdir()] == ["r.yaml"]


def test_the_digest_is_of_what_is_done_not_of_the_words(blobs):
    assert blobs.model_copy(update={"name": "other", "about": "words"}).digest == blobs.digest
    other = changed(blobs, lambda e: e["steps"][0]["options"].update(sigma_mm=2))
    assert Recipe.from_json(other).digest != blobs.digest


def test_the_schema_names_every_key_of_a_recipe(blobs):
    schema = json_schema()
    assert set(blobs.to_json()) <= set(schema["properties"])
    assert schema["additionalProperties"] is False
    assert yaml.safe_load(json.dumps(schema)) == schema


def test_the_published_schema_is_that_of_this_version():
    published = Path(__file__).parents[2] / "docs" / "recipe.schema.json"
    assert json.loads(published.read_text()) == json_schema()


def test_the_recipe_of_the_documentation_can_be_run():
    from napari_medai.recipe.execute import prepare

    page = (Path(__file__).parents[2] / "docs" / "recipes.md").read_text()
    text = page.partition("```yaml\n")[2].partition("```")[0]
    assert len(prepare(Recipe.from_json(yaml.safe_load(text)))) == 3
