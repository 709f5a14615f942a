"""Far cues: how far a trained network sees, beside how far its receptive field reaches.

Question: up to what distance does a network use a cue? In each strip one small mark tells the class of a long bar, so
a pixel's class can be known only by seeing the mark; accuracy against distance from it is a measurement of sight.
Varies: the network, and with it the receptive field.
Equal: strips and their order, steps, stages: an encoder that has learned single shapes, strips of 96 px, strips of 384.
Control: chance, one half; and strips without their mark, on which no network may be right more often than that, or
there is another cue. (It may be right less often: pixels of a bar that are taken for background count as wrong, and of
the bars' pixels in the 400 strips 0.45 belong to one class and 0.55 to the other.)
Measured: accuracy by distance; `reach`, the distance where it falls below 3/4, halfway between chance and certainty;
the farthest pixel in the theoretical field of any unit; and the distance within which 95 % of the gradient of the
middle unit lie, the effective field.

A network is trained on the answer, so `reach` is what it has learned to use in so many steps, not all it could. Short
strips come first because SegNet, on long ones at once, learned where the bar is and not of which class (400 steps, one
seed); after short ones it learned both. DeepLab-LargeFOV learned on long ones at once, and gets the short ones too.
"""

import math

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.figure import Figure
from torch import nn

from seglib import data, metrics
from seglib.data.normalisation import normalise
from seglib.experiments import figures, measures, recipes
from seglib.experiments.experiment import Axis, Experiment, Measures
from seglib.experiments.result import Result
from seglib.receptive_field import effective_receptive_field, receptive_field
from seglib.train import Recipe, Trained
from seglib.train.scenes import BATCH, NARROW, UNET, VGG, scenes_recipe

SIZE = (32, 384)
NEAR = (32, 96)  # of the strips of the first stage
STEPS = 400  # of each stage; the first has twice as many strips in one
EDGES = tuple(float(edge) for edge in range(0, SIZE[1] + 1, 16))  # px, of the bins of distance
SHARE = 0.95  # of the gradient that makes the effective field
STRIPS = 16  # that the gradient is averaged over


def near(network: str, options: dict, **changes) -> Recipe:
    """The recipe of a network's first stage, on short strips."""
    data_options = {"size": list(NEAR), "length": STEPS * 2 * BATCH}
    values = {"name": f"{network}_near_cue", "data": "far_cue", "data_options": data_options, "batch_size": 2 * BATCH}
    return scenes_recipe(network, options, STEPS, **(values | changes))


def far(network: str, start: Recipe, **changes) -> Recipe:
    """The recipe of its second stage, on long ones."""
    data_options = {"size": list(SIZE), "length": STEPS * BATCH}
    values = {"name": f"{network}_far_cue", "data": "far_cue", "data_options": data_options, "start": start.name}
    return scenes_recipe(network, start.options, STEPS, **(values | changes))


UNET_NEAR = near("unet", UNET, start=recipes.UNET_ENCODER.name, fresh=recipes.EXPANDING)
SEGNET_NEAR = near("segnet", NARROW)
FCN32S_NEAR = near("fcn32s", VGG)
DEEPLAB_NEAR = near("deeplab_v1_largefov", recipes.DEEPLAB_OPTIONS)
FRONT_END_NEAR = near("dilated_front_end", VGG)


def measure(trained: Trained, scenes: int) -> Measures:
    """Accuracy by distance and reach, accuracy without a mark, and both fields."""
    # Twice as many as of scenes: who cannot see guesses one class, and is right as often as the strips are of it.
    options = trained.recipe.data_options | {"length": 2 * scenes, "seed": 0}
    marked = data.load("far_cue", measures.SPLIT, **options)
    unmarked = data.load("far_cue", measures.SPLIT, mark=False, **options)
    found = metrics.evaluate(trained.model, marked, metrics={"distance": metrics.AccuracyByDistance(EDGES)})["distance"]
    whole = (0.0, EDGES[-1])
    blind = metrics.evaluate(trained.model, unmarked, metrics={"distance": metrics.AccuracyByDistance(whole)})
    right = np.nansum(found.accuracy * found.count)
    return {
        "reach": found.reach(),
        "accuracy": float(right / found.count.sum()),
        "accuracy_without_mark": float(blind["distance"].accuracy[0]),
        "theoretical_reach": theoretical_reach(trained.model),
        "effective_reach": effective_reach(trained.model, marked),
        "accuracy_by_distance": found.accuracy.tolist(),
    }


