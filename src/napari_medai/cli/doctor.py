"""``napari-medai doctor``: what this installation has, and what it lacks."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from importlib import metadata

import click

_QT = ("PyQt6", "PySide6", "PyQt5", "PySide2")
_EXTRAS = {
    "napari": "the viewer: pip install 'napari-medai[napari]'",
    "openvino": "faster networks on Intel processors: pip install 'napari-medai[openvino]'",
    "distributed": "batches on a cluster: pip install 'napari-medai[cluster]'",
}
_CODECS = {
    "RLE": "1.2.840.10008.1.2.5",
    "JPEG baseline": "1.2.840.10008.1.2.4.50",
    "JPEG extended": "1.2.840.10008.1.2.4.51",
    "JPEG lossless": "1.2.840.10008.1.2.4.70",
    "JPEG-LS lossless": "1.2.840.10008.1.2.4.80",
    "JPEG-LS near-lossless": "1.2.840.10008.1.2.4.81",
    "JPEG 2000 lossless": "1.2.840.10008.1.2.4.90",
    "JPEG 2000": "1.2.840.10008.1.2.4.91",
    "HTJ2K lossless": "1.2.840.10008.1.2.4.201",
    "HTJ2K": "1.2.840.10008.1.2.4.203",
}


@click.command("doctor")
def command() -> int:
    """Say versions, processor, codecs and models, and what is missing; exit code 1 if something is."""
    missing: list[str] = []
    for title, section in (
        ("Python and machine", _machine()),
        ("Settings", _settings(missing)),
        ("Packages", _packages(missing)),
        ("Extras", _extras()),
        ("Processors for networks", _processors(missing)),
        ("DICOM codecs", _codecs(missing)),
        ("Models", _models(missing)),
    ):
        click.secho(title, bold=True)
        for name, fact in section:
            click.echo(f"  {name:<24} {fact}")
    click.secho("Missing", bold=True)
    click.echo("\n".join(f"  {m}" for m in missing) or "  nothing")
    return int(bool(missing))


def _machine() -> Iterator[tuple[str, str]]:
    from napari_medai.core.history import package_version

    yield "napari-medai", package_version()
    yield "Python", f"{platform.python_version()} ({platform.system()} {platform.machine()})"
    yield "processor cores", str(_usable_cores())
    memory = _memory_gb()
    yield "memory", f"{memory:.1f} GB" if memory else "unknown on this system"


def _settings(missing: list[str]) -> Iterator[tuple[str, str]]:
    from napari_medai.core.errors import MedAIError
    from napari_medai.core.settings import VARIABLES, explained

    try:
        found = explained()
    except MedAIError as error:
        missing.append(str(error))
        return
    for name, (value, origin) in found.items():
        shown = value if value != "" else "none"
        yield (
            name.replace("_", " "),
            f"{shown} ({f'{VARIABLES[name]} is not set' if origin == 'default' else origin})",
        )


def _usable_cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _memory_gb() -> float | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    except (AttributeError, ValueError, OSError):
        return None


def _packages(missing: list[str]) -> Iterator[tuple[str, str]]:
    from packaging.requirements import Requirement

    for line in metadata.requires("napari-medai") or ():
        needed = Requirement(line)
        if needed.marker is not None and not needed.marker.evaluate({"extra": ""}):
            continue
        found = _version(needed.name)
        if found is None or not needed.specifier.contains(found, prereleases=True):
            missing.append(f'{needed.name}{needed.specifier}: pip install "{needed.name}{needed.specifier}"')
        yield needed.name, found or "not installed"


def _extras() -> Iterator[tuple[str, str]]:
    for name, purpose in _EXTRAS.items():
        yield name, _version(name) or f"not installed ({purpose})"
    bindings = [f"{name} {_version(name)}" for name in _QT if _version(name)]
    yield "Qt binding", ", ".join(bindings) or "none (the viewer needs one: pip install PyQt6)"


def _processors(missing: list[str]) -> Iterator[tuple[str, str]]:
    from napari_medai.core.device import resolve_device
    from napari_medai.core.errors import MedAIError

    try:
        yield "device", resolve_device("auto")
    except MedAIError as error:
        missing.append(str(error))
        return
    import torch

    yield "threads", str(torch.get_num_threads())
    for index in range(torch.cuda.device_count()):
        card = torch.cuda.get_device_properties(index)
        yield f"cuda:{index}", f"{card.name}, {card.total_memory / 1e9:.0f} GB"


def _codecs(missing: list[str]) -> Iterator[tuple[str, str]]:
    from pydicom.pixels import get_decoder
    from pydicom.uid import UID

    for name, uid in _CODECS.items():
        decoder = get_decoder(UID(uid))
        if decoder.is_available:
            yield name, ", ".join(decoder.available_plugins)
        else:
            missing.append(f"no decoder for DICOM {name}: pip install --upgrade napari-medai")
            yield name, "none"


def _models(missing: list[str]) -> Iterator[tuple[str, str]]:
    from napari_medai.core.errors import MedAIError
    from napari_medai.models.store import list_models

    try:
        known = list_models()
    except MedAIError as error:
        missing.append(str(error))
        return
    if not known:
        missing.append("no model: pip install --force-reinstall --no-deps napari-medai")
    for name, spec in known.items():
        yield name, f"version {spec.version}, {spec.task}: {', '.join(spec.results)}"


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
