"""The parts that figures of results are made of: curves with a band, and points with error bars.

Every series has a colour and a mark of its own; what is thin or small is a single seed, what is thick the mean, band
and bars are one standard deviation over the seeds. What was not trained is grey and dashed.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import cycle

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, NullLocator

from seglib.experiments.experiment import Axis
from seglib.experiments.result import Result, words
from seglib.plot import ERROR, INPUT, KERNEL, OUTPUT, PREDICTION, STYLE

GREY = "#6b6b6b"  # readable on white
SERIES = tuple(zip((INPUT, KERNEL, OUTPUT, ERROR, PREDICTION, "#000000"), "osD^vP", strict=True))
DASHES = ("--", ":", "-.")


@contextmanager
def book_style() -> Iterator[None]:
    """The book's look for figures made within, whatever the caller has set."""
    # Not plt.rc_context. Jupyter's backend comes with the first figure and switches on that figures are shown;
    # rc_context would switch it off again, and no later figure of the notebook would appear.
    before = {name: plt.rcParams[name] for name in STYLE}
    plt.rcParams.update(STYLE)
    try:
        yield
    finally:
        plt.rcParams.update(before)


def series_of(result: Result) -> dict[str, tuple[str, str]]:
    """Colour and mark of each variant, the same in every panel."""
    return dict(zip(result.variants, cycle(SERIES)))


def places(axis: Axis, bins: int) -> np.ndarray:
    """Where the numbers of a curve are drawn: in the middle of their bins, or at the values of the axis."""
    values = np.array(axis.values, dtype=float)
    if len(values) == bins:
        return values
    return np.sqrt(values[:-1] * values[1:]) if axis.log else (values[:-1] + values[1:]) / 2


def curves(
    ax: Axes,
    result: Result,
    measure: str,
    names: Sequence[str] | None = None,
    *,
    legend: bool = True,
    series: Mapping[str, tuple[str, str]] | None = None,
) -> None:
    """Mean, spread and single seeds of a curve, for some variants and references, or all."""
    axis, series = result.axis(measure), series_of(result) if series is None else series
    dashes = dict(zip(result.references, cycle(DASHES)))
    for name in (*result.variants, *result.references) if names is None else names:
        values = result.per_seed(name, measure)
        if values.ndim < 2:
            continue  # a reference that has no such curve
        x, mean = places(axis, values.shape[1]), values.mean(0)
        if name in dashes:
            ax.plot(x, mean, color=GREY, linestyle=dashes[name], marker="", label=name)
            continue
        colour, mark = series[name]
        spread = values.std(0, ddof=1) if len(values) > 1 else np.zeros_like(mean)
        ax.fill_between(x, mean - spread, mean + spread, color=colour, alpha=0.18, linewidth=0)
        for each in values:
            ax.plot(x, each, color=colour, linewidth=0.5, alpha=0.6, marker="")
        every = max(1, len(x) // 12)
        ax.plot(
            x, mean, color=colour, marker=mark, markevery=every, markersize=5, linewidth=1.8, label=label(result, name)
        )
    if axis.log:
        ax.set_xscale("log", base=2)
        ax.xaxis.set_major_locator(FixedLocator(axis.values))
        ax.xaxis.set_minor_locator(NullLocator())
        ax.set_xticklabels([f"{value:g}" for value in axis.values])
    ax.set(xlabel=axis.label, ylabel=words(measure))
    if legend:
        ax.legend(fontsize=8, handlelength=2.6)


def means(ax: Axes, names: Sequence[str] | None = None) -> list[Line2D]:
    """The lines of means that `curves` drew, for a legend: of some names, or of all."""
    lines = [line for line in ax.get_lines() if not line.get_label().startswith("_")]
    return lines if names is None else [line for line in lines if line.get_label() in names]


def points(ax: Axes, result: Result, measure: str, names: Sequence[str] | None = None, *, labels: bool = True) -> None:
    """A number of each variant, one below the other: mean with error bar, single seeds small, the control as a line."""
    series = series_of(result)
    names = [*result.variants, *result.references] if names is None else list(names)
    for row, name in enumerate(names):
        values = result.per_seed(name, measure)
        if np.isnan(values).any():
            continue
        if name in result.references:
            ax.plot(values, [row], color=GREY, marker="|", markersize=12, markeredgewidth=2, linestyle="")
            continue
        colour, mark = series[name]
        spread = values.std(ddof=1) if len(values) > 1 else 0.0
        ax.errorbar(values.mean(), row, xerr=spread, color=colour, marker=mark, markersize=7, capsize=3, linestyle="")
        ax.plot(
            values, np.full(len(values), row + 0.22), color=colour, marker=mark, markersize=3, linestyle="", alpha=0.7
        )
    if result.control in names:
        ax.axvline(result.mean(result.control, measure), color=GREY, linewidth=0.8, linestyle="--")
    ax.set_yticks(range(len(names)), [label(result, name) for name in names] if labels else [""] * len(names))
    ax.set_ylim(len(names) - 0.4, -0.6)
    ax.set_xlabel(words(measure))


def label(result: Result, name: str) -> str:
    """A variant's name, with the control named as such."""
    return f"{name} (control)" if name == result.control else name
