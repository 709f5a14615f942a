"""DeconvNet against SegNet: the same encoder and the same switches, with and without fc6 and fc7 in the middle.

Question: what do DeconvNet's fully connected layers cost, in parameters, memory and time, and what do they bring?
Varies: the network. Both have VGG16's encoder and unpooling; between them DeconvNet has fc6, fc7 and fc6_deconv (of
2 x 2 here, where pool5 is 3 x 3), and its decoder has one layer more.
Equal: width, stages, start, scenes and their order, steps, learning rate.
Control: SegNet, the smaller one. That the difference is one of the middle, and not of all the rest, is not controlled:
DeconvNet's first convolution in each stage of its decoder differs too.
Measured: mean IoU, boundary F1, IoU by size; parameters, multiply-accumulates, memory of all activations, and seconds
of a forward pass on one thread, both in turns. Times are of one computer; their ratio is what may be quoted.
"""

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from seglib import models
from seglib.experiments import figures, measures, recipes
from seglib.experiments.experiment import Experiment
from seglib.experiments.result import Result

COSTS = ("parameters", "macs", "activation_bytes", "seconds")
FULL_SIZE = (224, 224)  # DeconvNet's


def costs(variants) -> dict:
    """Costs of the copies that were trained, and parameters, work and memory of the networks of the papers."""
    found = measures.costs(variants, input_size=(recipes.SIZE, recipes.SIZE), num_classes=5)
    for name, recipe in variants.items():
        about = models.describe(recipe.network, num_classes=21, input_size=FULL_SIZE)
        found[name] |= {
            "full_size_parameters": about.trainable,
            "full_size_macs": about.macs,
            "full_size_activation_bytes": about.memory,
        }
    return found


def plot(result: Result) -> Figure:
    """Costs of DeconvNet as multiples of SegNet's, and IoU by size."""
    with figures.book_style():
        figure, (left, right) = plt.subplots(1, 2, figsize=(6.4, 3.2))
        one, other = result.costs["DeconvNet"], result.costs["SegNet"]
        ratios = [one[cost] / other[cost] for cost in COSTS]
        colour, _ = figures.series_of(result)["DeconvNet"]
        left.barh(range(len(COSTS)), ratios, color=colour, height=0.6)
        for row, ratio in enumerate(ratios):
            left.text(ratio, row, f" {ratio:.2f} x", va="center", fontsize=9)
        left.axvline(1, color=figures.GREY, linewidth=0.8, linestyle="--")
        left.set_yticks(range(len(COSTS)), ["parameters", "multiply-adds", "activations", "time"])
        left.set_xlim(0, 1.25 * max(ratios))
        left.invert_yaxis()
        left.set_xlabel("DeconvNet / SegNet")
        figures.curves(right, result, "iou_by_size")
    return figure


EXPERIMENT = Experiment(
    name="deconvnet_segnet",
    question="What do DeconvNet's fully connected layers cost, and what do they bring?",
    varies="the network: DeconvNet has fc6, fc7 and fc6_deconv between encoder and decoder",
    equal="the encoder and its start, unpooling with switches, scenes and their order, steps",
    control="SegNet",
    reason="it is DeconvNet without fully connected layers, as far as two papers allow",
    measured=f"{measures.WORDS}; costs of one scene",
    claim="mean_iou",
    variants={"SegNet": recipes.SEGNET, "DeconvNet": recipes.DECONVNET},
    starts=(recipes.VGG16, recipes.SEGNET_48, recipes.DECONVNET_48),
    measure=measures.of_scenes,
    plot=plot,
    axes=measures.AXES,
    costs=costs,
)
