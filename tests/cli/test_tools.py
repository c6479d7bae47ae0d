"""The commands around the operations: doctor, models, samples."""

from importlib import metadata

from napari_medai import read


def test_doctor_names_versions_codecs_and_what_is_missing(command):
    said = command("doctor")
    for word in ("Python", "numpy", metadata.version("numpy"), "JPEG 2000", "HTJ2K", "device", "Missing"):
        assert word in said.out
    assert said.code == (0 if said.out.rstrip().endswith("nothing") else 1)


def test_doctor_says_how_to_get_a_package_that_is_missing(command, monkeypatch):
    from napari_medai.cli import doctor

    found = doctor._version
    monkeypatch.setattr(doctor, "_version", lambda name: None if name == "tifffile" else found(name))
    said = command("doctor")
    assert said.code == 1
    assert 'pip install "tifffile' in said.out.rpartition("Missing")[2]


def test_models_lists_those_at_hand_and_refuses_others(command):
    assert command("models").code == 0
    said = command("models", "no-such-model")
    assert said.code == 2
    assert "no-such-model" in said.err


def test_samples_are_written_into_a_new_folder_only(tmp_path, command):
    assert "mr-head" in command("samples").out
    said = command("samples", "mr-head", "-o", tmp_path / "new")
    assert said.code == 0, said.err
    assert all(line.startswith(str(tmp_path)) for line in said.out.splitlines())
    assert read(tmp_path / "new" / "mr_head.nii.gz")[0].geometry.unit == "mm"
    assert "not empty" in command("samples", "mr-head", "-o", tmp_path / "new").err
    assert command("samples", "xyzzy", "-o", tmp_path / "other").code == 2
