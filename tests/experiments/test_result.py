"""Means, spreads and differences against numbers worked by hand."""

import json
import math

import numpy as np
import pytest

from seglib.experiments import Difference, Result
from seglib.experiments.result import compile_result
from tests.experiments.tiny import experiment


def result(slow: list, fast: list, **changes) -> Result:
    measured = {
        "slow": [{"score": x, "curve": [x, None, 2.0]} for x in slow],
        "fast": [{"score": x, "curve": [2 * x, None, 3.0]} for x in fast],
    }
    values = {"measured": measured, "references": {"nobody": {"score": 0.25}}, "costs": {}, "about": {}}
    return compile_result(experiment(), seeds=range(len(slow)), **(values | changes))


HAND = result([1.0, 2.0, 3.0], [2.0, 4.0, 3.0])


def test_mean_and_spread_by_hand():
    # 1, 2, 3: mean 2, deviations -1, 0, 1, so the sum of squares is 2 and 2 / (3 - 1) = 1.
    assert HAND.mean("slow", "score") == 2.0
    assert HAND.standard_deviation("slow", "score") == 1.0
    assert HAND.mean("fast", "score") == 3.0
    assert HAND.values["variants"]["slow"]["mean"] == {"score": 2.0, "curve": [2.0, None, 2.0]}
    assert HAND.values["variants"]["fast"]["standard_deviation"] == {"score": 1.0, "curve": [2.0, None, 0.0]}


def test_paired_difference_by_hand():
    # 1, 2, 0: mean 1, sum of squares 0 + 1 + 1, so the deviation is 1; t = 4.30265 for two degrees of freedom.
    difference = HAND.difference("fast")
    assert difference.per_seed == (1.0, 2.0, 0.0)
    assert difference.mean == 1.0
    assert difference.standard_deviation == 1.0
    half = 4.302652729749464 / math.sqrt(3)
    assert difference.interval == pytest.approx((1 - half, 1 + half))
    (entry,) = HAND.values["differences"]
    assert entry == {
        "variant": "fast",
        "against": "slow",
        "measure": "score",
        "per_seed": [1.0, 2.0, 0.0],
        "mean": 1.0,
        "standard_deviation": 1.0,
        "interval": [round(1 - half, 6), round(1 + half, 6)],
        "verdict": "no difference beyond the spread over seeds",
    }


def test_a_reference_has_one_value_for_all_seeds():
    assert HAND.difference("slow", "nobody").per_seed == (0.75, 1.75, 2.75)
    assert math.isnan(HAND.standard_deviation("nobody", "score"))


@pytest.mark.parametrize(
    ("differences", "verdict"),
    [
        ((0.10, 0.11, 0.12), "higher, more than chance among seeds explains"),
        ((-0.10, -0.11, -0.12), "lower, more than chance among seeds explains"),
        ((0.1, 0.2, 0.3), "higher by more than the spread over seeds, but 3 seeds do not settle it"),
        ((-0.1, -0.2, -0.3), "lower by more than the spread over seeds, but 3 seeds do not settle it"),
        ((0.1, -0.2, 0.3), "no difference beyond the spread over seeds"),
        ((0.0, 0.0, 0.0), "the same"),
        ((0.1,), "cannot be compared"),
        ((0.1, math.nan, 0.3), "cannot be compared"),
    ],
)
def test_verdict_says_direction_and_whether_it_exceeds_the_spread(differences, verdict):
    difference = Difference("one", "other", "mean_iou", differences)
    assert difference.verdict == verdict
    assert str(difference).startswith("one against other, mean IoU: ")
    assert str(difference).endswith(verdict)


def test_prints_a_table_with_everything_in_it():
    text = str(HAND)
    for part in (
        "tiny: Does it run?",
        "Varies: the learning rate. Equal: all else.",
        "Control: slow: it learns as the other does.",
        "3 seeds",
        "2.000 ± 1.000",
        "3.000 ± 1.000",
        "fast against slow, score: +1.000 ± 1.000 (95 % interval -1.484 to +3.484): no difference beyond",
    ):
        assert part in text, part
    lines = HAND.table("curve").splitlines()
    assert lines[0].split() == ["curve", "by", "place", "0", "1", "2"]
    assert lines[1].split() == ["slow", "2.000", "±", "1.000", "-", "2.000", "±", "0.000"]
    assert lines[3].split() == ["nobody", "-", "-", "-"]


def test_costs_are_a_table_with_time_as_a_multiple():
    costs = {
        "slow": {"parameters": 1200, "macs": 2e6, "activation_bytes": 4e6, "seconds": 0.01},
        "fast": {"parameters": 2400, "macs": 3e6, "activation_bytes": 5e6, "seconds": 0.025},
    }
    found = result([1.0, 2.0, 3.0], [2.0, 4.0, 3.0], costs=costs)
    assert " ".join(found.cost_table().split()).endswith("fast 2,400 3.0 M 5.00 MB 25.0 ms (2.50 x)")
    assert found.cost_table() in str(found)


def test_json_brings_back_the_same_result():
    again = Result(json.loads(json.dumps(HAND.values, allow_nan=False)))
    assert str(again) == str(HAND)
    np.testing.assert_array_equal(again.per_seed("fast", "curve"), HAND.per_seed("fast", "curve"))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: HAND.mean("fats", "score"), "tiny has no variant 'fats'; it has slow, fast, nobody"),
        (lambda: HAND.mean("fast", "scores"), "tiny has no measure 'scores'; it has score, curve"),
        (lambda: HAND.difference("fast", measure="curve"), "curve is a curve; compare numbers: score"),
    ],
)
def test_what_is_not_there_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
