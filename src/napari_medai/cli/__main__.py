"""``python -m napari_medai.cli``: the command line where the script is not on the path."""

from napari_medai.cli.app import main

if __name__ == "__main__":
    main()
