"""What the default installation brings along is free of licences that bind those who use it."""

import re
from importlib.metadata import PackageNotFoundError, distribution

from packaging.requirements import Requirement

COPYLEFT = re.compile(r"GPL|EUPL|General Public|CeCILL", re.IGNORECASE)


def brought_by(name, extra="", found=None):
    """Return the packages that installing one brings, with what each says of its licence."""
    found = {} if found is None else found
    for requirement in map(Requirement, distribution(name).requires or ()):
        wanted = requirement.marker is None or requirement.marker.evaluate({"extra": extra})
        if wanted and requirement.name.lower() not in found:
            try:
                found[requirement.name.lower()] = licence(requirement.name)
            except PackageNotFoundError:  # taken away on purpose, as where torch is
                continue
            brought_by(requirement.name, "", found)
    return found


def licence(name):
    about = distribution(name).metadata
    classifiers = [c for c in about.get_all("Classifier", []) if c.startswith("License ::")]
    # The old free-text field may hold whole licence texts, those of bundled parts among them: its head only.
    return " ".join([about.get("License-Expression", ""), about.get("License", "")[:60], *classifiers])


def test_nothing_in_the_default_installation_is_copyleft():
    brought = brought_by("napari-medai")
    assert {"numpy", "pydicom", "simpleitk"} <= set(brought)
    assert [name for name, said in brought.items() if COPYLEFT.search(said)] == []
    assert [name for name, said in brought.items() if not said.strip()] == []


def test_a_copyleft_licence_is_noticed():
    assert COPYLEFT.search("GPL-3.0-only")
    assert COPYLEFT.search("License :: OSI Approved :: GNU Lesser General Public License v3 (LGPLv3)")
    assert not COPYLEFT.search("BSD-3-Clause")
