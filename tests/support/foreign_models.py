"""Folders as other makers' programs write them, with random weights."""

import json
import re


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
        "patch_size": [8, 16, 16],
        "spacing": [5.0, 3.0, 3.0],
        "normalization_schemes": ["CTNormalization"],
        "use_mask_for_norm": [False],
        "resampling_fn_data": "resample_data_or_seg_to_shape",
        "resampling_fn_data_kwargs": {**resampling, "order": 3},
        "resampling_fn_probabilities": "resample_data_or_seg_to_shape",
        "resampling_fn_probabilities_kwargs": {**resampling, "order": 1},
        "architecture": {"network_class_name": f"architectures.unet.{kind}", "arch_kwargs": arguments},
        **changes,
    }
    intensities = {"mean": 50.0, "std": 100.0, "percentile_00_5": -100.0, "percentile_99_5": 300.0}
    return {
        "dataset_name": "Dataset077_Torso",
        "plans_name": "nnUNetPlans",
        "image_reader_writer": "SimpleITKIO",
        "transpose_forward": [0, 1, 2],
        "configurations": {"3d_fullres": full},
        "foreground_intensity_properties_per_channel": {"0": intensities},
    }


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
        state[theirs] = tensor
        if theirs.startswith("encoder."):
            state[f"decoder.{theirs}"] = tensor
        if ".seg_layers." in theirs:
            state[theirs.replace(".1.", ".0.")] = tensor[..., :1].clone()
    return state


def write_nnunet(folder, networks, plans=None, labels=None, channels=("CT",)):
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
    (folder / "dataset.json").write_text(json.dumps(about))
    for fold, network in enumerate(networks):
        (folder / f"fold_{fold}").mkdir()
        content = {
            "network_weights": nnunet_names(network),
            "optimizer_state": {"state": {}, "param_groups": [{"lr": 0.01}]},
            "logging": {"mean_fg_dice": [np.float64(0.5), np.float32(0.6)]},
            "_best_ema": np.float64(0.7),
            "init_args": {"configuration": "3d_fullres", "fold": fold},
            "trainer_name": "nnUNetTrainer",
            "inference_allowed_mirroring_axes": (0, 1, 2),
        }
        torch.save(content, folder / f"fold_{fold}" / "checkpoint_final.pth")
    return folder
