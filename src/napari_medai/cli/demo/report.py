"""The demo's report: one HTML file that needs nothing beside it."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from importlib import resources
from typing import Any

from napari_medai.cli.demo.case import Case, Score, Timing
from napari_medai.cli.demo.pictures import Picture, colour_of
from napari_medai.core.history import Record

_MARK = (
    '<svg class="mark" viewBox="0 0 32 32" aria-hidden="true"><circle cx="16" cy="16" r="13"/>'
    '<path d="M16 3v26M3 16h26"/><circle class="core" cx="16" cy="16" r="5"/></svg>'
)


def page(cases: Sequence[Case], about: Sequence[tuple[str, str]]) -> str:
    """Write the page.

    Parameters
    ----------
    cases : sequence of Case
        Top to bottom.
    about : sequence of (name, value)
        Version, machine and the like, said at the top.

    Returns
    -------
    str
        Complete HTML; pictures and style inside.
    """
    style = resources.files(__package__).joinpath("report.css").read_text(encoding="utf-8")
    links = "".join(f'<a href="#{c.key}">{_text(c.title)}</a>' for c in cases)
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>napari-medai demo</title><style>{style}</style></head><body>
<header><div class="title">{_MARK}<div><h1>napari-medai <span>demo report</span></h1>
<p>Real and sample images: read, prepared, segmented, measured. Point at a picture to see the scan alone.</p>
</div></div>{_facts(about, "about")}<nav>{links}</nav></header>
<main>{"".join(map(_case, cases))}</main>
<footer><p>Every result carries its history and can be made again from it. The CT is a phantom this package
generates; the fundus photograph ships with scikit-image, the MR images with pydicom.
Not a medical device: for research only.</p></footer></body></html>
"""


def _case(case: Case) -> str:
    notices = "".join(f'<p class="notice">{_text(n)}</p>' for n in case.notices)
    return f"""<section id="{case.key}"><div class="head"><h2>{_text(case.title)}</h2>
<span class="time">{case.seconds:.1f} s</span></div>
<p class="story">{_text(case.story)}</p>{notices}
<div class="pictures">{"".join(map(_picture, case.pictures))}</div>{_legend(case)}
<div class="columns"><div><h3>{"Overlap with the truth" if case.scores else "Score"}</h3>
{_scores(case.scores)}
<p class="small">{_text(case.score_note)}</p>{_facts(case.known, "facts known")}
<h3>Input</h3>{_facts(case.facts, "facts")}</div>
<div><h3>Time</h3>{_timings(case.timings)}</div></div>
<h3>Regions</h3>{_table(case.table, case.legend)}
<details><summary>How the result was made</summary>
<ol class="history">{_history(case.history)}</ol></details>
<p class="files">{"".join(map(_file, case.files))}</p></section>"""


def _file(name: str) -> str:
    return f'<a href="{_text(name)}" download>{_text(name)}</a>'


def _picture(shown: Picture) -> str:
    above = f'<img class="above" src="{shown.above}" alt="">' if shown.above else ""
    return (
        f'<figure><div class="stack"><img src="{shown.below}" alt="{_text(shown.caption)}">{above}</div>'
        f"<figcaption>{_text(shown.caption)}</figcaption></figure>"
    )


def _legend(case: Case) -> str:
    chips = "".join(
        f'<li><i style="background:{colour_of(label)}"></i>{_text(name)}</li>'
        for label, name in case.legend.items()
    )
    return f'<ul class="legend">{chips}</ul>' if chips else ""


def _scores(scores: Sequence[Score]) -> str:
    if not scores:
        return ""
    mean = sum(s.dice for s in scores) / len(scores)
    baseline = sum(s.baseline for s in scores) / len(scores)
    rows = "".join(_score(s.name, s.dice, s.baseline, colour_of(s.label)) for s in scores)
    total = _score("mean", mean, baseline, "var(--ink)") if len(scores) > 1 else ""
    return (
        '<table class="scores"><thead><tr><th></th><th>Dice</th><th></th><th>Otsu</th></tr></thead>'
        f"<tbody>{rows}</tbody><tfoot>{total}</tfoot></table>"
    )


def _score(name: str, dice: float, baseline: float, colour: str) -> str:
    bar = _bar(dice, colour, f'<b style="left:{baseline:.1%}"></b>')
    return f"<tr><th>{_text(name)}</th><td>{dice:.3f}</td><td>{bar}</td><td>{baseline:.3f}</td></tr>"


def _bar(share: float, colour: str = "var(--accent)", mark: str = "") -> str:
    return f'<div class="bar"><i style="width:{share:.1%};background:{colour}"></i>{mark}</div>'


def _timings(timings: Sequence[Timing]) -> str:
    longest = max((t.seconds for t in timings), default=1.0) or 1.0
    rows = "".join(
        f"<tr><th>{_text(t.name)}</th><td>{_bar(t.seconds / longest)}</td><td>{t.seconds:.2f} s</td></tr>"
        for t in timings
    )
    return f'<table class="timings"><tbody>{rows}</tbody></table>'


def _table(table: Any, legend: dict[int, str]) -> str:
    head = "".join(f"<th>{_text(_heading(str(c)))}</th>" for c in table.columns)
    rows = "".join(f"<tr>{_cells(row, legend)}</tr>" for row in table.itertuples(index=False))
    body = f"<thead><tr>{head}</tr></thead><tbody>{rows}</tbody>"
    return f'<div class="scroll"><table class="regions">{body}</table></div>'


def _heading(column: str) -> str:
    """Return a column's name in words, its unit in brackets."""
    words, _, last = column.rpartition("_")
    units = {"ml": "ml", "mm": "mm", "mm2": "mm²", "pixel2": "pixel²", "pixel": "pixel"}
    return f"{words.replace('_', ' ')} ({units[last]})" if last in units else column.replace("_", " ")


def _cells(row: Iterable[Any], legend: dict[int, str]) -> str:
    names = {name: label for label, name in legend.items()}
    cells = []
    for value in row:
        if isinstance(value, str):
            dot = f'<i style="background:{colour_of(names[value])}"></i>' if value in names else ""
            cells.append(f"<th>{dot}{_text(value)}</th>")
        else:
            cells.append(f"<td>{_number(value)}</td>")
    return "".join(cells)


def _number(value: Any) -> str:
    if value != value:
        return "–"
    if float(value).is_integer() and abs(value) < 1e9:
        return f"{int(value):,}".replace(",", " ")
    return f"{value:,.1f}".replace(",", " ") if abs(value) >= 10 else f"{value:.3g}"


def _history(history: Sequence[Record]) -> str:
    items = []
    for record in history:
        options = "".join(
            f"<span>{_text(name)} <b>{_text(str(value))}</b></span>"
            for name, value in record.parameters.items()
        )
        device = f" on {_text(record.device)}" if record.device else ""
        items.append(
            f"<li><code>{_text(record.operation)}</code> {options}"
            f"<small>{record.seconds:.2f} s{device}, version {_text(record.version)}</small></li>"
        )
    return "".join(items)


def _facts(facts: Sequence[tuple[str, str]], kind: str) -> str:
    entries = "".join(f"<div><dt>{_text(name)}</dt><dd>{_text(value)}</dd></div>" for name, value in facts)
    return f'<dl class="{kind}">{entries}</dl>'


def _text(words: str) -> str:
    return html.escape(words, quote=True)
