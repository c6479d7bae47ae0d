"""B-splines and demons: a known deformation comes back, and they stop when told to."""

from __future__ import annotations

import pytest
from pairs import FLAT, bend, body, inverted, mean_error, move, moved

from napari_medai.core.errors import Cancelled
from napari_medai.register import register_classical


@pytest.mark.parametrize(("method", "change"), [("bspline", inverted), ("demons", lambda image: image)])
def test_a_known_deformation_is_recovered(method, change):
    fixed = body(FLAT)
    turn = move((0, 0, 20.0), (5.0, 5.0), ndim=2)
    truth = bend(FLAT).then(turn)
    result = register_classical(fixed, change(moved(fixed, truth)), method=method, device="cpu")
    assert mean_error(result.transform, truth, fixed) < 0.4 * mean_error(turn, truth, fixed)


@pytest.mark.parametrize("method", ["bspline", "demons"])
def test_it_stops_in_the_midst_of_the_deformation(method):
    fixed = body(FLAT)
    moving = moved(fixed, bend(FLAT))
    said = []

    def stop(step):
        said.append(step.message)
        if step.message == "Deforming":
            raise Cancelled

    with pytest.raises(Cancelled):
        register_classical(fixed, moving, method=method, iterations=500, device="cpu", progress=stop)
    assert said.count("Deforming") == 1
