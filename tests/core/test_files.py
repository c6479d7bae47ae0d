"""A file is written whole or not at all."""

import pytest

from napari_medai.core.errors import WriteError
from napari_medai.core.files import write_text, written_beside


def write_half(path):
    with written_beside(path) as partial:
        partial.write_text("half")
        raise OSError(28, "No space left on device")


def test_an_old_file_stays_when_writing_fails(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("old")
    with pytest.raises(WriteError, match=r"table\.csv could not be written: No space left"):
        write_half(path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(WriteError, match="no folder 'absent'"):
        write_text(tmp_path / "absent" / "a.txt", "text")


def test_a_text_replaces_the_old_one(tmp_path):
    path = tmp_path / "a.txt"
    for text in ("one", "zwei ü"):
        write_text(path, text)
        assert path.read_text(encoding="utf-8") == text
