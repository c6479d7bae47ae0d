"""A folder that nnU-Net trained becomes a model, or is refused with the reason."""

import json
import pickle
from pathlib import Path

import pytest
from foreign_models import REGIONS, nnunet_plans, write_cascade, write_nnunet
from foreign_models import nnunet_network as network
from small_models import noise_image

from napari_medai import MedAIError
from napari_medai.models import load_folder, save_folder
from napari_medai.models.imports.nnunet import import_nnunet, is_nnunet
from napari_medai.models.imports.nnunet_plans import intensity_steps
from napari_medai.models.imports.words import Words
from napari_medai.models.package import copied_folder, pack_folder, unpacked_folder
from napari_medai.models.prepare import prepare


@pytest.mark.parametrize("residual", [False, True])
def test_folds_become_the_members_of_an_ensemble(tmp_path, residual):
    import torch

    networks = [network(residual, seed) for seed in (0, 1)]
    folder = write_nnunet(tmp_path / "trained", networks, nnunet_plans(residual))
    assert is_nnunet(folder)
    model = save_folder(import_nnunet(folder, Words(licence="CC0-1.0")), tmp_path / "model")
    spec = model.spec
    assert (spec.name, spec.licence, spec.members) == ("dataset077-torso", "CC0-1.0", 2)
    assert spec.outputs.labels == ("background", "liver", "spleen")
    assert (spec.tile, spec.spacing, spec.mirror_axes) == ((8, 16, 16), (5, 3, 3), (0, 1, 2))
    assert spec.preparation.intensity_first
    assert (spec.preparation.resampling.image_order, spec.windows.spread) == (3, "even")
    assert load_folder(tmp_path / "model").spec == spec
    x = torch.randn(1, 1, 8, 16, 16)
    with torch.inference_mode():
        for ours, theirs in zip(model.networks, networks, strict=True):
            assert torch.equal(ours(x), theirs(x))


def test_some_folds_can_be_chosen(tmp_path):
    folder = write_nnunet(tmp_path / "trained", [network(seed=k) for k in range(3)])
    assert import_nnunet(folder, Words(), folds=("1",)).spec.members == 1


def test_older_plans_are_read(tmp_path):
    plans = nnunet_plans()
    full = plans["configurations"]["3d_fullres"]
    del full["architecture"]
    full.update(
        UNet_class_name="PlainConvUNet",
        UNet_base_num_features=4,
        unet_max_num_features=8,
        n_conv_per_stage_encoder=[1, 2, 1],
        n_conv_per_stage_decoder=[1, 2],
        pool_op_kernel_sizes=[[1, 1, 1], [1, 2, 2], [2, 2, 2]],
        conv_kernel_sizes=[[1, 3, 3], [3, 3, 3], [3, 3, 3]],
    )
    plans["configurations"]["3d_lowres"] = {"inherits_from": "3d_fullres", "spacing": [9, 9, 9]}
    spec = import_nnunet(write_nnunet(tmp_path / "old", [network()], plans), Words()).spec
    assert spec.network.arguments["widths"] == [4, 8, 8]


def test_each_channel_is_normalised_as_the_plans_say():
    plans = nnunet_plans()
    schemes = ["CTNormalization", "ZScoreNormalization", "NoNormalization", "RescaleTo01Normalization"]
    configuration = {"normalization_schemes": schemes, "use_mask_for_norm": [False, True, False, False]}
    steps = intensity_steps(plans, configuration, 4)
    assert [(step["operation"], step["channels"]) for step in steps] == [
        ("window_intensity", [0]),
        ("normalize_zscore", [1]),
        ("normalize_percentile", [3]),
    ]
    window = steps[0]["arguments"]
    assert (window["low"], window["high"]) == (-1.5, 2.5)
    assert steps[1]["arguments"] == {"region": "nonzero"}


