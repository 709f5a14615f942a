"""The committed bundles: fresh, small, and each from its own source."""

import pytest

from tools import widgets

BUDGET = 40_000


def test_committed_bundles_are_what_their_sources_give():
    complaints = widgets.stale()
    assert not complaints, f"{'; '.join(complaints)}: run `make widgets`"


@pytest.mark.parametrize("path", sorted(widgets.BUNDLES.glob("*.js")), ids=lambda path: path.name)
def test_bundle_is_at_most_40_kb(path):
    assert path.stat().st_size <= BUDGET, f"{path.name} has {path.stat().st_size} bytes"
    assert "://" not in path.read_text(encoding="utf-8").replace("http://www.w3.org/", ""), (
        "a widget asks no other host"
    )
