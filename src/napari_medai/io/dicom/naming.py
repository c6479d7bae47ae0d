"""What the images of one series are called: by what sets them apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from napari_medai.io.dicom.stack import Stack

_DIFFERENCES: tuple[tuple[Callable[[Stack], Any], Callable[[Any], str]], ...] = (
    (lambda s: s.first.traits.get("localizer"), lambda v: "localizer" if v else ""),
    (lambda s: s.first.traits.get("component"), lambda v: str(v).lower()),
    (lambda s: s.first.traits.get("echo"), lambda v: f"TE {v:g} ms" if v is not None else ""),
    (lambda s: s.first.traits.get("image_type"), lambda v: " ".join(v[2:]).lower()),
    (lambda s: s.first.traits.get("stack"), lambda v: f"stack {v}" if v else ""),
)


def named(stacks: list[Stack], name: str) -> list[Stack]:
    """Name images by their series, with what sets them apart, else numbered."""
    if len(stacks) == 1:
        return [replace(stacks[0], name=name)]
    suffixes: list[list[str]] = [[] for _ in stacks]
    for value_of, describe in _DIFFERENCES:
        values = [value_of(stack) for stack in stacks]
        if len(set(values)) > 1 and len({tuple(suffix) for suffix in suffixes}) < len(stacks):
            for suffix, value in zip(suffixes, values, strict=True):
                suffix.append(describe(value))
    names = [", ".join(part for part in suffix if part) for suffix in suffixes]
    repeated = Counter(names)
    seen: Counter[str] = Counter()
    result = []
    for stack, difference in zip(stacks, names, strict=True):
        seen[difference] += 1
        parts = [difference] if difference else []
        if repeated[difference] > 1:
            parts.append(str(seen[difference]))
        result.append(replace(stack, name=" - ".join([name, *parts])))
    return result
