"""A Sphinx extension of one repair: folded cells are named by the words that they show.

MyST-NB gives every folded cell the same hidden name, "Toggle hidden content". A reader who speaks to the page says
"Show code cell content", which it shows, and hears the same words when a screen reader reads it (WCAG 2.5.3).
"""

from typing import Any

from sphinx.application import Sphinx

HIDDEN_NAME = ' aria-label="Toggle hidden content"'


def unname(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: object) -> None:
    """Take the hidden name out of a page's body."""
    if "body" in context:
        context["body"] = context["body"].replace(f"<summary{HIDDEN_NAME}>", "<summary>")


def setup(app: Sphinx) -> dict[str, bool]:
    """What Sphinx calls."""
    app.connect("html-page-context", unname)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
