"""What all tests share."""

from collections.abc import Callable

import pytest


@pytest.fixture
def agreement(record_property: Callable[[str, object], None]) -> Callable[[str, float], float]:
    """`agreement(what, difference)` returns the difference, and puts it on the page "How this book is tested"."""

    def note(what: str, difference: float) -> float:
        record_property(what, f"{float(difference):.3g}")
        return float(difference)

    return note
