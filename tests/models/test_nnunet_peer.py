"""Our labels are those of the real nnU-Net: plain, by regions, and in a cascade."""

from pathlib import Path

import numpy as np
import pytest
from nnunet_cases import CASES, peer_image

from napari_medai import read, write
from napari_medai.models import load_folder, save_folder
from napari_medai.models.imports.nnunet import import_nnunet
from napari_medai.models.imports.words import Words
from napari_medai.models.pipeline import How, segment_image

STORED = Path(__file__).parent / "reference" / "nnunet.npz"


@pytest.mark.parametrize("name", CASES)
def test_our_labels_are_nnunets(name, tmp_path):
    imported = import_nnunet(CASES[name](tmp_path / "theirs"), Words(licence="CC0-1.0"))
    save_folder(imported, tmp_path / "ours")
    model = load_folder(tmp_path / "ours")
    write(peer_image(), tmp_path / "image.nii.gz")
    (image,) = read(tmp_path / "image.nii.gz")
    labels = segment_image(model, image, how=How(mirrored=False))
    with np.load(STORED) as stored:
        wanted = stored[name]
    assert len(np.unique(wanted)) >= 3
    # nnU-Net adds windows up with 16 bits, and the scores of random weights lie close together
    assert np.mean(labels.array == wanted) > 0.998
    for value in np.unique(wanted):
        mine, theirs = labels.array == value, wanted == value
        assert 2 * (mine & theirs).sum() / (mine.sum() + theirs.sum()) > 0.99
