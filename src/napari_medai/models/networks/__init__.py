"""Networks by name, from MONAI and of our own."""

from typing import TYPE_CHECKING

from napari_medai.core.lazy import lazy_names

if TYPE_CHECKING:
    from napari_medai.models.networks.table import ENTRIES as ENTRIES
    from napari_medai.models.networks.table import NETWORKS as NETWORKS
    from napari_medai.models.networks.table import NetworkEntry as NetworkEntry
    from napari_medai.models.networks.table import add_network as add_network
    from napari_medai.models.networks.table import build_network as build_network
    from napari_medai.models.networks.table import make_network as make_network
    from napari_medai.models.networks.unets import dynunet as dynunet
    from napari_medai.models.networks.unets import unet as unet

_NAMES = {
    "ENTRIES": "napari_medai.models.networks.table",
    "NETWORKS": "napari_medai.models.networks.table",
    "NetworkEntry": "napari_medai.models.networks.table",
    "add_network": "napari_medai.models.networks.table",
    "build_network": "napari_medai.models.networks.table",
    "make_network": "napari_medai.models.networks.table",
    "unet": "napari_medai.models.networks.unets",
    "dynunet": "napari_medai.models.networks.unets",
}

__getattr__, __dir__ = lazy_names(__name__, _NAMES)
