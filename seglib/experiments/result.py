"""What came out of an experiment: every number of every seed, their mean and spread, and what may be said of it.

With values x_1 ... x_n of n seeds, the spread is the standard deviation s = sqrt(sum (x_i - mean)^2 / (n - 1)). Two
variants are compared seed by seed, since a seed gives both the same first weights where they have the same layers, and
the same order of scenes: d_i = x_i - y_i. The interval of the mean difference is Student's, mean(d) +- t s(d) /
sqrt(n), with 95 % of the t distribution of n - 1 degrees of freedom between -t and t: 4.30 for three seeds.

An interval that leaves out 0 would do so by chance once in twenty comparisons. The book makes more comparisons than
that, `differences` of every result, and no correction is made for it.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import t as student

from seglib.experiments.experiment import Axis, Experiment, Measures
from seglib.experiments.measures import plain

LEAST_SEEDS = 3
CONFIDENCE = 0.95


def mean_of(values: np.ndarray) -> np.ndarray:
    """Mean over the first axis, the seeds."""
    return values.mean(0)


def spread_of(values: np.ndarray) -> np.ndarray:
    """Standard deviation over the seeds, n - 1 under the sum; NaN for one seed."""
    return values.std(0, ddof=1) if len(values) > 1 else np.full(values.shape[1:], math.nan)


@dataclass(frozen=True)
class Difference:
    """How far a variant lies above another one, seed by seed.

    Attributes:
        variant: the one.
        against: the other.
        measure: in what.
        per_seed: value of the one minus that of the other, for each seed.
    """

    variant: str
    against: str
    measure: str
    per_seed: tuple[float, ...]

    @property
    def mean(self) -> float:
        """Of the differences."""
        return float(mean_of(np.array(self.per_seed)))

    @property
    def standard_deviation(self) -> float:
        """Of the differences, n - 1 under the sum."""
        return float(spread_of(np.array(self.per_seed)))

    @property
    def interval(self) -> tuple[float, float]:
        """Student's 95 % interval of the mean difference."""
        n = len(self.per_seed)
        half = student.ppf((1 + CONFIDENCE) / 2, n - 1) * self.standard_deviation / math.sqrt(n) if n > 1 else math.nan
        return self.mean - half, self.mean + half

    @property
    def verdict(self) -> str:
        """What may be said of it: "higher", "lower", or neither, and how surely."""
        if any(math.isnan(value) for value in self.per_seed) or len(self.per_seed) < 2:
            return "cannot be compared"
        if not any(self.per_seed):
            return "the same"
        low, high = self.interval
        word = "higher" if self.mean > 0 else "lower"
        if low > 0 or high < 0:
            return f"{word}, more than chance among seeds explains"
        if abs(self.mean) > self.standard_deviation:
            return f"{word} by more than the spread over seeds, but {len(self.per_seed)} seeds do not settle it"
        return "no difference beyond the spread over seeds"

    def __str__(self) -> str:
        digits = 3 if abs(self.mean) < 10 else 1
        found = f"{self.variant} against {self.against}, {words(self.measure)}: {self.mean:+.{digits}f}"
        if len(self.per_seed) > 1:
            low, high = self.interval
            found += f" ± {self.standard_deviation:.{digits}f}"
            found += f" (95 % interval {low:+.{digits}f} to {high:+.{digits}f})"
        return f"{found}: {self.verdict}"


