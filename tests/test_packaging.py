"""The wheel of a clean clone holds everything the package needs, and works where nothing else of it is."""

import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = "src/napari_medai/"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (ROOT / ".git").exists(), reason="needs the repository, not an unpacked archive"),
]

RESOLVE = """
import sys
from npe2 import PluginManager
manager = PluginManager.instance()
manager.discover()
contributions = manager.get_manifest("napari-medai").contributions
for kind in ("readers", "writers", "widgets", "sample_data"):
    declared = getattr(contributions, kind)
    assert declared, f"no {kind}"
    for one in declared:
        assert callable(manager.commands.get(one.command)), one
assert "site-packages" in sys.modules["napari_medai"].__file__, sys.modules["napari_medai"].__file__
"""

READ = """
import sys
import nibabel, npe2, numpy
path = sys.argv[1]
npe2.PluginManager.instance().discover()
nibabel.save(nibabel.Nifti1Image(numpy.arange(24, dtype="int16").reshape(2, 3, 4), numpy.eye(4)), path)
((data, attributes, kind),) = npe2.read([path], plugin_name="napari-medai", stack=False)
assert sorted(numpy.asarray(data).ravel().tolist()) == list(range(24)), data
assert kind in ("image", "labels"), kind
"""


def run(*command, cwd):
    """Run a command away from the repository and fail with everything it said."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    done = subprocess.run([str(c) for c in command], cwd=cwd, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, f"{' '.join(map(str, command))}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def make_environment(folder, *pip_arguments, cwd):
    """Make an environment holding the project alone; its dependencies are those of the running one."""
    venv.create(folder, with_pip=False)
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    install = ["install", "--quiet", "--no-deps", "--no-index", "--no-build-isolation", *pip_arguments]
    dependencies = Path(sysconfig.get_paths()["purelib"])
    site = Path(
        run(python, "-c", "import sysconfig; print(sysconfig.get_paths()['purelib'])", cwd=cwd).strip()
    )
    (site / "dependencies.pth").write_text(f"{dependencies}\n", encoding="utf-8")
    run(sys.executable, "-m", "pip", "--python", python, *install, "--ignore-installed", cwd=cwd)
    return python


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clone") / "napari-medai"
    run("git", "clone", "--quiet", ROOT, folder, cwd=folder.parent)
    return folder


@pytest.fixture(scope="module")
def archives(clone, tmp_path_factory):
    """The source archive and the wheel made from it."""
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, clone, cwd=folder)
    (source,), (wheel,) = folder.glob("*.tar.gz"), folder.glob("*.whl")
    return source, wheel


@pytest.fixture(scope="module")
def python(archives, tmp_path_factory):
    """The interpreter of an environment into which the wheel was installed."""
    folder = tmp_path_factory.mktemp("empty")
    return make_environment(folder / "venv", archives[1], cwd=folder)


def test_the_wheel_holds_every_file_of_the_package(clone, archives):
    tracked = run("git", "ls-files", PACKAGE, cwd=clone).split("\n")
    expected = {name.removeprefix("src/") for name in tracked if name}
    with zipfile.ZipFile(archives[1]) as wheel:
        held = {name for name in wheel.namelist() if ".dist-info/" not in name}
        assert held == expected
        assert wheel.read("napari_medai/napari.yaml") == (clone / "napari.yaml").read_bytes()
    assert "napari_medai/py.typed" in held
    assert any(name.startswith("napari_medai/models/shipped/") for name in held)


def test_the_wheel_stays_small(archives):
    assert archives[1].stat().st_size < 10e6  # models of together under 9 MB, and the code


def test_the_source_archive_holds_the_manifest_and_the_link_to_it(archives):
    with tarfile.open(archives[0]) as source:
        members = {m.name.partition("/")[2]: m for m in source.getmembers()}
        manifest = source.extractfile(members["napari.yaml"]).read()
    link = members[PACKAGE + "napari.yaml"]
    assert manifest == (ROOT / "napari.yaml").read_bytes()
    assert (link.issym(), link.linkname) == (True, "../../napari.yaml")


def test_an_editable_install_serves_the_manifest_at_the_top(clone, tmp_path):
    python = make_environment(tmp_path / "venv", "--editable", clone, cwd=tmp_path)
    where = "from importlib.resources import files; print((files('napari_medai') / 'napari.yaml').resolve())"
    assert Path(run(python, "-c", where, cwd=tmp_path).strip()) == (clone / "napari.yaml").resolve()


def test_npe2_accepts_the_installed_manifest(python, tmp_path):
    assert "✔" in run(python, "-X", "utf8", "-m", "npe2", "validate", "napari-medai", cwd=tmp_path)


def test_every_contribution_of_the_installed_plugin_resolves(python, tmp_path):
    run(python, "-c", RESOLVE, cwd=tmp_path)


def test_the_installed_reader_reads(python, tmp_path):
    run(python, "-c", READ, tmp_path / "a.nii.gz", cwd=tmp_path)


def test_the_installed_command_runs(python, tmp_path):
    script = shutil.which("napari-medai", path=str(python.parent))
    assert script, "the wheel installs no command"
    assert "segment" in run(script, "list", cwd=tmp_path)
