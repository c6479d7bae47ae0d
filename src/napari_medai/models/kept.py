"""Prepared images kept between runs, so that several models in a row prepare an image once."""

from __future__ import annotations

import atexit
import hashlib
import json
import weakref
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from threading import RLock
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_medai.core.image import MedicalImage
from napari_medai.core.memory import available_bytes
from napari_medai.core.progress import Progress, Step, silent
from napari_medai.core.settings import settings
from napari_medai.models.prepare import Prepared, prepare
from napari_medai.models.spec import ModelSpec

if TYPE_CHECKING:
    import torch

FREE_SHARE = 0.25
"""Of the free memory: what would take more of it is not kept."""
WORKING_COPIES = 4
"""What preparing takes at its peak, in copies of the image in float32."""
MB = 1_000_000
Key = tuple[str, str]
"""How an image is prepared, and the fingerprint of what went in."""


@dataclass
class _Kept:
    """One prepared image, whose it is, and its copies on devices."""

    prepared: Prepared
    owners: tuple[weakref.ref[Any], ...]
    copies: dict[str, torch.Tensor] = field(default_factory=dict)


_kept: OrderedDict[Key, _Kept] = OrderedDict()
_lock = RLock()  # what an image that goes drops may be dropped by the thread that just looks
_owners: ContextVar[tuple[NDArray[Any], ...]] = ContextVar("owners", default=())
atexit.register(_kept.clear)  # while the libraries that hold the copies are still there


@contextmanager
def kept_with(*images: MedicalImage) -> Iterator[None]:
    """Let what is prepared within be kept as long as these images live.

    Parameters
    ----------
    *images : MedicalImage
        Those a person chose. What is made of them for a run, as their channels joined, lives no longer
        than the run. Nothing is kept of images that are not in memory.

    Notes
    -----
    Where the work is stopped or fails, what was kept for these images is dropped.
    """
    arrays = [image.array for image in images]
    known = all(isinstance(array, np.ndarray) for array in arrays)
    owners = tuple(root_of(array) for array in arrays) if known else ()
    token = _owners.set(owners)
    try:
        yield
    except BaseException:
        _drop({id(owner) for owner in owners})
        raise
    finally:
        _owners.reset(token)


def prepared_once(
    spec: ModelSpec, image: MedicalImage, progress: Progress = silent, *, first_stage: bool = False
) -> Prepared:
    """Prepare an image for a model, unless that was done before and the image is still the same.

    Parameters
    ----------
    spec, image, progress, first_stage
        As for :func:`napari_medai.models.prepare.prepare`.

    Returns
    -------
    Prepared
        Not to be written to. It is kept within :func:`kept_with`, if there is room by the setting
        ``keep_prepared_mb`` and in memory.

    Raises
    ------
    ModelError
        If the image does not fit the model.

    Notes
    -----
    An image is known by a hash of all its voxels, which is taken at every run: an array that was edited in
    place is another image. Two models prepare alike if their descriptions say the same of it.
    """
    owners = _owners.get()
    if not owners or not settings().keep_prepared_mb or (spec.previous and not first_stage):
        return prepare(spec, image, progress, first_stage=first_stage)
    key = (preparation_of(spec), _fingerprint(image))
    with _lock:
        known = _kept.get(key)
        if known is not None:
            _kept.move_to_end(key)
            known.owners = _watched(owners, key)
    if known is not None:
        progress(Step(1, 1, "Prepared before"))
        return known.prepared
    _make_room(image)
    prepared = prepare(spec, image, progress, first_stage=first_stage)
    if _fingerprint(image) == key[1]:  # nobody painted meanwhile
        _keep(key, prepared, owners)
    return prepared


def is_kept(spec: ModelSpec, arrays: Iterable[Any]) -> bool:
    """Whether a preparation of these arrays for a model is kept; they may have been edited since."""
    wanted = {id(root_of(array)) for array in arrays if isinstance(array, np.ndarray)}
    way = preparation_of(spec)
    with _lock:
        return any(key[0] == way and wanted and wanted == _living(one) for key, one in _kept.items())


def copies_of(volume: NDArray[np.float32]) -> dict[str, torch.Tensor] | None:
    """Return the copies, by device, of the kept array that a volume is a part of; none: it is not kept."""
    root = root_of(volume)
    with _lock:
        return next((one.copies for one in _kept.values() if root_of(one.prepared.volume) is root), None)


def drop_copies() -> int:
    """Give back what kept images take on devices; say how many copies there were."""
    with _lock:
        count = sum(len(one.copies) for one in _kept.values())
        for one in _kept.values():
            one.copies.clear()
    return count


def release_prepared() -> int:
    """Drop every prepared image that is kept; say how many there were."""
    with _lock:
        count = len(_kept)
        _kept.clear()
    return count


def preparation_of(spec: ModelSpec) -> str:
    """Return all that a description says of preparing an image, as text: equal where it is the same."""
    steps = [step.model_dump(mode="json") for step in spec.intensity]
    way = spec.preparation.model_dump(mode="json")
    return json.dumps([spec.ndim, len(spec.channels), spec.spacing, way, steps], sort_keys=True)


def _fingerprint(image: MedicalImage) -> str:
    """Return a hash of everything a preparation can see of an image."""
    array = np.ascontiguousarray(image.array)
    grid = image.geometry
    facts = [image.axes, image.kind, array.dtype.str, array.shape, grid.affine.tolist(), grid.unit]
    hasher = hashlib.sha256(json.dumps([*facts, dict(image.meta)], sort_keys=True).encode())
    hasher.update(array.data if array.size else b"")
    return hasher.hexdigest()


def _make_room(image: MedicalImage) -> None:
    """Drop everything where memory is too short for what is kept and the work on another image."""
    if available_bytes() < WORKING_COPIES * image.array.size * np.dtype(np.float32).itemsize:
        release_prepared()


def _keep(key: Key, prepared: Prepared, owners: tuple[NDArray[Any], ...]) -> None:
    size, limit = _size(prepared), settings().keep_prepared_mb * MB
    borrowed = any(root_of(prepared.volume) is owner for owner in owners)  # would change with the image
    if borrowed or size > limit or size > FREE_SHARE * available_bytes():
        return
    with _lock:
        _kept[key] = _Kept(prepared, _watched(owners, key))
        while sum(_size(one.prepared) for one in _kept.values()) > limit:
            _kept.popitem(last=False)


def _size(prepared: Prepared) -> int:
    return root_of(prepared.volume).nbytes


def _watched(owners: Iterable[Any], key: Key) -> tuple[weakref.ref[Any], ...]:
    """Refer to arrays weakly; the first one that goes takes what is kept under a key along."""

    def gone(_: object) -> None:
        with _lock:
            _kept.pop(key, None)

    return tuple(weakref.ref(owner, gone) for owner in owners)


def _drop(owners: set[int]) -> None:
    with _lock:
        for key in [key for key, one in _kept.items() if _living(one) & owners]:
            del _kept[key]


def _living(one: _Kept) -> set[int]:
    return {id(owner) for ref in one.owners if (owner := ref()) is not None}


def root_of(array: NDArray[Any]) -> NDArray[Any]:
    """Return the array that holds the memory of a view."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array
