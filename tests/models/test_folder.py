"""A model folder is read as data only, and written whole or not at all."""

import json
import os
import pickle
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from small_models import noise_image, random_model

from napari_medai import MedAIError
from napari_medai.models import check_model, list_models, load_folder, load_model, save_folder
from napari_medai.models.check import make_case
from napari_medai.models.folder import folder_digest


@pytest.fixture
def folder(tmp_path):
    """A valid model folder with a self-check."""
    model = random_model()
    save_folder(replace(model, case=make_case(model, noise_image())), tmp_path / "tiny")
    return tmp_path / "tiny"


class Planted:
    """Pickles to something that writes a file when opened."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.write_text, (Path(self.path), "gotcha")


def edit(folder, **changes):
    path = folder / "model.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def link(path, target):
    try:
        path.symlink_to(target)
    except OSError:
        pytest.skip("this system lets nobody make links")


def refused(folder, said):
    with pytest.raises(MedAIError) as caught:
        load_folder(folder)
    assert said in str(caught.value)


def test_a_model_comes_back_as_it_was_written(folder):
    import torch

    loaded, original = load_folder(folder), random_model()
    assert loaded.spec == original.spec
    assert loaded.card == original.card
    assert loaded.digest == folder_digest(folder)
    x = torch.zeros(1, 1, 16, 16).normal_()
    with torch.inference_mode():
        assert torch.equal(loaded.network(x), original.network(x))
    assert not any(p.requires_grad for p in loaded.network.parameters())
    assert check_model(loaded).exact


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps rights elsewhere")
def test_a_written_model_can_be_read_by_everyone(folder):
    assert {f.stat().st_mode & 0o777 for f in folder.rglob("*") if f.is_file()} == {0o644}


def test_half_precision_weights_come_back_rounded_as_float32(tmp_path):
    import torch

    model = random_model()
    saved = save_folder(model, tmp_path / "half", half=True)
    for before, after in zip(model.network.parameters(), saved.network.parameters(), strict=True):
        assert after.dtype is torch.float32
        assert torch.equal(before.half().float(), after)


def test_loading_leaves_the_random_generator_alone(folder):
    import torch

    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    load_folder(folder)
    assert torch.equal(torch.rand(3), expected)


def test_an_existing_model_is_never_overwritten(folder):
    before = folder_digest(folder)
    with pytest.raises(MedAIError, match="exists already"):
        save_folder(random_model(seed=1), folder)
    assert folder_digest(folder) == before


def test_a_model_that_cannot_be_written_leaves_nothing(tmp_path):
    model = random_model()
    next(model.network.parameters()).fill_(float("nan"))
    with pytest.raises(MedAIError, match="NaN"):
        save_folder(model, tmp_path / "bad")
    assert list(tmp_path.iterdir()) == []


def test_a_planted_pickle_is_refused_unopened(folder, tmp_path):
    trap = tmp_path / "trap.txt"
    for name in ("weights.pt", "check/extra.PKL", "model.pth"):
        (folder / name).write_bytes(pickle.dumps(Planted(trap)))
        refused(folder, "a stranger's code")
        (folder / name).unlink()
    (folder / "weights.safetensors").write_bytes(pickle.dumps(Planted(trap)))
    refused(folder, "cannot be read as safetensors")
    assert not trap.exists()
    pickle.loads((folder / "weights.safetensors").read_bytes())
    assert trap.exists(), "the trap would have worked, had it been opened"


def test_a_file_that_leads_outside_is_refused(folder, tmp_path):
    outside = tmp_path / "elsewhere.safetensors"
    shutil.copy(folder / "weights.safetensors", outside)
    (folder / "weights.safetensors").unlink()
    link(folder / "weights.safetensors", outside)
    refused(folder, "leads outside the model folder")


def test_a_folder_that_leads_outside_is_refused(folder, tmp_path):
    (tmp_path / "other").mkdir()
    link(folder / "more", tmp_path / "other")
    refused(folder, "leads outside the model folder")


@pytest.mark.parametrize("kept", [0, 4, 100, 3_000])
def test_truncated_weights_are_refused(folder, kept):
    path = folder / "weights.safetensors"
    content = path.read_bytes()
    assert kept < len(content)
    path.write_bytes(content[:kept])
    refused(folder, "cannot be read as safetensors")


def test_missing_weights_are_said(folder):
    (folder / "weights.safetensors").unlink()
    refused(folder, "weights.safetensors is missing")


def test_weights_of_another_shape_are_refused(folder):
    edit(folder, network={"name": "unet", "arguments": {"widths": [4, 16], "strides": [2]}})
    refused(folder, "has shape")


def test_a_false_description_cannot_make_us_allocate(folder):
    widths = [1024] * 8  # a hundred million weights
    edit(
        folder, tile=[128, 128], network={"name": "unet", "arguments": {"widths": widths, "strides": [2] * 7}}
    )
    refused(folder, "does not fit the network")


def test_weights_of_another_network_are_refused(folder):
    edit(folder, network={"name": "dynunet", "arguments": {"widths": [4, 8, 8], "strides": [1, 2, 2]}})
    refused(folder, "is missing")


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_not_finite_are_refused(folder, value):
    from safetensors.numpy import load_file, save_file

    path = folder / "weights.safetensors"
    tensors = load_file(path)
    name = sorted(n for n in tensors if n.endswith("weight"))[0]
    tensors[name].flat[0] = value
    save_file(tensors, path)
    refused(folder, "holds NaN or infinity")


def test_unknown_and_foreign_intensity_operations_are_refused(folder):
    edit(folder, intensity=[{"operation": "run_anything"}])
    refused(folder, "'run_anything'; known:")
    edit(folder, intensity=[{"operation": "predict_labels"}])
    refused(folder, "'predict_labels'; known:")


@pytest.mark.parametrize(
    ("content", "said"),
    [("{}", "axes"), ("{", "case.json"), (" " * 2_000_000, "too long")],
)
def test_a_damaged_check_is_refused(folder, content, said):
    (folder / "check" / "case.json").write_text(content)
    refused(folder, said)


def test_expected_labels_that_were_changed_are_refused(folder):
    from safetensors.numpy import load_file, save_file

    path = folder / "check" / "case.safetensors"
    arrays = load_file(path)
    arrays["labels"][0, 0] ^= 1
    save_file(arrays, path)
    refused(folder, "not those of the digest")


def test_the_check_tells_other_weights_from_its_own(folder):
    result = check_model(replace(random_model(seed=3), case=load_folder(folder).case))
    assert not result.exact
    assert not result.passed
    assert "failed" in str(result)
    assert result.agreement < 0.999


def test_the_check_passes_when_one_voxel_in_a_thousand_differs(folder):
    from napari_medai.models.check import CheckResult

    assert CheckResult(False, 0.9995).passed
    assert not CheckResult(False, 0.9985).passed


def test_models_are_found_by_name_reference_and_path(folder, monkeypatch):
    monkeypatch.setenv("NAPARI_MEDAI_MODELS", str(folder.parent))
    model = load_model("tiny")
    assert list_models()["tiny"] == model.spec
    assert load_model(folder).digest == load_model(model.reference).digest == model.digest
    assert model.reference.startswith("tiny@1.2.3#")
    assert str(folder) not in repr(model)


def test_a_reference_to_another_version_or_weights_is_refused(folder, monkeypatch):
    monkeypatch.setenv("NAPARI_MEDAI_MODELS", str(folder.parent))
    for reference in ("tiny@9.9.9", "tiny@1.2.3#0000000000000000"):
        with pytest.raises(MedAIError, match="needed tiny@"):
            load_model(reference)


def test_an_unknown_model_names_the_known_ones(folder, monkeypatch):
    monkeypatch.setenv("NAPARI_MEDAI_MODELS", str(folder.parent))
    with pytest.raises(MedAIError, match=r"no model 'huge'; known: .*tiny"):
        load_model("huge")


def test_an_ensemble_comes_back_with_every_member(tmp_path):
    import torch

    model = random_model(members=3)
    others = tuple(random_model(seed=k).network for k in (1, 2))
    with pytest.raises(MedAIError, match="3 members, the model 1"):
        save_folder(model, tmp_path / "few")
    saved = save_folder(replace(model, others=others), tmp_path / "three")
    x = torch.zeros(1, 1, 16, 16).normal_()
    with torch.inference_mode():
        for before, after in zip((model.network, *others), saved.networks, strict=True):
            assert torch.equal(before(x), after(x))
    shutil.copy(tmp_path / "three/weights.safetensors", tmp_path / "three/weights-2.safetensors")
    assert load_folder(tmp_path / "three").digest != saved.digest
    (tmp_path / "three/weights-2.safetensors").unlink()
    refused(tmp_path / "three", "weights-2.safetensors is missing")


def test_reading_a_model_leaves_torchs_compiler_alone():
    """The compiler takes seconds to import, and stops the viewer meanwhile."""
    code = (
        "import sys; from napari_medai.models import load_model; load_model('phantom-3d');"
        "sys.exit('torch._dynamo' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
