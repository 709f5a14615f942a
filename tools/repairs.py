"""A Sphinx extension of two repairs of MyST-NB.

Folded cells are named by the words that they show. MyST-NB gives every folded cell the same hidden name, "Toggle
hidden content". A reader who speaks to the page says "Show code cell content", which it shows, and hears the same words
when a screen reader reads it (WCAG 2.5.3).

Printed lines stay whole. A kernel sends what a cell prints in chunks, by the clock, and a chunk may end within a line.
MyST-NB, told to join them (`nb_merge_streams`), ends each chunk with a new line.
"""

from collections.abc import Sequence
from typing import Any

from myst_nb.core import render
from nbformat import NotebookNode
from sphinx.application import Sphinx

coalesce_streams = render.coalesce_streams
HIDDEN_NAME = ' aria-label="Toggle hidden content"'


def unname(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: object) -> None:
    """Take the hidden name out of a page's body."""
    if "body" in context:
        context["body"] = context["body"].replace(f"<summary{HIDDEN_NAME}>", "<summary>")


def joined(outputs: Sequence[NotebookNode]) -> list[NotebookNode]:
    """Outputs of a cell with the chunks of each stream as one, in the place of the first."""
    found: list[NotebookNode] = []
    streams: dict[str, NotebookNode] = {}
    for output in outputs:
        if output.output_type != "stream":
            found.append(output)
        elif output.name in streams:
            streams[output.name].text += output.text
        else:
            streams[output.name] = NotebookNode(output)  # a copy: jupyter-cache keeps the chunks
            found.append(streams[output.name])
    return found


def whole_lines(outputs: Sequence[NotebookNode]) -> list[NotebookNode]:
    """What MyST-NB makes of a cell's outputs, given whole streams."""
    return coalesce_streams(joined(outputs))


def setup(app: Sphinx) -> dict[str, bool]:
    """What Sphinx calls."""
    app.connect("html-page-context", unname)
    render.coalesce_streams = whole_lines
    return {"parallel_read_safe": True, "parallel_write_safe": True}
