"""Models on the command line: listed, shown, checked, packed, added, removed, brought in."""

import shutil

import pytest
from foreign_models import nnunet_network, write_nnunet
from small_models import noise_image, random_model

from napari_medai import write
from napari_medai.models import load_model, save_folder
from napari_medai.models.notice import first_notice
from napari_medai.models.store import SHIPPED


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A folder of one's own models, not there yet."""
    monkeypatch.setenv("NAPARI_MEDAI_MODELS", str(tmp_path / "own"))
    return tmp_path / "own"


def test_models_are_listed_and_shown_as_ever(command):
    for words in (("models",), ("models", "list")):
        said = command(*words)
        assert said.code == 0
        assert "vessels-2d" in said.out
        assert "liver" in said.out
    for words in (("models", "vessels-2d"), ("models", "card", "vessels-2d")):
        said = command(*words)
        assert "CC-BY-4.0" in said.out
        assert "Expects" in said.out
    assert command("models", "--check").code != 0


def test_a_check_that_fails_says_so_by_its_exit(command, own, tmp_path):
    assert command("models", "check", "phantom-3d").code == 0
    assert "passed" in command("models", "--check", "phantom-3d").out
    shutil.copytree(SHIPPED / "phantom-3d", own / "phantom-3d")
    weights = own / "phantom-3d" / "weights.safetensors"
    content = bytearray(weights.read_bytes())
    content[-4000:] = bytes(4000)
    weights.write_bytes(content)
    said = command("models", "check", "phantom-3d")
    assert said.code != 0
    assert "failed" in said.out


def test_a_model_travels_by_the_command_line(command, own, tmp_path):
    save_folder(random_model(licence="CC0-1.0"), tmp_path / "made")
    said = command("models", "export", tmp_path / "made", tmp_path / "tiny.zip")
    assert said.code == 0
    digest = said.out.split()[-1]
    assert command("models", "add", tmp_path / "tiny.zip", "--sha256", "1" * 64).code != 0
    said = command("models", "add", tmp_path / "tiny.zip", "--sha256", digest)
    assert (said.code, "Licence: CC0-1.0" in said.out) == (0, True)
    assert "tiny" in command("models").out
    assert command("models", "remove", "tiny").code == 0
    assert command("models", "remove", "tiny").code != 0
    assert command("models", "import", tmp_path / "tiny.zip").code == 0


def test_an_nnunet_is_brought_in_and_written_for_another_program(command, own, tmp_path):
    folder = write_nnunet(tmp_path / "trained", [nnunet_network(seed=k) for k in range(2)])
    said = command("models", "import", folder, "--name", "mine", "--licence", "MIT", "--fold", "1")
    assert said.code == 0
    assert "Licence: MIT" in said.out
    assert load_model("mine").spec.members == 1
    said = command("models", "export", "mine", tmp_path / "script", "--format", "torchscript")
    assert said.code == 0
    assert (tmp_path / "script" / "network.torchscript").is_file()


def test_the_networks_are_a_table(command):
    said = command("models", "networks", "--ndim", "2", "--patch", "64")
    assert said.code == 0
    for name in ("dynunet", "swin-unetr", "patch-discriminator"):
        assert name in said.out


def test_licence_and_citation_are_said_once_before_the_first_use(command, own, tmp_path):
    model = random_model(licence="CC0-1.0", citation="Someone 2024")
    save_folder(model, own / "tiny")
    image = write(noise_image((20, 24)), tmp_path / "image.tif")
    words = ("predict-labels", image, "--model", "tiny", "--output")
    said = command(*words, tmp_path / "a.tif")
    assert said.code == 0, said.err
    assert "Licence: CC0-1.0" in said.err
    assert "Cite: Someone 2024" in said.err
    assert "Licence" not in command(*words, tmp_path / "b.tif").err
    assert first_notice("tiny") == ""
    assert first_notice("vessels-2d") == ""


def test_the_schema_is_printed(command):
    from napari_medai.models.schema import schema_text

    assert command("models", "schema").out == schema_text()
