"""Write docs/reference: one page a group, one section an operation, from the declarations.

Run as ``python scripts/make_reference.py``; ``--check`` writes nothing and fails where a page is stale.
"""

from __future__ import annotations

import sys
from pathlib import Path

from napari_medai import catalog
from napari_medai.core.reference import group_page

FOLDER = Path(__file__).parents[1] / "docs" / "reference"


def pages() -> dict[str, str]:
    """Return every page by its file name."""
    groups = dict.fromkeys(o.group for o in catalog.operations().values() if o.group in catalog.GROUPS)
    texts = {f"{group}.md": group_page(group, catalog.of_group(group)) for group in sorted(groups)}
    links = "\n".join(f"- [{Path(name).stem}]({name})" for name in texts)
    title = "# Reference\nEvery operation with its inputs, settings, result and sources.\n"
    return {"README.md": f"{title}\n{links}\n", **texts}


def stale(wanted: dict[str, str]) -> list[str]:
    """Return the names of pages that are missing, old, or no longer wanted."""
    found = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.md")}
    return sorted(n for n in wanted.keys() | found.keys() if wanted.get(n) != found.get(n))


def main() -> int:
    """Write the pages, or say which are stale."""
    wanted = pages()
    old = stale(wanted)
    if "--check" in sys.argv[1:]:
        print("\n".join(f"docs/reference/{name} is stale: run scripts/make_reference.py" for name in old))
        return int(bool(old))
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name in old:
        if name in wanted:
            (FOLDER / name).write_text(wanted[name], encoding="utf-8")
        else:
            (FOLDER / name).unlink()
        print(f"wrote docs/reference/{name}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
