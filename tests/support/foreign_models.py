"""Folders as other makers' programs write them, with random weights."""

import json
import re

REGIONS = {"background": 0, "whole": [1, 2, 3], "core": [2, 3], "edge": [3]}
"""Labels of an nnU-Net that finds regions within each other."""


def nnunet_plans(residual=False, **changes):
    """What an nnU-Net's plans.json holds, as far as a prediction needs it."""
    arguments = {
        "n_stages": 3,
        "features_per_stage": [4, 8, 8],
        "conv_op": "torch.nn.modules.conv.Conv3d",
        "kernel_sizes": [[1, 3, 3], [3, 3, 3], [3, 3, 3]],
        "strides": [[1, 1, 1], [1, 2, 2], [2, 2, 2]],
        "n_blocks_per_stage" if residual else "n_conv_per_stage": [1, 2, 1],
        "n_conv_per_stage_decoder": [1, 2],
        "conv_bias": True,
        "norm_op": "torch.nn.modules.instancenorm.InstanceNorm3d",
        "norm_op_kwargs": {"eps": 1e-05, "affine": True},
        "dropout_op": None,
        "nonlin": "torch.nn.LeakyReLU",
        "nonlin_kwargs": {"inplace": True},
    }
    kind = "ResidualEncoderUNet" if residual else "PlainConvUNet"
    resampling = {"is_seg": False, "order_z": 0, "force_separate_z": None}
    full = {
        "preprocessor_name": "DefaultPreprocessor",
        "data_identifier": "nnUNetPlans_3d_fullres",
        "batch_size": 2,
        "batch_dice": False,
        "patch_size": [8, 16, 16],
        "spacing": [5.0, 3.0, 3.0],
        "normalization_schemes": ["CTNormalization"],
        "use_mask_for_norm": [False],
        "resampling_fn_data": "resample_data_or_seg_to_shape",
        "resampling_fn_data_kwargs": {**resampling, "order": 3},
        "resampling_fn_seg": "resample_data_or_seg_to_shape",
        "resampling_fn_seg_kwargs": {"is_seg": True, "order": 1, "order_z": 0, "force_separate_z": None},
        "resampling_fn_probabilities": "resample_data_or_seg_to_shape",
        "resampling_fn_probabilities_kwargs": {**resampling, "order": 1},
        "architecture": {
            "network_class_name": f"dynamic_network_architectures.architectures.unet.{kind}",
            "arch_kwargs": arguments,
            "_kw_requires_import": ["conv_op", "norm_op", "dropout_op", "nonlin"],
        },
        **changes,
    }
    intensities = {"mean": 50.0, "std": 100.0, "percentile_00_5": -100.0, "percentile_99_5": 300.0}
    return {
        "dataset_name": "Dataset077_Torso",
        "plans_name": "nnUNetPlans",
        "image_reader_writer": "SimpleITKIO",
        "label_manager": "LabelManager",
        "experiment_planner_used": "ExperimentPlanner",
        "transpose_forward": [0, 1, 2],
        "transpose_backward": [0, 1, 2],
        "configurations": {"3d_fullres": full},
        "foreground_intensity_properties_per_channel": {"0": intensities},
    }


def cascade_plans():
    """The plans of a cascade: a coarser first stage, and one that gets its labels."""
    plans = nnunet_plans()
    configurations = plans["configurations"]
    low = {"inherits_from": "3d_fullres", "spacing": [7.0, 4.5, 4.5], "next_stage": "3d_cascade_fullres"}
    configurations["3d_lowres"] = {**low, "data_identifier": "nnUNetPlans_3d_lowres"}
    second = {"inherits_from": "3d_fullres", "previous_stage": "3d_lowres"}
    configurations["3d_cascade_fullres"] = second
    return plans


def write_cascade(folder):
    """Write both stages of a trained cascade side by side; return the folder of the second."""
    name = "nnUNetTrainer__nnUNetPlans__"
    plans = cascade_plans()
    stages = {"3d_lowres": nnunet_network(seed=3), "3d_cascade_fullres": nnunet_network(seed=4, inputs=3)}
    for stage, network in stages.items():
        write_nnunet(folder / f"{name}{stage}", [network], plans, configuration=stage)
    return folder / f"{name}3d_cascade_fullres"


def nnunet_network(residual=False, seed=0, inputs=1):
    """The network of those plans, from one channel to three classes."""
    import torch

    from napari_medai.models.networks import make_network

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return make_network(
            "nnunet",
            3,
            inputs,
            3,
            widths=(4, 8, 8),
            strides=((1, 1, 1), (1, 2, 2), (2, 2, 2)),
            kernels=((1, 3, 3), (3, 3, 3), (3, 3, 3)),
            encoder=(1, 2, 1),
            decoder=(1, 2),
            residual=residual,
        ).eval()


