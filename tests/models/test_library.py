"""Models are added, removed, packed and fetched; what is hostile is refused."""

import os
import threading
import zipfile
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest
from foreign_models import nnunet_network, write_bundle, write_nnunet
from small_models import random_model

from napari_medai import MedAIError
from napari_medai.models import list_models, load_model, save_folder
from napari_medai.models.imports.words import UNSTATED, Words
from napari_medai.models.library import add_model, export_model, import_model, remove_model
from napari_medai.models.package import file_digest


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A folder of one's own models, empty, and a folder shared with others that holds one."""
    save_folder(random_model(name="shared"), tmp_path / "shared" / "shared")
    folder = tmp_path / "own"
    monkeypatch.setenv("NAPARI_MEDAI_MODELS", f"{folder}{os.pathsep}{tmp_path / 'shared'}")
    return folder


@pytest.fixture
def packed(tmp_path):
    """A model packed into a zip file."""
    save_folder(random_model(), tmp_path / "made" / "tiny")
    export_model(str(tmp_path / "made" / "tiny"), tmp_path / "tiny.zip")
    return tmp_path / "tiny.zip"


class Quiet(SimpleHTTPRequestHandler):
    """Serves a folder without saying so."""

    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture
def served(packed):
    """The address of the packed model on this machine's own net."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(packed.parent)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/tiny.zip"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_packed_model_comes_back_the_same(own, packed):
    added = add_model(packed)
    assert added.digest == load_model(packed.parent / "made/tiny").digest
    assert set(list_models()) >= {"tiny", "shared", "phantom-3d"}
    assert (own / "tiny" / "model.json").is_file()
    with pytest.raises(MedAIError, match="already"):
        add_model(packed)
    remove_model("tiny")
    assert not list(own.iterdir())


def test_packing_the_same_model_gives_the_same_file(packed):
    again = packed.with_name("again.zip")
    digest = export_model(str(packed.parent / "made/tiny"), again)
    assert digest == file_digest(packed)
    assert packed.with_name("tiny.zip.sha256").read_text() == f"{digest}  tiny.zip\n"


def test_models_that_are_not_ones_own_are_not_removed(own):
    for name, said in (("shared", "lies in"), ("phantom-3d", "ships"), ("none", "no model")):
        with pytest.raises(MedAIError, match=said):
            remove_model(name)
    assert "shared" in list_models()


def test_a_changed_file_is_refused_by_the_checksum_beside_it(own, packed):
    content = bytearray(packed.read_bytes())
    content[-30] ^= 1
    packed.write_bytes(content)
    with pytest.raises(MedAIError, match="SHA-256"):
        add_model(packed)
    assert not own.exists()


def test_a_model_is_fetched_with_its_checksum_only(own, packed, served):
    with pytest.raises(MedAIError, match="needs a checksum"):
        add_model(served)
    with pytest.raises(MedAIError, match="SHA-256"):
        add_model(served, sha256="0" * 64)
    with pytest.raises(MedAIError, match="cannot be fetched"):
        add_model(served.replace("tiny", "tinny"), sha256="0" * 64)
    assert not own.exists()
    assert add_model(served, sha256=file_digest(packed)).spec.name == "tiny"


@pytest.mark.parametrize("member", ["../evil.txt", "/evil.txt", "a/../../evil.txt", "C:/evil.txt"])
def test_a_member_that_climbs_out_is_refused(own, tmp_path, member):
    path = tmp_path / "hostile.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(member, "gotcha")
    with pytest.raises(MedAIError, match="outside"):
        add_model(path)
    assert not own.exists()


def test_a_zip_bomb_and_a_stranger_within_are_refused(own, packed, tmp_path):
    bomb = tmp_path / "bomb.zip"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("zeros", "w") as file:
        for _ in range(300):
            file.write(bytes(2**20))
    with pytest.raises(MedAIError, match="unpacks to more"):
        add_model(bomb)
    with zipfile.ZipFile(packed, "a") as archive:
        archive.writestr("tiny/extra.pkl", b"cos\nsystem\n")
    packed.with_name("tiny.zip.sha256").unlink()
    with pytest.raises(MedAIError, match="stranger's code"):
        add_model(packed)
    assert not own.exists() or not list(own.iterdir())


def test_an_nnunet_a_bundle_and_weights_are_brought_in(own, tmp_path):
    import torch

    trained = write_nnunet(tmp_path / "trained", [nnunet_network()])
    model = import_model(trained, words=Words(name="Mein Modell", citation="Me 2026"))
    assert load_model("mein-modell").digest == model.digest
    assert (model.spec.citation, model.spec.licence) == ("Me 2026", UNSTATED)
    bundle = write_bundle(tmp_path / "bundle")
    assert import_model(bundle).spec.name == "small-bundle"
    made = random_model(name="described")
    (tmp_path / "model.json").write_text(made.spec.to_json())
    torch.save({"state_dict": made.network.state_dict()}, tmp_path / "weights.pt")
    brought = import_model(tmp_path / "weights.pt", spec=tmp_path / "model.json")
    x = torch.randn(1, 1, 16, 16)
    with torch.inference_mode():
        assert torch.equal(brought.network(x), made.network(x))
    (tmp_path / "empty").mkdir()
    with pytest.raises(MedAIError, match="no known kind"):
        import_model(tmp_path / "empty")
