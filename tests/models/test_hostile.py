"""What a stranger might send as a model is refused with its reason, and nothing of it is executed."""

import json
import pickle
import stat
import struct
import zipfile
from contextlib import nullcontext, suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from foreign_models import nnunet_network, nnunet_plans, write_bundle, write_nnunet
from small_models import description, noise_image, random_model

from napari_medai import MedAIError
from napari_medai.models import check_model, load_folder, save_folder
from napari_medai.models.card import model_card
from napari_medai.models.check import make_case
from napari_medai.models.folder import MAX_CARD_BYTES, MAX_FILE_BYTES
from napari_medai.models.imports.bundle import import_bundle
from napari_medai.models.imports.nnunet import import_nnunet
from napari_medai.models.imports.tensors import read_tensors
from napari_medai.models.imports.words import Words
from napari_medai.models.library import add_model, import_model
from napari_medai.models.spec import parse_spec


@pytest.fixture
def folder(tmp_path):
    """A valid model folder with a self-check."""
    model = random_model()
    save_folder(replace(model, case=make_case(model, noise_image())), tmp_path / "tiny")
    return tmp_path / "tiny"


@pytest.fixture
def own(tmp_path, monkeypatch):
    """An empty folder of one's own models."""
    monkeypatch.setenv("NAPARI_MEDAI_MODELS", str(tmp_path / "own"))
    return tmp_path / "own"


def refused(said, work, *args):
    with pytest.raises(MedAIError) as caught:
        work(*args)
    assert said in str(caught.value)


def weights_of(folder):
    from safetensors.numpy import load_file

    return load_file(folder / "weights.safetensors")


def packed(folder, path, extra=(), changed=None):
    """Pack a folder by hand, with further members that no packer would write."""
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                name = f"tiny/{file.relative_to(folder).as_posix()}"
                archive.writestr((changed or {}).get(name, name), file.read_bytes())
        for name, content in extra:
            archive.writestr(name, content)
    return path


# --- descriptions ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[" * 100_000 + "]" * 100_000, "not valid JSON"),
        (
            json.dumps(description(training={"a": 0})).replace('"a": 0', '"a":' + "[" * 500 + "]" * 500),
            "deeper",
        ),
        (json.dumps(description())[:-1] + ', "licence": "CC0-1.0"}', "'licence' stands twice"),
        (json.dumps(description(tile=[16, float("nan")])), "NaN is not a JSON number"),
        (json.dumps(description(tile=[16, 1e308])).replace("1e+308", "1e999"), "tile.1"),
        (json.dumps(description(tile=[16, 10**400])), "tile.1"),
        (json.dumps(description(version="1" + "0" * 5000 + ".0.0")), "version"),
        (json.dumps(description(name="../../evil")), "name"),
        (json.dumps(description(name="tiny\n")), "name"),
        (json.dumps(description(name="tıny")), "name"),
        (json.dumps(description(licence="\x1b[2J\x1b[1;31mfree")), "cannot be seen"),
        (json.dumps(description(citation="\u202egpj.exe")), "cannot be seen"),
        (json.dumps(description(channels=["grey", "\x07"])), "cannot be seen"),
        (json.dumps(description(spacing=[0.0, 1.0])), "spacing.0"),
        (json.dumps(description(intensity=[{"operation": "a"}] * 21)), "intensity"),
        ("\ufeff" + json.dumps(description()), "not valid JSON"),
        ("\x00" * 500, "not valid JSON"),
    ],
)
def test_a_hostile_description_is_refused(text, said):
    refused(said, parse_spec, text)


def test_an_unknown_key_cannot_command_the_terminal():
    with pytest.raises(MedAIError) as caught:
        parse_spec(json.dumps({**description(), "\x1b]0;evil\x07": 1}))
    assert "\x1b" not in str(caught.value)


@pytest.mark.parametrize(
    "network",
    [
        {"name": "unet", "arguments": {"widths": [4] * 100_000, "strides": [2] * 99_999}},
        {"name": "unet", "arguments": {"widths": [4, 10**9], "strides": [2]}},
        {"name": "unet", "arguments": {"widths": [4, 8], "strides": [2], "__class__": "x"}},
        {"name": "os.system", "arguments": {"command": "true"}},
        {"name": "__import__", "arguments": {}},
    ],
)
def test_a_network_beyond_measure_or_of_no_list_is_refused(folder, network):
    path = folder / "model.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "network": network}))
    refused("network", load_folder, folder)


# --- weights --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("length", [0, 2**63 - 1, 2**64 - 1, 10**8 + 1, 5])
def test_a_header_that_lies_about_its_length_is_refused(folder, length):
    path = folder / "weights.safetensors"
    path.write_bytes(struct.pack("<Q", length) + path.read_bytes()[8:])
    refused("cannot be read as safetensors", load_folder, folder)