@dataclass(frozen=True, eq=False)
class Result:
    """A result, as its JSON has it; `print` shows a table and what may be said.

    Attributes:
        values: the JSON.
    """

    values: dict[str, Any]

    @property
    def name(self) -> str:
        """That of the experiment."""
        return self.values["experiment"]

    @property
    def claim(self) -> str:
        """The measure that the comparison is about."""
        return self.values["claim"]

    @property
    def control(self) -> str:
        """The variant or reference that the others are compared with."""
        return self.values["control"]

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds."""
        return tuple(self.values["seeds"])

    @property
    def variants(self) -> tuple[str, ...]:
        """Names of what was trained."""
        return tuple(self.values["variants"])

    @property
    def references(self) -> tuple[str, ...]:
        """Names of what was not."""
        return tuple(self.values["references"])

    @property
    def costs(self) -> dict[str, dict[str, float]]:
        """What the networks take, by variant; empty where that was not asked."""
        return self.values["costs"]

    @property
    def measures(self) -> tuple[str, ...]:
        """Names of all numbers and curves."""
        first = self.values["variants"][self.variants[0]]
        return tuple(first["per_seed"])

    def per_seed(self, variant: str, measure: str) -> np.ndarray:
        """A number or curve of each seed: float64, S or S B; of a reference, which has no seed, 1 or 1 B.

        Raises:
            ValueError: there is no such variant, reference or measure.
        """
        if variant in self.values["references"]:
            found = [self.values["references"][variant].get(measure)]
        elif variant in self.values["variants"]:
            found = self.values["variants"][variant]["per_seed"].get(measure, [None] * len(self.seeds))
        else:
            raise ValueError(
                f"{self.name} has no variant {variant!r}; it has {', '.join((*self.variants, *self.references))}"
            )
        if measure not in self.measures:
            raise ValueError(f"{self.name} has no measure {measure!r}; it has {', '.join(self.measures)}")
        return np.array(found, dtype=np.float64)

    def mean(self, variant: str, measure: str) -> Any:
        """Mean over the seeds: a number, or float64 B."""
        return _number(mean_of(self.per_seed(variant, measure)))

    def standard_deviation(self, variant: str, measure: str) -> Any:
        """Spread over the seeds: a number, or float64 B; NaN for a reference."""
        return _number(spread_of(self.per_seed(variant, measure)))

    def axis(self, measure: str) -> Axis:
        """What a curve runs over."""
        axis = self.values["axes"][measure]
        return Axis(axis["label"], tuple(axis["values"]), axis["log"])

    def difference(self, variant: str, against: str | None = None, measure: str | None = None) -> Difference:
        """How far a variant lies above another one, or above the control, in the claim or another number.

        Raises:
            ValueError: there is no such variant, reference or measure; or the measure is a curve.
        """
        against = self.control if against is None else against
        measure = self.claim if measure is None else measure
        one, other = self.per_seed(variant, measure), self.per_seed(against, measure)
        if one.ndim != 1:
            raise ValueError(f"{measure} is a curve; compare numbers: {', '.join(self.numbers)}")
        return Difference(variant, against, measure, tuple((one - other).tolist()))

    @property
    def numbers(self) -> tuple[str, ...]:
        """Names of the measures that are no curves."""
        return tuple(m for m in self.measures if self.per_seed(self.variants[0], m).ndim == 1)

    @property
    def differences(self) -> tuple[Difference, ...]:
        """Those that the experiment is about."""
        return tuple(self.difference(each["variant"], each["against"]) for each in self.values["differences"])

    def table(self, measure: str | None = None) -> str:
        """Mean ± standard deviation: of all numbers, or along one curve."""
        names = [*self.variants, *self.references]
        if measure is None:
            columns = [(words(number), number, None) for number in self.numbers]
        else:
            bins = self.per_seed(self.variants[0], measure).shape[-1]
            columns = [(label, measure, i) for i, label in enumerate(_labels(self.axis(measure), bins))]
        rows = [[self._cell(name, number, i) for _, number, i in columns] for name in names]
        heads = [head for head, _, _ in columns]
        first = "" if measure is None else f"{words(measure)} by {self.axis(measure).label}"
        return _table([first, *heads], [[name, *row] for name, row in zip(names, rows, strict=True)])

    def _cell(self, variant: str, measure: str, i: int | None) -> str:
        values = self.per_seed(variant, measure)
        if i is not None:
            values = values[:, i] if values.ndim == 2 else np.full(1, math.nan)
        mean, spread = float(mean_of(values)), float(spread_of(values))
        if math.isnan(mean):
            return "-"
        digits = 3 if abs(mean) < 10 else 1
        return f"{mean:.{digits}f}" + ("" if math.isnan(spread) else f" ± {spread:.{digits}f}")

    def cost_table(self) -> str:
        """What the networks take, and time as a multiple of the control's."""
        base = self.costs.get(self.control, {}).get("seconds")
        heads = ["", *(words(cost) for cost in next(iter(self.costs.values())))]
        rows = []
        for name, each in self.costs.items():
            cells = [_cost(cost, value, base) for cost, value in each.items()]
            rows.append([name, *cells])
        return _table(heads, rows)

    def __str__(self) -> str:
        lines = [
            f"{self.name}: {self.values['question']}",
            f"Varies: {self.values['varies']}. Equal: {self.values['equal']}.",
            f"Control: {self.control}: {self.values['reason']}.",
            f"Measured {self.values['measured']}; mean ± standard deviation of {len(self.seeds)} seeds.",
            "",
            self.table(),
        ]
        for curve in self.measures:
            if curve not in self.numbers:
                lines += ["", self.table(curve)]
        if self.costs:
            lines += ["", self.cost_table()]
        lines += ["", *map(str, self.differences)]
        return "\n".join(lines)

    __repr__ = __str__


