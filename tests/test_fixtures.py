"""The numbers that the page's arithmetic is tested with are those PyTorch says now."""

import json
import math

import pytest

from tests.fixtures import FOLDER, NAMES, made


def same(kept: object, now: object) -> bool:
    """Equal, numbers to rounding: another version of torch may add in another order."""
    if isinstance(kept, dict) and isinstance(now, dict):
        return kept.keys() == now.keys() and all(same(kept[name], now[name]) for name in kept)
    if isinstance(kept, list) and isinstance(now, list):
        return len(kept) == len(now) and all(map(same, kept, now))
    if isinstance(kept, float) or isinstance(now, float):
        return math.isclose(kept, now, rel_tol=1e-9, abs_tol=2e-9)
    return kept == now


@pytest.mark.parametrize("name", NAMES)
def test_fixture_is_what_pytorch_says_now(name):
    kept = json.loads((FOLDER / f"{name}.json").read_text())
    assert same(kept, json.loads(made(name))), f"tests/fixtures/{name}.json is stale: run python -m tests.fixtures"