def rewritten(path, change):
    """Change the header of a safetensors file, its text and its length."""
    content = path.read_bytes()
    size = struct.unpack("<Q", content[:8])[0]
    header = change(content[8 : 8 + size].decode())
    path.write_bytes(struct.pack("<Q", len(header.encode())) + header.encode() + content[8 + size :])


def overlapping(header):
    """Let every tensor lie on the first one's numbers."""
    entries = json.loads(header)
    for entry in entries.values():
        start, stop = entry["data_offsets"]
        entry["data_offsets"] = [0, stop - start]
    return json.dumps(entries)


def beyond(header):
    entries = json.loads(header)
    last = max(entries.values(), key=lambda entry: entry["data_offsets"][1])
    last["data_offsets"][1] += 2**40
    last["shape"] = [2**38, *last["shape"]]
    return json.dumps(entries)


@pytest.mark.parametrize(
    "change",
    [
        overlapping,
        beyond,
        lambda text: "[" * 5000,
        lambda text: text.replace('"F32"', '"PICKLE"'),
        lambda _: "{}",
    ],
)
def test_a_header_that_lies_about_its_tensors_is_refused(folder, change):
    rewritten(folder / "weights.safetensors", change)
    with pytest.raises(MedAIError, match="safetensors"):
        load_folder(folder)


@pytest.mark.parametrize("kind", ["bool", "uint8", "int8", "complex64", "float8"])
def test_weights_of_another_kind_are_refused(folder, kind):
    import torch
    from safetensors.torch import load_file, save_file

    path = folder / "weights.safetensors"
    dtype = torch.float8_e4m3fn if kind == "float8" else getattr(torch, kind)
    save_file({name: tensor.to(dtype) for name, tensor in load_file(path).items()}, path)
    refused("needed plain numbers", load_folder, folder)


def test_numbers_too_large_for_32_bits_are_refused(folder):
    from safetensors.numpy import save_file

    tensors = {name: array.astype(np.float64) for name, array in weights_of(folder).items()}
    next(array for array in tensors.values() if array.ndim > 1).flat[0] = 1e300
    save_file(tensors, folder / "weights.safetensors")
    refused("NaN or infinity", load_folder, folder)


def test_files_that_pretend_to_be_huge_are_not_opened(folder):
    for name in ("weights-7.safetensors", "weights.safetensors", "check/notes.txt"):
        path = folder / name
        before = path.read_bytes() if path.exists() else None
        with path.open("ab") as file:
            file.truncate(MAX_FILE_BYTES + 1)  # sparse: takes no room on the disk
        refused("larger than 8 GB", load_folder, folder)
        path.unlink()
        if before is not None:
            path.write_bytes(before)
    with (folder / "check/case.safetensors").open("ab") as file:
        file.truncate(10**9)
    refused("a check is a small image", load_folder, folder)


def test_of_a_long_card_the_beginning_is_read_and_nothing_commands_the_terminal(folder):
    (folder / "README.md").write_bytes(b"# tiny\n\x1b]8;;file:///etc\x07here\x1b[2J\xe2\x80\xaeabc\n")
    with (folder / "README.md").open("ab") as file:
        file.truncate(3 * 10**9)
    model = load_folder(folder)
    assert len(model.card) < MAX_CARD_BYTES
    shown = model_card(model.spec, model.card, model.digest)
    assert not set(shown) & {"\x1b", "\x07", "\u202e", "\x00"}
    assert "here" in shown


def test_a_check_with_numbers_that_are_none_fails_and_does_not_pass(folder):
    case = load_folder(folder).case
    voxels = np.array(case.image.array)
    voxels[3, 3] = np.nan
    bad = replace(load_folder(folder), case=replace(case, image=case.image.with_array(voxels)))
    with pytest.raises(MedAIError, match="NaN"):
        check_model(bad)


# --- archives -------------------------------------------------------------------------------------------


def test_a_link_in_an_archive_leads_nowhere(folder, own, tmp_path):
    secret = tmp_path / "secret.safetensors"
    secret.write_bytes((folder / "weights.safetensors").read_bytes())
    (folder / "weights.safetensors").unlink()
    path = packed(folder, tmp_path / "link.zip")
    link = zipfile.ZipInfo("tiny/weights.safetensors")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(link, str(secret))
    refused("cannot be read as safetensors", add_model, path)
    assert not own.exists() or not list(own.iterdir())


@pytest.mark.parametrize(
    "name", ["tiny/model.json", "tiny/MODEL.json", "TINY/weights.safetensors", "tiny//model.json"]
)
def test_two_members_of_one_name_are_refused(folder, own, tmp_path, name):
    with pytest.warns(UserWarning, match="Duplicate") if name == "tiny/model.json" else nullcontext():
        path = packed(folder, tmp_path / "twice.zip", [(name, "{}")])
    refused("two members", add_model, path)
    assert not own.exists()


