"""What the real nnU-Net says of small networks with random weights; test_nnunet_peer.py reads it.

    PYTHONPATH=tests/support python tests/models/reference/make_nnunet.py NNUNET_PYTHON

NNUNET_PYTHON is the python of an environment with nnunetv2 (2.8.1 made the stored file).
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from nnunet_cases import CASES, peer_image

import napari_medai as medai

HERE = Path(__file__).parent
PEER = HERE.parents[2] / "benchmarks" / "nnunet_peer.py"


def main():
    """Write each case's folder, let nnU-Net predict, keep its labels."""
    found = {}
    with tempfile.TemporaryDirectory() as home:
        image = Path(home) / "case_0000.nii.gz"
        medai.write(peer_image(), image)
        for name, write in CASES.items():
            folder = write(Path(home) / name)
            result = Path(home) / f"{name}.nii.gz"
            command = [sys.argv[1], str(PEER), "predict", str(folder), str(image), str(result), "plain"]
            subprocess.run(command, check=True, env={"OMP_NUM_THREADS": "1"})
            found[name] = np.asarray(medai.read(result)[0].array, np.uint8)
    np.savez_compressed(HERE / "nnunet.npz", **found)


if __name__ == "__main__":
    main()
