"""DeepLab's rate of fc6: how far apart the nine weights of its last 3 x 3 convolution are put.

Question: DeepLab-LargeFOV wins by putting fc6's weights 12 units apart. Which rate is best on small scenes?
Varies: the rate, 1, 2, 4, 8 and 12.
Equal: parameters and their first weights, scenes and their order, steps. Work too: padding is multiplied like pixels.
Control: rate 1, an ordinary convolution.
Measured: mean IoU, boundary F1, IoU by size; the field of one score, and the part of fc6's outer taps that lie in the
padding, averaged over the map. At stride 8 a scene of 96 px has 13 units each way. At rate 12 a unit's outer taps lie
outside unless the unit itself lies on the border: 3 x 3 has become 1 x 1 nearly everywhere. The paper's 321 px have 41.
"""

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from seglib.experiments import figures, measures, recipes
from seglib.experiments.experiment import Experiment
from seglib.experiments.result import Result
from seglib.receptive_field import receptive_field

RATES = (1, 2, 4, 8, 12)


def variant(rate: int):
    """The recipe of one rate; it goes from VGG16 to scenes at once."""
    options = recipes.DEEPLAB_OPTIONS | {"fc6_rate": rate}
    return recipes.scenes(f"deeplab_v1_largefov_96_rate{rate}", "deeplab_v1_largefov", options, steps=1000)


def in_padding(rate: int, units: int) -> float:
    """Part of the eight outer taps of a 3 x 3 convolution that lie outside a map of `units` x `units`, on average."""
    inside = max(0, units - rate) / units  # of the units, how many have a tap to one side
    return 1 - ((1 + 2 * inside) ** 2 - 1) / 8


def costs(variants) -> dict:
    """Costs of one scene, fc6's rate and field, and how much of it lies in the padding."""
    found = measures.costs(variants, input_size=(recipes.SIZE, recipes.SIZE), num_classes=5)
    for name, recipe in variants.items():
        model = measures.network(recipe, 5)
        field = receptive_field(model, (3, recipes.SIZE, recipes.SIZE), "fc8")
        rate, units = model.fc6.dilation[0], field.output_size[0]
        found[name] |= {
            "rate": rate,
            "field": max(field.widths),
            "map": units,
            "outer_taps_in_padding": in_padding(rate, units),
        }
    return found


def plot(result: Result) -> Figure:
    """Mean IoU by rate with the part of taps in the padding, and IoU by size."""
    with figures.book_style():
        figure, (left, right) = plt.subplots(1, 2, figsize=(6.4, 3.4))
        rates = [result.costs[name]["rate"] for name in result.variants]
        values = [result.per_seed(name, "mean_iou") for name in result.variants]
        for name, rate, each in zip(result.variants, rates, values, strict=True):
            colour, mark = figures.series_of(result)[name]
            spread = each.std(ddof=1) if len(each) > 1 else 0.0
            left.errorbar(rate, each.mean(), yerr=spread, color=colour, marker=mark, markersize=7, capsize=3)
            x = [rate + 0.25] * len(each)
            left.plot(x, each, color=colour, marker=mark, markersize=3, linestyle="", alpha=0.7)
        left.plot(rates, [each.mean() for each in values], color=figures.GREY, linewidth=0.8, marker="", zorder=0)
        left.set_xticks(rates)
        left.set(xlabel="rate of fc6", ylabel="mean IoU")
        outside = left.twinx()
        outside.plot(
            rates,
            [100 * result.costs[name]["outer_taps_in_padding"] for name in result.variants],
            color=figures.GREY, linestyle=":", marker="x", markersize=4,
        )  # fmt: skip
        outside.set(ylabel="outer taps in the padding, %  (dotted)", ylim=(0, 100))
        outside.spines["right"].set_visible(True)
        figures.curves(right, result, "iou_by_size")
    return figure


EXPERIMENT = Experiment(
    name="deeplab_rates",
    question="Which rate of DeepLab's fc6 is best on small scenes?",
    varies="the rate of fc6",
    equal="parameters and their first weights, scenes and their order, steps",
    control="rate 1",
    reason="it is an ordinary convolution",
    measured=f"{measures.WORDS}; field, and the part of fc6's outer taps that lie in the padding",
    claim="mean_iou",
    variants={f"rate {rate}": variant(rate) for rate in RATES},
    starts=(recipes.VGG16,),
    measure=measures.of_scenes,
    plot=plot,
    axes=measures.AXES,
    costs=costs,
)