def compile_result(
    experiment: Experiment,
    *,
    seeds: Sequence[int],
    measured: Mapping[str, Sequence[Measures]],
    references: Mapping[str, Measures],
    costs: Mapping[str, Mapping[str, float]],
    about: Mapping[str, Any],
) -> Result:
    """All that is known after an experiment, as its JSON keeps it.

    Args:
        experiment: the experiment.
        seeds: the seeds.
        measured: of each variant, the measures of each seed.
        references: measures of what was not trained.
        costs: what the networks take.
        about: recipes, device and the like.
    """
    values = {
        "experiment": experiment.name,
        "question": experiment.question,
        "varies": experiment.varies,
        "equal": experiment.equal,
        "control": experiment.control,
        "reason": experiment.reason,
        "measured": experiment.measured,
        "claim": experiment.claim,
        "seeds": list(seeds),
        **about,
        "axes": {
            name: {"label": axis.label, "values": list(axis.values), "log": axis.log}
            for name, axis in experiment.axes.items()
        },
        "variants": {},
        "references": plain(references),
        "costs": plain(costs, 9),
        "differences": [{"variant": variant, "against": against} for variant, against in experiment.pairs],
    }
    for variant, of_seeds in measured.items():
        names = list(of_seeds[0])
        per_seed = {name: plain([each[name] for each in of_seeds]) for name in names}
        arrays = {name: np.array(found, dtype=np.float64) for name, found in per_seed.items()}
        values["variants"][variant] = {
            "per_seed": per_seed,
            "mean": {name: plain(_number(mean_of(found))) for name, found in arrays.items()},
            "standard_deviation": {name: plain(_number(spread_of(found))) for name, found in arrays.items()},
        }
    result = Result(values)
    for entry, each in zip(values["differences"], result.differences, strict=True):
        entry |= plain(
            {
                "measure": each.measure,
                "per_seed": each.per_seed,
                "mean": each.mean,
                "standard_deviation": each.standard_deviation,
                "interval": each.interval,
                "verdict": each.verdict,
            }
        )
    return result


def words(name: str) -> str:
    """A name of a measure as a heading."""
    fixed = {
        "mean_iou": "mean IoU",
        "boundary_f1": "boundary F1",
        "object_iou": "object IoU",
        "iou_by_size": "IoU",
        "missed_by_size": "missed",
        "trimap_iou": "mean IoU in the band",
        "iou_by_iteration": "mean IoU",
        "macs": "multiply-accumulates",
        "activation_bytes": "activations",
    }
    return fixed.get(name, name.replace("_", " "))


def _number(values: np.ndarray) -> Any:
    return float(values) if np.ndim(values) == 0 else values


def _labels(axis: Axis, bins: int) -> list[str]:
    if len(axis.values) == bins + 1:
        return [f"{low:g}-{high:g}" for low, high in zip(axis.values, axis.values[1:], strict=False)]
    return [f"{value:g}" for value in axis.values]


def _cost(name: str, value: float, base: float | None) -> str:
    if name == "seconds":
        return f"{1000 * value:.1f} ms" + (f" ({value / base:.2f} x)" if base else "")
    if name == "activation_bytes":
        return f"{value / 1e6:.2f} MB"
    if name == "macs":
        return f"{value / 1e6:.1f} M"
    return f"{value:,}"


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    widths = [max(len(row[i]) for row in (heads, *rows)) for i in range(len(heads))]
    lines = []
    for row in (heads, *rows):
        first, *rest = row
        cells = [first.ljust(widths[0]), *(cell.rjust(w) for cell, w in zip(rest, widths[1:], strict=True))]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)