def nnunet_names(network):
    """A network's weights under the names that nnU-Net gives them, the duplicates too."""
    patterns = (
        (r"stem\.(\d+)\.(\d)\.(\w+)", r"encoder.stem.convs.\1.{part}.\3"),
        (r"down\.(\d+)\.(\d+)\.first\.(\d)\.(\w+)", r"encoder.stages.\1.blocks.\2.conv1.{part}.\4"),
        (r"down\.(\d+)\.(\d+)\.second\.(\d)\.(\w+)", r"encoder.stages.\1.blocks.\2.conv2.{part}.\4"),
        (r"down\.(\d+)\.(\d+)\.skip\.(\d)\.(\d)\.(\w+)", r"encoder.stages.\1.blocks.\2.skip.\3.{part}.\5"),
        (r"down\.(\d+)\.(\d+)\.(\d)\.(\w+)", r"encoder.stages.\1.0.convs.\2.{part}.\4"),
        (r"raised\.(\d+)\.(\w+)", r"decoder.transpconvs.\1.\2"),
        (r"joined\.(\d+)\.(\d+)\.(\d)\.(\w+)", r"decoder.stages.\1.convs.\2.{part}.\4"),
        (r"head\.(\w+)", r"decoder.seg_layers.1.\1"),
    )
    state = {}
    for name, tensor in network.state_dict().items():
        pattern, theirs = next((p, t) for p, t in patterns if re.fullmatch(p, name))
        match = re.fullmatch(pattern, name)
        groups = match.groups()
        part = ("conv", "norm")[int(groups[-2])] if "{part}" in theirs else ""
        theirs = match.expand(theirs.replace("{part}", part))
        also = theirs.replace(".conv.", ".all_modules.0.").replace(".norm.", ".all_modules.1.")
        for key in {theirs, also}:
            state[key] = tensor
            if key.startswith("encoder."):
                state[f"decoder.{key}"] = tensor
        if ".seg_layers." in theirs:  # that of deep supervision, one level below
            shape = (3, 8, 1, 1, 1) if tensor.ndim > 1 else (3,)
            state[theirs.replace(".1.", ".0.")] = tensor.new_zeros(shape)
    return state


def write_nnunet(
    folder, networks, plans=None, labels=None, channels=("CT",), configuration="3d_fullres", order=None
):
    """Write a trained nnU-Net's folder."""
    import numpy as np
    import torch

    folder.mkdir(parents=True)
    (folder / "plans.json").write_text(json.dumps(plans or nnunet_plans()))
    about = {
        "channel_names": {str(k): name for k, name in enumerate(channels)},
        "labels": labels or {"background": 0, "liver": 1, "spleen": 2},
        "numTraining": 4,
        "file_ending": ".nii.gz",
    }
    if order:
        about["regions_class_order"] = order
    (folder / "dataset.json").write_text(json.dumps(about))
    for fold, network in enumerate(networks):
        (folder / f"fold_{fold}").mkdir()
        content = {
            "network_weights": nnunet_names(network),
            "optimizer_state": {"state": {}, "param_groups": [{"lr": 0.01}]},
            "logging": {"mean_fg_dice": [np.float64(0.5), np.float32(0.6)]},
            "_best_ema": np.float64(0.7),
            "init_args": {"configuration": configuration, "fold": fold},
            "trainer_name": "nnUNetTrainer",
            "inference_allowed_mirroring_axes": (0, 1, 2),
        }
        torch.save(content, folder / f"fold_{fold}" / "checkpoint_final.pth")
    return folder


def bundle_network(**changes):
    """The network block of a bundle."""
    block = {
        "_target_": "monai.networks.nets.UNet",
        "spatial_dims": 3,
        "in_channels": 1,
        "out_channels": 3,
        "channels": [4, 8],
        "strides": [2],
        "num_res_units": 1,
        "norm": "batch",
        **changes,
    }
    return {key: value for key, value in block.items() if value is not ...}


def bundle_steps():
    """The preparing steps of a bundle."""
    return [
        {"_target_": "LoadImaged", "keys": "image"},
        {"_target_": "EnsureChannelFirstd", "keys": "image"},
        {"_target_": "Orientationd", "keys": "image", "axcodes": "RAS"},
        {"_target_": "Spacingd", "keys": "image", "pixdim": [1.5, 1.5, 2.0], "mode": "bilinear"},
        {
            "_target_": "ScaleIntensityRanged",
            "keys": "image",
            "a_min": -57,
            "a_max": 164,
            "b_min": 0.0,
            "b_max": 1.0,
            "clip": True,
        },
        {"_target_": "EnsureTyped", "keys": "image", "device": "@device"},
    ]


def write_bundle(folder, network=None, steps=None, content=None, **changes):
    """Write a MONAI bundle with random weights."""
    import torch
    from monai.networks.nets import UNet

    (folder / "configs").mkdir(parents=True)
    (folder / "models").mkdir()
    about = {
        "name": "Small bundle",
        "version": "0.1.0",
        "license": "Apache-2.0",
        "references": ["Someone 2024"],
        "network_data_format": {
            "inputs": {"image": {"num_channels": 1, "channel_def": {"0": "CT"}}},
            "outputs": {
                "pred": {"num_channels": 3, "channel_def": {"0": "background", "1": "liver", "2": "spleen"}}
            },
        },
    }
    config = {
        "device": "$torch.device('cpu')",
        "roi": [16, 16, 24],
        "network_def": network or bundle_network(),
        "network": "$@network_def.to(@device)",
        "preprocessing": {"_target_": "Compose", "transforms": bundle_steps() if steps is None else steps},
        "inferer": {"_target_": "SlidingWindowInferer", "roi_size": "@roi", "overlap": 0.25},
        **changes,
    }
    (folder / "configs/metadata.json").write_text(json.dumps(about))
    (folder / "configs/inference.json").write_text(json.dumps(config))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        weights = UNet(3, 1, 3, (4, 8), (2,), num_res_units=1, norm="batch").state_dict()
    torch.save(weights if content is None else content, folder / "models/model.pt")
    return folder
