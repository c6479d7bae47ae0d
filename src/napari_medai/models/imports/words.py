"""What a foreign model's files often do not say."""

from __future__ import annotations

import re
from dataclasses import dataclass

UNSTATED = "not stated by its makers: ask them before you use it"


@dataclass(frozen=True)
class Words:
    """Name, version, licence and citation of an imported model; empty ones are found or admitted.

    Parameters
    ----------
    name, version, licence, citation : str
        As in ``model.json``.
    """

    name: str = ""
    version: str = "1.0.0"
    licence: str = ""
    citation: str = ""

    def filled(self, name: str, licence: str = "", citation: str = "") -> dict[str, str]:
        """Return all four, taken from what was found where nobody said them."""
        return {
            "name": slug(self.name or name),
            "version": self.version,
            "licence": self.licence or licence or UNSTATED,
            "citation": self.citation or citation or UNSTATED,
        }


def slug(text: str) -> str:
    """Return a text as the name of a model: small letters, digits, and - for the rest."""
    return re.sub(r"[^a-z0-9.]+", "-", text.lower()).strip("-.")[:64] or "model"
