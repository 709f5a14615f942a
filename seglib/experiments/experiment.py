"""What an experiment consists of, as plain values and functions."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from matplotlib.figure import Figure

from seglib.train import Recipe, Trained

# What is measured of one network: numbers, and curves as lists of numbers; None where there is nothing to measure.
Measures = dict[str, Any]


@dataclass(frozen=True)
class Axis:
    """What a curve runs over.

    Attributes:
        label: with the unit.
        values: one for each number of the curve, or one more where these are the ends of bins.
        log: whether it is drawn with equal factors at equal distances.
    """

    label: str
    values: tuple[float, ...]
    log: bool = False


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """A question that is put to several networks, which differ in one thing only, with a control among them.

    Attributes:
        name: its own name, that of its module and of its result.
        question: what it asks.
        varies: what differs between the variants.
        equal: what does not.
        control: the variant, or the reference, that the others are compared with.
        reason: what the control excludes.
        measured: what is measured, and on what.
        claim: the measure that the comparison is about.
        variants: the recipe of each, by its name in tables and figures.
        starts: the recipes that these start from.
        measure: of a trained network and a number of pictures, what is measured; or one such function for each
            variant, where one network is measured in several ways.
        plot: of a result, its figure.
        axes: what the curves among the measures run over.
        pairs: `(variant, the one it is compared with)`; by default each variant with the control.
        references: of a number of pictures, the measures of what is not trained: guessing, or knowing all.
        costs: of the recipes, what the networks take, whatever they have learned; measured alone, after all else.
    """

    name: str
    question: str
    varies: str
    equal: str
    control: str
    reason: str
    measured: str
    claim: str
    variants: Mapping[str, Recipe]
    starts: tuple[Recipe, ...] = ()
    measure: Callable[[Trained, int], Measures] | Mapping[str, Callable[[Trained, int], Measures]]
    plot: Callable[..., Figure]
    axes: Mapping[str, Axis] = field(default_factory=dict)
    pairs: tuple[tuple[str, str], ...] = ()
    references: Callable[[int], Mapping[str, Measures]] | None = None
    costs: Callable[[Mapping[str, Recipe]], Mapping[str, Mapping[str, float]]] | None = None

    def __post_init__(self):
        if not self.pairs:
            pairs = tuple((variant, self.control) for variant in self.variants if variant != self.control)
            object.__setattr__(self, "pairs", pairs)
        if unknown := {variant for variant, _ in self.pairs} - set(self.variants):
            raise ValueError(f"{self.name}: pairs= names {', '.join(sorted(unknown))}, which is no variant")

    def measure_of(self, variant: str) -> Callable[[Trained, int], Measures]:
        """What measures a variant."""
        return self.measure[variant] if isinstance(self.measure, Mapping) else self.measure

    def recipes(self) -> dict[str, Recipe]:
        """All recipes that are trained, by their own names."""
        return {recipe.name: recipe for recipe in (*self.starts, *self.variants.values())}
