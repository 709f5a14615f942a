"""Median frequency weights: SegNet on road scenes with a balanced loss and with a plain one.

Question: what do class weights change, and could they be given to a network, or taken from it, after its training?
Varies: the weights of the classes in the cross-entropy: none, or those of median frequency balancing. And what is
added to the scores: nothing, or the logarithm of the weights.

A network that minimises the plain cross-entropy says p(c | x). With weights w the least loss is at probabilities
proportional to w_c p(c | x): the weights add log w_c to the score of class c and change nothing else, as far as the
network can learn p at all. Then the balanced network with log w_c taken away is the plain one, and the plain one with
log w_c added is the balanced one. Both are measured beside what was trained.
Equal: network, first weights, scenes and their order, steps, learning rate.
Control: the network with the plain loss. The label that is most frequent at a place, and the one that is most frequent
among pixels of a colour, are references: what can be known without looking at a shape.
Measured: global accuracy, mean accuracy, mean IoU; IoU and accuracy of each class.
"""

from collections.abc import Mapping
from functools import lru_cache, partial

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor, nn

from seglib import data, metrics
from seglib.experiments import figures, measures
from seglib.experiments.experiment import Axis, Experiment, Measures
from seglib.experiments.result import Result
from seglib.train import SCENES, Trained
from seglib.train.scenes import ROAD_SIZE, ROAD_WEIGHTS

CLASSES = data.RoadScenes.classes
LEARNT_FROM = 400  # scenes of the training split that the references count
LEVELS = 8  # of each channel of a colour
BALANCED = SCENES["segnet_road"]
PLAIN = BALANCED.replace(name="segnet_road_unweighted", class_weights=None)


class Shifted(nn.Module):
    """A network whose scores have `strength * log w_c` added, for every class c."""

    def __init__(self, network: nn.Module, weights: Tensor, strength: float):
        super().__init__()
        self.network = network
        self.register_buffer("shift", strength * weights.log().view(1, -1, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Images `N C H W` to scores `N K H W`."""
        return self.network(x) + self.shift


def measure(trained: Trained, scenes: int, *, strength: float = 0.0) -> Measures:
    """All measures of a trained network on so many scenes, with the logarithm of the weights added so many times."""
    model = Shifted(trained.model, torch.tensor(ROAD_WEIGHTS), strength)
    held_out = measures.held_out(trained.recipe, scenes)
    return summary(metrics.evaluate(model, held_out)["segmentation"])


def summary(scores: metrics.Scores) -> Measures:
    """Numbers and curves of the scores."""
    return {
        "pixel_accuracy": scores.pixel_accuracy,
        "mean_accuracy": scores.mean_accuracy,
        "mean_iou": scores.mean_iou,
        "class_iou": scores.iou.tolist(),
        "class_accuracy": scores.accuracy.tolist(),
    }


def references(scenes: int) -> Mapping[str, Measures]:
    """What place alone and colour alone tell."""
    place, colour = tables()
    ignore_index = data.RoadScenes.ignore_index
    found = {
        name: metrics.Segmentation(len(CLASSES), ignore_index, CLASSES) for name in ("place alone", "colour alone")
    }
    held_out = data.load("road", measures.SPLIT, size=ROAD_SIZE, length=scenes)
    for image, target in (held_out[i] for i in range(scenes)):
        found["place alone"].update(place, target)
        found["colour alone"].update(colour[colour_number(image)], target)
    return {name: summary(metric.compute()) for name, metric in found.items()}


@lru_cache(maxsize=1)
def tables() -> tuple[Tensor, Tensor]:
    """The most frequent label of each place, `H W`, and of each colour, in training scenes."""
    K = len(CLASSES)
    scenes = data.load("road", size=ROAD_SIZE, length=LEARNT_FROM)
    places = torch.zeros(*ROAD_SIZE, K)
    colours = torch.zeros(LEVELS**3, K + 1)
    for image, target in (scenes[i] for i in range(len(scenes))):
        labelled = target < K
        places += torch.nn.functional.one_hot(target.clamp(max=K - 1), K) * labelled[..., None]
        number = colour_number(image) * (K + 1) + target
        colours += torch.bincount(number.flatten(), minlength=colours.numel()).view_as(colours)
    return places.argmax(-1), colours[:, :K].argmax(-1)


def colour_number(image: Tensor) -> Tensor:
    """The number of each pixel's colour among `LEVELS^3`, int64 `H W`, of an image `3 H W` from 0 to 1."""
    red, green, blue = (image * LEVELS).long().clamp(max=LEVELS - 1)
    return (red * LEVELS + green) * LEVELS + blue


def plot(result: Result) -> Figure:
    """Global and mean accuracy of all that was measured, and IoU class by class with and without weights."""
    with figures.book_style():
        figure, (above, below) = plt.subplots(2, 1, figsize=(6.2, 7.4))
        series = figures.series_of(result)
        for name in result.variants:
            colour, mark = series[name]
            x, y = result.per_seed(name, "pixel_accuracy"), result.per_seed(name, "mean_accuracy")
            hollow = "white" if ", " in name else colour
            look = {"color": colour, "marker": mark, "linestyle": ""}
            above.plot(x, y, **look, markersize=3, alpha=0.6)
            above.plot(x.mean(), y.mean(), **look, ms=9, mfc=hollow, label=figures.label(result, name))
        above.locator_params(nbins=5)
        above.set(xlabel="global accuracy", ylabel="mean accuracy of the classes")
        above.legend(fontsize=8, loc="lower left")
        order = np.argsort(ROAD_WEIGHTS)
        for row, name in enumerate(("plain loss", "balanced loss")):
            values = result.per_seed(name, "class_iou")[:, order]
            colour, mark = series[name]
            places = np.arange(len(CLASSES)) + 0.32 * (row - 0.5)
            spread = values.std(0, ddof=1) if len(values) > 1 else np.zeros(len(CLASSES))
            below.barh(places, values.mean(0), 0.3, xerr=spread, color=colour, hatch=("", "//")[row], label=name)
        below.set_yticks(range(len(CLASSES)), [CLASSES[i] for i in order], fontsize=9)
        below.invert_yaxis()
        below.set_xlabel("IoU; the most frequent class is at the top")
        below.legend(fontsize=8, loc="lower right")
    return figure


EXPERIMENT = Experiment(
    name="class_balance",
    question="What do median frequency weights change, and can they be added or taken away after the training?",
    varies="the class weights of the loss, and a shift of the scores by their logarithm",
    equal="the network, its first weights, scenes and their order, steps",
    control="plain loss",
    reason="it is the same network, trained without weights",
    measured=f"on road scenes of the {measures.SPLIT} split, 96 x 128 px: global accuracy, mean accuracy, mean IoU; "
    "accuracy and IoU of each class",
    claim="mean_iou",
    variants={
        "plain loss": PLAIN,
        "balanced loss": BALANCED,
        "plain loss, weights added": PLAIN,
        "balanced loss, weights taken back": BALANCED,
    },
    pairs=(
        ("balanced loss", "plain loss"),
        ("plain loss, weights added", "balanced loss"),
        ("balanced loss, weights taken back", "plain loss"),
    ),
    measure={
        "plain loss": measure,
        "balanced loss": measure,
        "plain loss, weights added": partial(measure, strength=1.0),
        "balanced loss, weights taken back": partial(measure, strength=-1.0),
    },
    plot=plot,
    axes={name: Axis("class id", tuple(map(float, range(len(CLASSES))))) for name in ("class_iou", "class_accuracy")},
    references=references,
)
