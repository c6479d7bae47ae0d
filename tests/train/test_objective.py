"""Losses are least at the truth, heed weights and gaps, and agree with formulas and with MONAI."""

import numpy as np
import pytest
import torch

from napari_medai.core.errors import ArgumentError
from napari_medai.models.networks import dynunet
from napari_medai.train.losses import LOSSES, cross_entropy, dice, shares_of, tversky
from napari_medai.train.objective import (
    ObjectiveSettings,
    SegmentationLoss,
    deeply_supervised,
    segmentation_objective,
)
from napari_medai.train.store import IGNORED


def truth_of(classes=3, ndim=2):
    rng = np.random.default_rng(0)
    return torch.from_numpy(rng.integers(0, classes, (2, *[8] * ndim)).astype(np.uint8))


def scores_of(truth, classes=3, sure=8.0):
    return torch.nn.functional.one_hot(truth.long(), classes).movedim(-1, 1).float() * sure


@pytest.mark.parametrize("ndim", [2, 3])
@pytest.mark.parametrize("name", LOSSES)
def test_the_truth_costs_least_and_the_gradient_leads_there(name, ndim):
    truth = truth_of(ndim=ndim)
    loss = SegmentationLoss(ObjectiveSettings(losses={name: 1.0}), 3)
    right, wrong = scores_of(truth), scores_of((truth + 1) % 3)
    assert loss(right, truth) < loss(wrong, truth)
    torch.manual_seed(0)
    scores = torch.randn(right.shape).requires_grad_()  # pooling has no gradient where all are equal
    (start := loss(scores, truth)).backward()
    assert scores.grad.abs().sum() > 0
    assert loss(scores - 0.05 * scores.grad / scores.grad.norm(), truth) < start


@pytest.mark.parametrize("name", [n for n in LOSSES if n not in ("cldice", "boundary")])
def test_what_nobody_marked_costs_nothing(name):
    truth = truth_of()
    hidden = truth.clone()
    hidden[:, 4:] = IGNORED
    loss = SegmentationLoss(ObjectiveSettings(losses={name: 1.0}), 3)
    scores, other = scores_of(truth, sure=1.0), scores_of(truth, sure=1.0)
    other[:, :, 4:] = torch.randn(other[:, :, 4:].shape)
    assert torch.allclose(loss(scores, hidden), loss(other, hidden))
    assert not torch.allclose(loss(scores, truth), loss(other, truth))


def test_cross_entropy_is_torchs_and_dice_is_monais():
    from monai.losses import DiceLoss

    truth = truth_of()
    scores = torch.randn(2, 3, 8, 8)
    shares, known = shares_of(truth, 3)
    ones, weights = torch.ones(3), torch.tensor([1.0, 2.0, 3.0])
    expected = torch.nn.functional.cross_entropy(scores, truth.long(), weights)
    torch.testing.assert_close(cross_entropy(scores, shares, known, weights), expected)
    peer = DiceLoss(
        include_background=False, to_onehot_y=True, softmax=True, batch=True, smooth_nr=1, smooth_dr=1
    )
    torch.testing.assert_close(dice(scores, shares, known, ones), peer(scores, truth[:, None].long()))
    half = tversky(scores, shares, known, ones, alpha=0.5, beta=0.5)
    assert abs(half - dice(scores, shares, known, ones)) < 0.01


def test_soft_labels_are_the_shares_themselves():
    truth = truth_of()
    shares, known = shares_of(truth, 3)
    loss = SegmentationLoss(ObjectiveSettings(), 3)
    scores = torch.randn(2, 3, 8, 8)
    torch.testing.assert_close(loss(scores, shares), loss(scores, truth))
    assert known.all()


def test_weights_must_be_as_many_as_classes():
    with pytest.raises(ArgumentError, match="2 class weights for 3"):
        SegmentationLoss(ObjectiveSettings(class_weights=(1, 2)), 3)


def test_deep_supervision_reaches_every_level_and_is_gone_afterwards():
    network = dynunet(2, 1, 3, widths=(4, 8, 8, 8), strides=(1, 2, 2, 2), norm="instance")
    deep = deeply_supervised(network, 3)
    batch = (torch.randn(2, 1, 16, 16), torch.randint(0, 3, (2, 16, 16)).to(torch.uint8))
    segmentation_objective(ObjectiveSettings(deep_supervision=True), 3)(deep.train(), batch).backward()
    assert all(head.weight.grad.abs().sum() > 0 for head in deep.heads)
    assert [tuple(s.shape[2:]) for s in deep(batch[0])] == [(16, 16), (8, 8), (4, 4)]
    assert torch.equal(deep.eval()(batch[0]), network.eval()(batch[0]))
