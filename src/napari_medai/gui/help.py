"""The page of an operation, written from its docstring."""

from __future__ import annotations

import inspect
from html import escape

from qtpy.QtWidgets import QDialog, QTextBrowser, QVBoxLayout, QWidget

from napari_medai.core.operation import Operation

_SIZE = (640, 640)


class HelpPage(QDialog):
    """A window with what an operation does, its parameters, sources and an example.

    Parameters
    ----------
    operation : Operation
        What the page is about.
    """

    def __init__(self, operation: Operation, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(operation.title)
        self.browser = QTextBrowser()
        self.browser.setOpenExternalLinks(False)
        self.browser.setHtml(page(operation))
        layout = QVBoxLayout(self)
        layout.addWidget(self.browser)
        self.resize(*_SIZE)


def page(operation: Operation) -> str:
    """Return an operation's help as HTML.

    Parameters
    ----------
    operation : Operation
        Its docstring is parsed as numpydoc.
    """
    from docstring_parser import DocstringStyle, parse

    said = parse(inspect.getdoc(operation.function) or "", DocstringStyle.NUMPYDOC)
    parts = [f"<h2>{escape(operation.title)}</h2>", _text(operation.summary), _text(operation.description)]
    parts.append("<h3>Settings</h3><dl>")
    for parameter in operation.parameters:
        unit = f" ({parameter.unit})" if parameter.unit else ""
        parts.append(
            f"<dt><b>{escape(parameter.label + unit)}</b></dt><dd>{_text(parameter.description)}</dd>"
        )
    parts.append("</dl>")
    if said.returns and said.returns.description:
        parts.append(f"<h3>Result</h3>{_text(said.returns.description)}")
    if said.raises:
        parts.append("<h3>Refused</h3>" + "".join(_text(r.description or "") for r in said.raises))
    sources = [m.description for m in said.meta if m.args and m.args[0] == "references" and m.description]
    if sources:
        parts.append("<h3>Sources</h3>" + "".join(map(_text, sources)))
    parts += [f"<h3>In Python</h3><pre>{escape(_call(operation))}</pre>"]
    command = operation.name.replace("_", "-")
    parts += [f"<h3>As a command</h3><pre>napari-medai {command} --help</pre>"]
    return "".join(parts)


def _call(operation: Operation) -> str:
    given = [p.name for p in operation.inputs if p.required]
    given += [f"{p.name}={p.default!r}" for p in operation.options if not p.required and not p.advanced]
    return f"medai.{operation.group}.{operation.name}({', '.join(given)})"


def _text(text: str) -> str:
    paragraphs = [" ".join(block.split()) for block in text.replace("``", "").split("\n\n")]
    return "".join(f"<p>{escape(block)}</p>" for block in paragraphs if block)
