"""What a person should read of a model before its first use."""

from __future__ import annotations

from napari_medai.models.spec import ModelSpec


def terms(spec: ModelSpec) -> str:
    """Return licence and citation in two lines."""
    return f"Licence: {spec.licence}\nCite: {spec.citation}"


def expects(spec: ModelSpec) -> str:
    """Say in one line what image a model expects."""
    seen = " x ".join(f"{s:g}" for s in spec.spacing) + " mm" if spec.spacing else "the image's own spacing"
    unit = "slices of a volume" if spec.preparation.slicewise else f"{spec.ndim}-D"
    return (
        f"{unit}, {', '.join(spec.channels)}; seen at {seen} in windows of {' x '.join(map(str, spec.tile))}"
    )


def finds(spec: ModelSpec) -> str:
    """Say in one line what a model finds."""
    return f"{spec.task}: {', '.join(spec.results)}"


def model_card(spec: ModelSpec, text: str = "", digest: str = "") -> str:
    """Make the card of a model in Markdown.

    Parameters
    ----------
    spec : ModelSpec
        Its description.
    text : str
        Its own README.
    digest : str
        Its hash.

    Returns
    -------
    str
        A list of the facts, then the README.
    """
    network = spec.network.name + (f", {spec.members} members" if spec.members > 1 else "")
    facts = {
        "Expects": expects(spec),
        "Finds": finds(spec),
        "Network": network,
        "Licence": spec.licence,
        "Cite": spec.citation,
        "Version": spec.version,
        "Hash": digest,
    }
    lines = [f"- **{name}:** {value}" for name, value in facts.items() if value]
    title, _, rest = text.partition("\n") if text.startswith("# ") else (f"# {spec.name}", "", text)
    return "\n".join([title, "", *lines, "", rest.strip(), ""])
