"""The cases in which our labels are compared with nnU-Net's own."""

from foreign_models import REGIONS, nnunet_network, nnunet_plans, write_cascade, write_nnunet


def peer_image():
    """A small torso, oblique, on another grid than the networks'."""
    from napari_medai.phantoms.torso import ct_torso

    image, _ = ct_torso(5, (14, 20, 18), (9.0, 7.0, 6.5), oblique=True)
    return image


def _lively(network, shift):
    """Let each class win somewhere: larger scores, and no class ahead of the others by itself."""
    import torch

    with torch.no_grad():
        network.head.weight.mul_(20)
        network.head.bias.copy_(torch.tensor(shift))
    return network


def _plain(folder):
    network = _lively(nnunet_network(seed=5), (0.0, 0.0, 0.0))
    return write_nnunet(folder / "nnUNetTrainer__nnUNetPlans__3d_fullres", [network])


def _regions(folder):
    name = "nnUNetTrainer__nnUNetPlans__3d_fullres"
    network = _lively(nnunet_network(seed=2), (0.0, 0.0, 0.0))
    return write_nnunet(folder / name, [network], nnunet_plans(), REGIONS, order=[1, 2, 3])


CASES = {"plain": _plain, "regions": _regions, "cascade": write_cascade}