def test_two_spellings_of_one_name_are_refused(folder, own, tmp_path):
    path = packed(folder, tmp_path / "twice.zip", [("tiny/caf\u00e9.txt", "a"), ("tiny/cafe\u0301.txt", "b")])
    refused("two members", add_model, path)


@pytest.mark.parametrize(
    "name", ["..\\..\\evil.txt", "tiny/../../evil", "\\\\server\\share\\evil", "con:/x", "tiny/\0evil"]
)
def test_a_member_of_a_false_name_lands_nowhere_else(folder, own, tmp_path, name):
    path = packed(folder, tmp_path / "name.zip", [(name, "gotcha")])
    with suppress(MedAIError):
        add_model(path)
    assert not list(tmp_path.rglob("*evil*"))


def test_a_packed_model_with_a_stranger_s_pickle_by_another_name_is_not_opened(folder, own, tmp_path):
    trap = tmp_path / "trap"
    content = pickle.dumps(Planted(trap))
    changed = {"tiny/weights.safetensors": "tiny/weights.txt"}
    path = packed(folder, tmp_path / "p.zip", [("tiny/weights.safetensors", content)], changed)
    refused("cannot be read as safetensors", add_model, path)
    assert not trap.exists()


class Planted:
    """Pickles to something that writes a file when opened."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.write_text, (Path(self.path), "gotcha")


# --- models of other programs ---------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")  # others still write such files
def test_a_program_is_not_run(own, tmp_path):
    import torch

    class Hostile(torch.nn.Module):
        def __init__(self, trap: str) -> None:
            super().__init__()
            self.trap = trap

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x + torch.from_file(self.trap, True, 4).sum()  # makes the file

    trap, path = tmp_path / "trap", tmp_path / "program.pt"
    torch.jit.script(Hostile(str(trap))).save(str(path))
    refused("is a program (TorchScript)", read_tensors, path)
    folder = write_bundle(tmp_path / "bundle")
    (folder / "models/model.pt").write_bytes(path.read_bytes())
    refused("is a program (TorchScript)", import_bundle, folder, Words())
    assert not trap.exists()
    torch.jit.load(str(path))(torch.zeros(1))
    assert trap.exists(), "the trap would have worked, had it been run"


@pytest.mark.parametrize("protocol", [2, 4])
def test_a_pickle_that_runs_something_is_not_opened(tmp_path, protocol):
    import torch

    trap, path = tmp_path / "trap", tmp_path / "weights.pt"
    for content in (
        Planted(trap),
        {"state_dict": Planted(trap)},
        {"a": torch.zeros(2), "b": [Planted(trap)]},
    ):
        torch.save(content, path, pickle_protocol=protocol)
        refused("so it was not opened", read_tensors, path)
        torch.save(content, path, pickle_protocol=protocol, _use_new_zipfile_serialization=False)
        refused("so it was not opened", read_tensors, path)
    path.write_bytes(pickle.dumps(Planted(trap), protocol))
    with pytest.raises(MedAIError):
        read_tensors(path)
    assert not trap.exists()


@pytest.mark.parametrize("kind", ["meta", "sparse", "complex"])
def test_tensors_that_hold_no_plain_numbers_are_refused(tmp_path, kind):
    import torch

    model = random_model()
    (tmp_path / "model.json").write_text(model.spec.to_json())
    change = {
        "meta": lambda t: t.to("meta"),
        "sparse": lambda t: t.to_sparse(),
        "complex": lambda t: t.to(torch.complex64),
    }[kind]
    state = {name: change(tensor) for name, tensor in model.network.state_dict().items()}
    torch.save(state, tmp_path / "weights.pt")
    with pytest.raises(MedAIError):
        import_model(tmp_path / "weights.pt", spec=tmp_path / "model.json")


@pytest.mark.parametrize("stage", ["../../elsewhere", "3d_fullres", "a/b", ""])
def test_a_first_stage_elsewhere_or_the_same_is_refused(tmp_path, stage):
    plans = nnunet_plans(previous_stage=stage or "..")
    folder = write_nnunet(
        tmp_path / "nnUNetTrainer__nnUNetPlans__3d_fullres", [nnunet_network()], plans=plans
    )
    with pytest.raises(MedAIError):
        import_nnunet(folder, Words())


def test_plans_with_a_key_twice_or_without_end_are_refused(tmp_path):
    folder = write_nnunet(tmp_path / "trained", [nnunet_network()])
    text = (folder / "plans.json").read_text()
    (folder / "plans.json").write_text(text[:-1] + ', "dataset_name": "other"}')
    refused("stands twice", import_nnunet, folder, Words())
    (folder / "plans.json").write_text("[" * 100_000)
    refused("not valid JSON", import_nnunet, folder, Words())
