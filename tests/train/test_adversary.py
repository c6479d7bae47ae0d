"""The GAN: its adversary learns, waits, resumes, and the supervised twin stands beside."""

import pytest
import torch
from disc_cases import disc_cases, small_plan

from napari_medai.core.errors import Cancelled
from napari_medai.train import train_model
from napari_medai.train.adversary import Adversarial, build_adversary
from napari_medai.train.objective import ObjectiveSettings, segmentation_objective
from napari_medai.train.plan import GanSettings


@pytest.mark.parametrize(("level", "size"), [("pixel", (32, 32)), ("patch", (4, 4)), ("image", (1, 1))])
@pytest.mark.parametrize("ndim", [2, 3])
def test_each_level_judges_what_it_says(level, size, ndim):
    adversary = build_adversary(GanSettings(level=level, width=4), ndim, 3)
    assert adversary(torch.randn(2, 3, *[32] * ndim)).shape == (2, 1, *size[:1] * ndim)


def test_the_adversary_tells_masks_apart_and_waits_when_it_always_does():
    torch.manual_seed(0)
    settings = GanSettings(level="pixel", width=8, rate=0.01)
    supervised = segmentation_objective(ObjectiveSettings(), 2)
    objective = Adversarial(supervised, settings, 2, 1, 2, "cpu")
    network = torch.nn.Conv2d(1, 2, 1)
    batch = (torch.randn(2, 1, 16, 16), (torch.rand(2, 16, 16) > 0.5).to(torch.uint8))
    for _ in range(60):
        objective(network, batch)
        objective.after_step([batch])
    assert objective.right > 0.79
    before = [p.clone() for p in objective.adversary.parameters()]
    objective.right = 1.0
    objective(network, batch).backward()
    objective.after_step([batch])
    assert all(torch.equal(a, b) for a, b in zip(before, objective.adversary.parameters(), strict=True))
    assert network.weight.grad.abs().sum() > 0


def test_a_gan_is_trained_beside_its_twin_and_resumes_to_the_same_weights(tmp_path):
    cases = disc_cases()
    plan = small_plan(cases, steps=6).model_copy(update={"adversarial": GanSettings(width=4)})

    def stop(step):
        if step.fraction > 0.9:
            raise Cancelled

    with pytest.raises(Cancelled):
        train_model(cases, plan, out=tmp_path / "a", device="cpu", progress=stop)
    resumed = train_model(cases, plan, out=tmp_path / "a", device="cpu", resume=True)
    whole = train_model(cases, plan, out=tmp_path / "b", device="cpu")
    plain = train_model(cases, small_plan(cases, steps=6), out=tmp_path / "c", device="cpu")
    pairs = zip(resumed.network.parameters(), whole.network.parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)
    assert whole.spec.training["supervised_twin"] == plain.spec.training["validation"]
    assert "without the adversary" in whole.card
