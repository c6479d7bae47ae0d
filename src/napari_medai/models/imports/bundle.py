"""A MONAI bundle read as data, as a model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from napari_medai.core.errors import ModelError
from napari_medai.models.imports.bundle_network import our_network
from napari_medai.models.imports.bundle_steps import Seen, prepared_by
from napari_medai.models.imports.tensors import read_tensors
from napari_medai.models.imports.words import Words
from napari_medai.models.model import Model
from napari_medai.models.plain_json import read_entries
from napari_medai.models.spec import SCHEMA, ModelSpec
from napari_medai.models.weights import fill_network

METADATA = Path("configs/metadata.json")
CONFIGS = tuple(Path("configs") / name for name in ("inference.json", "evaluate.json", "train.json"))
WEIGHTS = tuple(Path("models") / name for name in ("model.safetensors", "model.pt", "model.pth"))
MAX_JSON_BYTES = 5_000_000
KEYS = ("network_def", "network")


def is_bundle(folder: Path) -> bool:
    """Say whether a folder looks like a MONAI bundle."""
    return (folder / METADATA).is_file()


def import_bundle(folder: Path, words: Words) -> Model:
    """Turn a MONAI bundle into a model; no expression in it is evaluated.

    Parameters
    ----------
    folder : pathlib.Path
        Holds ``configs/metadata.json``, ``configs/inference.json`` and ``models/model.pt``.
    words : Words
        Name, version, licence and citation, where the bundle does not say them.

    Returns
    -------
    Model
        A segmentation or classification model.

    Raises
    ------
    ModelError
        If a network, step or argument is not known, or is an expression (``$...``).
    """
    about = read_entries(folder / METADATA, MAX_JSON_BYTES)
    configs = (folder / name for name in CONFIGS)
    config = next((read_entries(path, MAX_JSON_BYTES) for path in configs if path.is_file()), None)
    if config is None:
        raise ModelError(f"{folder} has none of {', '.join(map(str, CONFIGS))}.", hint="YAML is not read.")
    definition = next((config[key] for key in KEYS if isinstance(config.get(key), dict)), None)
    if definition is None:
        raise ModelError(f"{folder}: the configuration describes no network_def.")
    weights = next((folder / name for name in WEIGHTS if (folder / name).is_file()), None)
    if weights is None:
        raise ModelError(f"{folder} has none of {', '.join(map(str, WEIGHTS))}.")
    try:
        spec = _described(about, plain(config, config), plain(definition, config), words, folder.name)
    except (KeyError, TypeError, IndexError, AttributeError) as error:
        raise ModelError(f"{folder}: the bundle lacks or misstates an entry: {error!r}.") from error
    network = fill_network(spec, read_tensors(weights), str(weights))
    return Model(spec, network, _card(folder, spec, about))


def plain(value: Any, config: Mapping[str, Any], depth: int = 0) -> Any:
    """Replace references (``@name``) to what the configuration itself states; leave expressions as texts.

    Raises
    ------
    ModelError
        If a reference leads nowhere or in a circle.
    """
    if depth > 20:
        raise ModelError("The bundle's references lead in a circle.")
    if isinstance(value, dict):
        return {key: plain(entry, config, depth + 1) for key, entry in value.items()}
    if isinstance(value, list):
        return [plain(entry, config, depth + 1) for entry in value]
    if isinstance(value, str) and value.startswith("@") and value[1:] in config:
        return plain(config[value[1:]], config, depth + 1)
    return value


def _described(about: Any, config: Any, definition: Any, words: Words, name: str) -> ModelSpec:
    kind, ndim, inputs, arguments, task = our_network(definition)
    formats = about.get("network_data_format", {})
    image = next(iter(formats["inputs"].values()))
    answer = next(iter(formats["outputs"].values()))
    seen = prepared_by(config, ndim, image)
    labels = _names(answer, "class")
    citations = [str(c) for c in about.get("references", [])[:3]]
    said = words.filled(str(about.get("name") or name), str(about.get("license", "")), "; ".join(citations))
    entries = {
        "schema": SCHEMA,
        **said,
        "task": task,
        "network": {"name": kind, "arguments": arguments},
        "channels": _names({**image, "num_channels": inputs}, "image"),
        "spacing": seen.spacing,
        "intensity": seen.intensity,
        "tile": seen.tile,
        "outputs": {"labels" if task == "segmentation" else "classes": labels},
        "training": {"made_with": "MONAI bundle", "bundle_version": str(about.get("version", ""))},
        "windows": {"overlap": seen.overlap},
        "preparation": _preparation(seen, ndim),
    }
    return ModelSpec.model_validate(entries)


def _preparation(seen: Seen, ndim: int) -> dict[str, Any]:
    """MONAI's arrays run (x, y, z), ours (z, y, x)."""
    axes = tuple(reversed(range(ndim)))
    return {"orientation": seen.orientation, "axes": axes}


def _names(entry: Mapping[str, Any], usual: str) -> list[str]:
    said = entry.get("channel_def", {})
    count = int(entry["num_channels"])
    return [str(said.get(str(k), f"{usual} {k}")) for k in range(count)]


def _card(folder: Path, spec: ModelSpec, about: Mapping[str, Any]) -> str:
    said = str(about.get("description", "")).strip()
    readme = folder / "docs" / "README.md"
    further = readme.read_bytes()[:200_000].decode("utf-8", "replace") if readme.is_file() else ""
    return f"# {spec.name}\n\n{said}\n\nMade from a MONAI bundle.\n\n{further}\n"
