"""The napari face: readers, writers and panels over the same operations a script calls."""

from napari_medai.gui.preferences import connect

connect()
