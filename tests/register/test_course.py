"""Registration on its way: presets, pictures of what has been found, and an early end."""

from __future__ import annotations

import numpy as np
from pairs import FLAT, bend, body, move, moved

from napari_medai.core.errors import Finish
from napari_medai.register import register_images
from napari_medai.register.presets import settle


def test_it_can_end_early_with_what_it_has():
    fixed = body(FLAT)
    moving = moved(fixed, bend(FLAT))
    heard = []

    def enough(step):
        if step.message == "Deforming":
            heard.append(step)
            if len(heard) == 40:
                raise Finish

    options = {"preset": "slices", "device": "cpu"}
    early = register_images(fixed, moving, **options, progress=enough)
    whole = register_images(fixed, moving, **options)
    assert "Ended early" in early.warped.meta["notices"][0]
    assert "notices" not in whole.warped.meta
    assert not np.array_equal(early.warped.array, whole.warped.array)
    assert early.quality["explained_after"] > early.quality["explained_before"]


def test_it_shows_what_it_has_found_so_far():
    fixed, pictures, shares = body(FLAT), {}, []

    def watch(step):
        shares.extend(step.values.values())
        if step.preview is not None:
            pictures[id(step.preview)] = step.preview

    register_images(
        fixed, moved(fixed, bend(FLAT)), preset="slices", effort="fast", device="cpu", progress=watch
    )
    shown = [make() for make in pictures.values()]
    sizes = [image.array.size for image in shown]
    assert len(shown) > 1
    assert sizes == sorted(set(sizes))
    for image in shown:
        assert np.allclose(_outline(image.geometry), _outline(fixed.geometry))
    assert shares[-1] > shares[0]


def _outline(geometry):
    return geometry.index_to_world([[-0.5] * geometry.ndim, np.array(geometry.shape) - 0.5])


def test_a_preset_gives_way_to_what_is_asked_for():
    usual = settle("other_patient_body", None, None, None)
    assert (usual.transform, usual.measure, usual.smoothness) == ("deformable", "intensity", 1.5)
    asked = settle("same_patient", "affine", "ssd", 0.5)
    assert (asked.transform, asked.measure, asked.smoothness) == ("affine", "ssd", 0.5)
    fixed = body(FLAT)
    assert register_images(fixed, moved(fixed, move(ndim=2)), device="cpu").transform.is_affine
