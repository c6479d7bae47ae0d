"""Make the samples beside this script anew: ``python sample_data/make.py [FOLDER]``."""

from __future__ import annotations

import sys
from pathlib import Path

from napari_medai.phantoms.samples import SAMPLES, write_sample


def main() -> None:
    """Write every sample and say how large it is."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
    for key in SAMPLES:
        for path in write_sample(key, folder):
            files = sorted(path.iterdir()) if path.is_dir() else [path]
            size = sum(file.stat().st_size for file in files)
            print(f"{key:18} {path.name:28} {len(files):3} file(s) {size / 1e6:6.2f} MB")


if __name__ == "__main__":
    main()
