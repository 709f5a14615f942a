"""The context module: what it adds to a front end, and whether it needs its identity initialisation.

Question: does DilatedNet's context module help, and does it fail, as its paper reports, when it starts at random?
Varies: what stands behind the front end: nothing, a context module that starts as the identity, one that starts with
He's random weights; and whether both learn scenes together from the beginning, the front end having learned single
objects only.
Equal: the front end that they start from, steps, scenes and their order, learning rate.
Control: the front end alone, trained for as many further steps, on the same scenes.
Measured: mean IoU, boundary F1, IoU by size, loss of the further steps.

Context modules learn together with the front end here, with Adam; the paper trains them on a frozen front end's scores
first, with SGD. The learning curve is measured too: an initialisation may delay what it does not prevent.
"""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from seglib.experiments import figures, measures, recipes
from seglib.experiments.experiment import Axis, Experiment, Measures
from seglib.experiments.result import Result
from seglib.train import Trained
from seglib.train.scenes import VGG

POINTS = 10  # of the learning curve
RANDOM = recipes.DILATED_NET.replace(
    name="dilated_net_96_random", options=recipes.DILATED_NET.options | {"context_init": "random"}
)
TOGETHER = recipes.scenes("dilated_net_96_together", "dilated_net", VGG, start="dilated_front_end_48")
TOGETHER_RANDOM = recipes.scenes(
    "dilated_net_96_together_random",
    "dilated_net",
    VGG | {"context_init": "random"},
    start="dilated_front_end_48",
)


def measure(trained: Trained, scenes: int) -> Measures:
    """What is measured of every network, and its loss by tenths of its steps."""
    losses = np.array([entry["loss"] for entry in trained.history])
    tenths = [each.mean() if len(each) else losses.mean() for each in np.array_split(losses, POINTS)]
    return measures.of_scenes(trained, scenes) | {"loss": [float(each) for each in tenths]}


def plot(result: Result) -> Figure:
    """Mean IoU, and the loss of the further steps."""
    with figures.book_style():
        figure, (left, right) = plt.subplots(1, 2, figsize=(6.4, 3.4))
        figures.points(left, result, "mean_iou")
        figures.curves(right, result, "loss", legend=False)
        right.set_xticks(range(2, 11, 2))
    return figure


EXPERIMENT = Experiment(
    name="context_module",
    question="Does the context module help, and does it need its identity initialisation?",
    varies="what stands behind the front end, how it starts, and whether both learn together from the beginning",
    equal="the trained front end (but for those that learn together), steps of 1500 in all, scenes and their order",
    control="front end, as long",
    reason="it has learned for as many further steps, so the context module does not win by learning for longer",
    measured=f"{measures.WORDS}; loss",
    claim="mean_iou",
    variants={
        "front end": recipes.FRONT_END,
        "front end, as long": recipes.FRONT_END_LONG,
        "context, identity": recipes.DILATED_NET,
        "context, random": RANDOM,
        "together, identity": TOGETHER,
        "together, random": TOGETHER_RANDOM,
    },
    starts=(recipes.VGG16, recipes.FRONT_END_48),
    pairs=(
        ("context, identity", "front end, as long"),
        ("context, random", "front end, as long"),
        ("context, identity", "context, random"),
        ("together, identity", "together, random"),
    ),
    measure=measure,
    plot=plot,
    axes=measures.AXES | {"loss": Axis("tenth of the training", tuple(range(1, POINTS + 1)))},
)
