"""A model written for another program gives the same scores there."""

from importlib.util import find_spec

import numpy as np
import pytest
from small_models import random_model

from napari_medai import MedAIError
from napari_medai.models import exporting
from napari_medai.models.exports import export_network
from napari_medai.models.spec import read_spec

ENDINGS = {"onnx": ".onnx", "openvino": ".xml", "torchscript": ".torchscript"}


@pytest.mark.parametrize("kind", ENDINGS)
def test_an_export_agrees_and_brings_the_description(tmp_path, kind):
    missing = [p for p in exporting.EXPORTERS[kind].packages if find_spec(p) is None]
    if missing:
        with pytest.raises(MedAIError, match="not installed"):
            export_network(random_model(), tmp_path / "out", kind)
        pytest.skip(f"{' and '.join(missing)} not installed")
    model = random_model()
    written = export_network(model, tmp_path / "out", kind)
    assert written.difference < 1e-4
    assert read_spec(tmp_path / "out" / "model.json") == model.spec
    file = tmp_path / "out" / f"network{ENDINGS[kind]}"
    image = np.random.default_rng(1).normal(size=(1, 1, 16, 16)).astype(np.float32)
    import torch

    with torch.inference_mode():
        wanted = model.network(torch.from_numpy(image)).numpy()
    np.testing.assert_allclose(exporting.EXPORTERS[kind].run(file, image), wanted, atol=1e-4)
    with pytest.raises(MedAIError, match="exists already"):
        export_network(model, tmp_path / "out", kind)


def test_an_export_that_disagrees_is_not_kept(tmp_path, monkeypatch):
    exporter = exporting.EXPORTERS["torchscript"]
    wrong = exporting.Exporter(exporter.packages, exporter.write, lambda path, x: exporter.run(path, x) + 1)
    monkeypatch.setitem(exporting.EXPORTERS, "torchscript", wrong)
    with pytest.raises(MedAIError, match="scores differ"):
        export_network(random_model(), tmp_path / "out", "torchscript")
    assert list(tmp_path.iterdir()) == []