@pytest.mark.parametrize(
    ("changes", "labels", "said"),
    [
        ({"previous_stage": "3d_lowres"}, None, "does not lie beside it"),
        ({"resampling_fn_data": "my_function"}, None, "resampling_fn_data is my_function"),
        ({"normalization_schemes": ["Mine"]}, None, "normalised by Mine"),
        ({"architecture": {"network_class_name": "a.Mamba", "arch_kwargs": {}}}, None, "a Mamba"),
        ({}, {"background": 0, "whole": [1, 2], "core": [2]}, "regions_class_order has 0 entries"),
        ({}, {"background": 0, "a": 2, "b": 3}, "numbered [0, 2, 3]"),
        ({}, {"background": 0, "a": 1}, "does not fit"),
        ({"patch_size": None}, None, "lacks or misstates"),
    ],
)
def test_what_cannot_be_carried_over_is_refused_with_the_reason(tmp_path, changes, labels, said):
    folder = write_nnunet(tmp_path / "trained", [network()], nnunet_plans(**changes), labels)
    with pytest.raises(MedAIError) as caught:
        import_nnunet(folder, Words())
    assert said in str(caught.value)


def test_regions_become_labels_named_after_what_paints_them(tmp_path):
    folder = write_nnunet(tmp_path / "trained", [network()], labels=REGIONS, order=[1, 3, 2])
    model = import_nnunet(folder, Words())
    assert model.spec.outputs.labels == ("background", "whole", "edge", "core")
    assert model.spec.outputs.regions == (1, 3, 2)
    saved = save_folder(model, tmp_path / "ours")
    assert saved.spec == model.spec


def test_a_cascade_travels_with_its_first_stage(tmp_path):
    model = save_folder(import_nnunet(write_cascade(tmp_path / "theirs"), Words()), tmp_path / "ours")
    assert model.spec.previous == ("liver", "spleen")
    assert model.previous.spec.spacing == (7, 4.5, 4.5)
    with pytest.raises(MedAIError, match="second stage of a cascade"):
        prepare(model.spec, noise_image((8, 16, 16), (5, 3, 3)))  # as an explanation of it would
    pack_folder(tmp_path / "ours", tmp_path / "ours.zip")
    with unpacked_folder(tmp_path / "ours.zip") as folder:
        again = load_folder(folder)
        copied = copied_folder(folder, tmp_path / "place")
    assert again.digest == model.digest == load_folder(copied).digest
    weights = copied / "previous" / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-4])
    with pytest.raises(MedAIError, match="safetensors"):
        load_folder(copied)
    (copied / "previous" / "model.json").unlink()
    with pytest.raises(MedAIError, match=r"no model\.json"):
        load_folder(copied)


def test_an_ignore_label_is_no_class(tmp_path):
    labels = {"background": 0, "liver": 1, "spleen": 2, "ignore": 3}
    folder = write_nnunet(tmp_path / "trained", [network()], labels=labels)
    assert import_nnunet(folder, Words()).spec.outputs.labels == ("background", "liver", "spleen")


class Planted:
    """Pickles to something that writes a file when opened."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.write_text, (Path(self.path), "gotcha")


def test_a_checkpoint_that_would_run_code_is_refused_unopened(tmp_path):
    import torch

    trap = tmp_path / "trap.txt"
    folder = write_nnunet(tmp_path / "trained", [network()])
    weights = folder / "fold_0/checkpoint_final.pth"
    good = weights.read_bytes()
    for content in (Planted(trap), {"network_weights": {"a": Planted(trap)}}):
        torch.save(content, weights)
        with pytest.raises(MedAIError, match="more than weights"):
            import_nnunet(folder, Words())
    weights.write_bytes(pickle.dumps(Planted(trap)))
    with pytest.raises(MedAIError, match="weights"):
        import_nnunet(folder, Words())
    assert not trap.exists()
    weights.write_bytes(good[: len(good) // 2])
    with pytest.raises(MedAIError, match="cannot be read"):
        import_nnunet(folder, Words())


def test_plans_that_are_no_json_are_refused(tmp_path):
    folder = write_nnunet(tmp_path / "trained", [network()])
    (folder / "plans.json").write_text("[" * 100_000)
    with pytest.raises(MedAIError, match="not valid JSON"):
        import_nnunet(folder, Words())
    (folder / "plans.json").write_text(json.dumps([1]))
    with pytest.raises(MedAIError, match="no entries"):
        import_nnunet(folder, Words())
