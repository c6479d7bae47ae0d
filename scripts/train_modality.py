"""Train a classifier of modality and body part on a folder like MedNIST: one subfolder of pictures a class.

    python scripts/train_modality.py mednist_subset --out /tmp/modality --minutes 3

The same as ``napari-medai train-image-classifier``, with MedNIST's terms written on the model. MedNIST was
gathered by B. J. Erickson (Mayo Clinic) and is under CC BY-SA 4.0: a model of it does not ship.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from napari_medai.train import train_image_classifier

LICENCE = "CC-BY-SA-4.0"
CITATION = (
    "MedNIST, gathered by B. J. Erickson (Department of Radiology, Mayo Clinic) from TCIA, the RSNA Bone Age "
    "Challenge and the NIH Chest X-ray data set"
)


def main() -> None:
    """Train, judge and write the model."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path, help="one subfolder a class")
    parser.add_argument("--out", type=Path, required=True, help="the folder to make")
    parser.add_argument("--minutes", type=float, default=3.0, help="time for the training")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    model = train_image_classifier(
        options.folder,
        out=options.out,
        minutes=options.minutes,
        name="modality-2d",
        licence=LICENCE,
        citation=CITATION,
        seed=options.seed,
        device="cpu",
    )
    print(model.card)


if __name__ == "__main__":
    main()
