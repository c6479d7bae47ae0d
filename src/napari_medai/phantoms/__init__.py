"""Made-up patients: images whose contents are exactly known."""

from typing import TYPE_CHECKING

from napari_medai.core.lazy import lazy_names

if TYPE_CHECKING:
    from napari_medai.phantoms.dicom import write_dicom_series as write_dicom_series
    from napari_medai.phantoms.head import mr_head as mr_head
    from napari_medai.phantoms.lesions import tissue_with_lesion as tissue_with_lesion
    from napari_medai.phantoms.samples import SAMPLES as SAMPLES
    from napari_medai.phantoms.samples import load_sample as load_sample
    from napari_medai.phantoms.samples import write_sample as write_sample
    from napari_medai.phantoms.torso import ct_torso as ct_torso

_NAMES = {
    "SAMPLES": "napari_medai.phantoms.samples",
    "ct_torso": "napari_medai.phantoms.torso",
    "load_sample": "napari_medai.phantoms.samples",
    "mr_head": "napari_medai.phantoms.head",
    "tissue_with_lesion": "napari_medai.phantoms.lesions",
    "write_dicom_series": "napari_medai.phantoms.dicom",
    "write_sample": "napari_medai.phantoms.samples",
}

__all__ = list(_NAMES)

__getattr__, __dir__ = lazy_names(__name__, _NAMES)