def theoretical_reach(model: nn.Module) -> float:
    """Distance along the strip of the farthest pixel in the field of any unit, in px; borders do not count."""
    # A higher image has the same field; on strips, pool5 leaves one row, and an unpooling of one row cannot be traced.
    field = receptive_field(model, (3, 2 * SIZE[0], SIZE[1]))
    boxes = ((x, field.box(0, x)) for x in range(SIZE[1]))
    return float(max(max(x - left, right - 1 - x) for x, (_, left, _, right) in boxes))


def effective_reach(model: nn.Module, dataset: data.FarCue) -> float:
    """Distance along the strip within which 95 % of the gradient of the middle unit lie, in px."""
    images = torch.stack([dataset[i][0] for i in range(min(STRIPS, len(dataset)))])
    field = effective_receptive_field(model, normalise(images))
    columns = field.map.sum(0).double()
    distance = (torch.arange(len(columns)) - field.unit[1]).abs()
    mass = torch.zeros(len(columns), dtype=torch.float64).index_add_(0, distance, columns)
    return float(torch.searchsorted(mass.cumsum(0) / mass.sum(), SHARE))


def references(scenes: int) -> dict[str, Measures]:
    """What guessing gives."""
    return {
        "chance": {
            "reach": 0.0,
            "accuracy": 0.5,
            "accuracy_without_mark": 0.5,
            "accuracy_by_distance": [0.5] * (len(EDGES) - 1),
        }
    }


def plot(result: Result) -> Figure:
    """Accuracy by distance, and how far each network sees beside how far its fields reach."""
    with figures.book_style():
        figure, (above, below) = plt.subplots(2, 1, figsize=(6.2, 6.6))
        figures.curves(above, result, "accuracy_by_distance")
        above.set_ylim(0.1, 1.02)
        above.legend(fontsize=8, handlelength=2.6, ncols=2, loc="lower left")
        series = figures.series_of(result)
        names = ("theoretical field", "95 % of the gradient")
        for row, name in enumerate(result.variants):
            colour, mark = series[name]
            reach = result.per_seed(name, "reach")
            spread = reach.std(ddof=1) if len(reach) > 1 else 0.0
            theory = result.mean(name, "theoretical_reach")
            below.plot([0, theory], [row, row], color=figures.GREY, linewidth=0.8, marker="", zorder=0)
            below.plot([theory], [row], color=figures.GREY, marker="|", markersize=12, linestyle="", label=names[0])
            effective = result.mean(name, "effective_reach")
            below.plot([effective], [row], color=figures.GREY, marker="x", markersize=7, linestyle="", label=names[1])
            below.errorbar(reach.mean(), row, xerr=spread, color=colour, marker=mark, markersize=7, capsize=3)
            names = (None, None)  # one entry in the legend is enough
            y = np.full(len(reach), row + 0.22)
            below.plot(reach, y, color=colour, marker=mark, markersize=3, linestyle="", alpha=0.7)
        below.set_yticks(range(len(result.variants)), result.variants)
        below.set_ylim(len(result.variants) - 0.4, -0.6)
        below.set_xlim(0, math.ceil(SIZE[1] / 100) * 100)
        below.set_xlabel("reach, px")
        below.legend(fontsize=8, loc="upper right")
    return figure


EXPERIMENT = Experiment(
    name="far_cue",
    question="Up to what distance does a network use a cue?",
    varies="the network, and with it the receptive field",
    equal=f"strips and their order, {STEPS} steps on short ones and {STEPS} on long ones, an encoder that has learned "
    "single shapes",
    control="chance",
    reason="pixels whose cue a network does not see can only be guessed; without a mark, all of them",
    measured=f"on strips of the {measures.SPLIT} split, {SIZE[0]} x {SIZE[1]} px: accuracy of a bar's pixels by "
    "distance from its mark; reach, the distance in px at which it falls below 3/4; reach of the theoretical field and "
    "of the part of it that holds 95 % of the gradient",
    claim="reach",
    variants={
        "U-Net": far("unet", UNET_NEAR),
        "SegNet": far("segnet", SEGNET_NEAR),
        "FCN-32s": far("fcn32s", FCN32S_NEAR),
        "DeepLab-LargeFOV": far("deeplab_v1_largefov", DEEPLAB_NEAR),
        "front end": far("dilated_front_end", FRONT_END_NEAR),
        "DilatedNet": far("dilated_net", FRONT_END_NEAR),
    },
    starts=(
        *(recipes.VGG16, recipes.UNET_ENCODER),
        *(UNET_NEAR, SEGNET_NEAR, FCN32S_NEAR, DEEPLAB_NEAR, FRONT_END_NEAR),
    ),
    measure=measure,
    plot=plot,
    axes={"accuracy_by_distance": Axis("distance from the mark in px", EDGES)},
    references=references,
)
