"""A model file from the net: only when asked for, only with its checksum."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from napari_medai.core.errors import ModelError
from napari_medai.core.progress import Progress, Step, silent
from napari_medai.models.package import check_digest

MAX_BYTES = 8_000_000_000
TIMEOUT_S = 30
_BLOCK = 1 << 20


def is_url(text: str) -> bool:
    """Say whether a text is an address on the net and no path."""
    return urlsplit(text).scheme in ("http", "https")


@contextmanager
def downloaded(url: str, sha256: str, progress: Progress = silent) -> Iterator[Path]:
    """Fetch a file; it is gone afterwards.

    Parameters
    ----------
    url : str
        Begins with ``https:`` or ``http:``.
    sha256 : str
        The file's checksum in hex digits, as its makers state it.
    progress : Progress
        Hears every megabyte.

    Yields
    ------
    pathlib.Path
        The file, once its checksum is right.

    Raises
    ------
    ModelError
        If there is no checksum or it is wrong, the address does not answer, or the file is too large.
    """
    if not sha256:
        raise ModelError(
            f"The file at {url} needs a checksum.",
            hint="Give the SHA-256 that its makers state: --sha256 HEX.",
        )
    folder = Path(tempfile.mkdtemp(prefix="napari-medai-"))
    try:
        path = folder / (Path(urlsplit(url).path).name or "model.zip")
        try:
            _fetch(url, path, progress)
        except (URLError, OSError, ValueError) as error:
            raise ModelError(f"{url} cannot be fetched: {error}.", hint="Check the address.") from error
        check_digest(path, sha256, url)
        yield path
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class _WebOnly(HTTPRedirectHandler):
    """Follows a redirection on the net, and none to a local file."""

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        if not is_url(newurl):
            raise ModelError(f"{req.full_url} leads to {newurl}, which is not on the net.")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _fetch(url: str, path: Path, progress: Progress) -> None:
    if not is_url(url):
        raise ValueError("needed an address that begins with https: or http:")
    with build_opener(_WebOnly).open(Request(url), timeout=TIMEOUT_S) as answer, path.open("xb") as file:
        total = int(answer.headers.get("Content-Length") or 0)
        done = 0
        while block := answer.read(_BLOCK):
            done += len(block)
            if max(done, total) > MAX_BYTES:
                raise ModelError(f"{url} is larger than {MAX_BYTES / 1e9:.0f} GB.")
            progress(Step(done, max(total, done), "Downloading"))
            file.write(block)
