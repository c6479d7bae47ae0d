"""A MONAI bundle is read as data; expressions and strangers are refused."""

from pathlib import Path

import pytest
from foreign_models import bundle_network, bundle_steps, write_bundle

from napari_medai import MedAIError
from napari_medai.models.imports.bundle import import_bundle, is_bundle
from napari_medai.models.imports.words import Words


class Planted:
    """Pickles to something that writes a file when opened."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.write_text, (Path(self.path), "gotcha")


def test_a_bundle_becomes_a_model_with_the_same_scores(tmp_path):
    import torch
    from monai.networks.nets import UNet

    folder = write_bundle(tmp_path / "bundle")
    assert is_bundle(folder)
    model = import_bundle(folder, Words())
    spec = model.spec
    assert (spec.name, spec.licence, spec.citation) == ("small-bundle", "Apache-2.0", "Someone 2024")
    assert spec.outputs.labels == ("background", "liver", "spleen")
    assert (spec.tile, spec.spacing, spec.windows.overlap) == ((16, 16, 24), (1.5, 1.5, 2.0), 0.25)
    assert (spec.preparation.orientation, spec.preparation.axes) == ("RAS", (2, 1, 0))
    assert spec.intensity[0].operation == "window_intensity"
    original = UNet(3, 1, 3, (4, 8), (2,), num_res_units=1, norm="batch").eval()
    original.load_state_dict(torch.load(folder / "models/model.pt", weights_only=True))
    x = torch.randn(1, 1, 16, 16, 24)
    with torch.inference_mode():
        assert torch.equal(model.network(x), original(x))


@pytest.mark.parametrize(
    ("network", "said"),
    [
        ({"channels": "$[4 * 2**i for i in range(2)]"}, "expression"),
        ({"norm": ["$print", {}]}, "expression"),
        ({"out_channels": "@classes"}, "expression"),
        ({"_target_": "scripts.mine.Net"}, "known: UNet"),
        ({"_target_": "os.system"}, "known: UNet"),
        ({"_target_": "evil.UNet"}, "known: UNet"),
        ({"act": "RELU"}, "act = 'RELU'"),
        ({"colour": 1}, "which is not known here"),
        ({"norm": "group"}, "normalises by 'group'"),
        ({"channels": [4, 16]}, "does not fit"),
    ],
)
def test_a_network_that_is_no_plain_data_of_the_list_is_refused(tmp_path, network, said):
    folder = write_bundle(tmp_path / "bundle", bundle_network(**network))
    with pytest.raises(MedAIError) as caught:
        import_bundle(folder, Words())
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("step", "said"),
    [
        ({"_target_": "Lambdad", "func": "$lambda x: x"}, "expression"),
        ({"_target_": "Spacingd", "pixdim": "$[1, 1, 1]"}, "expression"),
        ({"_target_": "RandGaussianNoised"}, "RandGaussianNoise, which is not known"),
        ({"_target_": "Orientationd", "axcodes": "PIR"}, "known: RAS, LPS"),
        ({"_target_": "ScaleIntensityRanged", "a_min": 0, "a_max": 1}, "does not clip"),
        ({"_target_": "NormalizeIntensityd", "subtrahend": 3.0}, "subtrahend"),
    ],
)
def test_a_step_that_is_not_known_is_refused(tmp_path, step, said):
    folder = write_bundle(tmp_path / "bundle", steps=[*bundle_steps(), step])
    with pytest.raises(MedAIError) as caught:
        import_bundle(folder, Words())
    assert said in str(caught.value)


def test_references_in_a_circle_and_windows_of_no_size_are_refused(tmp_path):
    with pytest.raises(MedAIError, match="circle"):
        import_bundle(write_bundle(tmp_path / "a", roi="@other", other="@roi"), Words())
    with pytest.raises(MedAIError, match="needed 3 numbers"):
        import_bundle(write_bundle(tmp_path / "b", roi=[16, 16]), Words())


def test_weights_that_would_run_code_are_refused_unopened(tmp_path):
    trap = tmp_path / "trap.txt"
    folder = write_bundle(tmp_path / "bundle", content={"state_dict": {"a": Planted(trap)}})
    with pytest.raises(MedAIError, match="more than weights"):
        import_bundle(folder, Words())
    assert not trap.exists()
