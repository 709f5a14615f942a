"""Skip connections of FCN: what pool4 and pool3 add to the scores of pool5.

Question: how much better are boundaries and masks when FCN adds the scores of finer maps, 32s to 16s to 8s?
Varies: the number of skip connections, 0, 1 or 2.
Equal: everything before: FCN-16s goes on from FCN-32s and FCN-8s from FCN-16s, as in the paper. So that neither wins
by having learned for longer, FCN-32s and FCN-16s go on too, for as many steps, on the same scenes.
Control: FCN-32s trained for the steps of all three stages. FCN-8s is also compared with an FCN-16s of as many steps:
that is the second skip connection's own share.
Measured: mean IoU, boundary F1, mean IoU within bands around true boundaries.
"""

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from seglib.experiments import figures, measures, recipes
from seglib.experiments.experiment import Experiment
from seglib.experiments.object_size import ORACLES, references
from seglib.experiments.result import Result

CONTROL = "FCN-32s, as long"


def plot(result: Result) -> Figure:
    """Boundary F1, and IoU in bands around boundaries."""
    names = ["FCN-32s, as long", "FCN-16s, as long", "FCN-8s"]
    with figures.book_style():
        figure, (above, below) = plt.subplots(2, 1, figsize=(6.2, 6), height_ratios=(1, 1.6))
        figures.points(above, result, "boundary_f1", [*result.variants])
        figures.curves(below, result, "trimap_iou", [*names, *ORACLES], legend=False)
        figure.legend(handles=figures.means(below), fontsize=8, handlelength=2.6, ncols=2, loc="outside lower center")
    return figure


EXPERIMENT = Experiment(
    name="skips",
    question="What do FCN's skip connections add?",
    varies="skip connections: none (32s), pool4 (16s), pool4 and pool3 (8s)",
    equal="the stages before, scenes, steps of 1500 in all where it says `as long`, batch, learning rate",
    control=CONTROL,
    reason="FCN-32s has learned for the steps of all stages, so that FCN-8s does not win by learning for longer",
    measured=measures.WORDS,
    claim="boundary_f1",
    variants={
        "FCN-32s": recipes.FCN32S,
        CONTROL: recipes.FCN32S_LONG,
        "FCN-16s, as long": recipes.FCN16S_LONG,
        "FCN-8s": recipes.FCN8S,
    },
    starts=(recipes.VGG16, recipes.FCN32S_48, recipes.FCN32S_FURTHER, recipes.FCN16S),
    pairs=(
        ("FCN-32s", CONTROL),
        ("FCN-16s, as long", CONTROL),
        ("FCN-8s", CONTROL),
        ("FCN-8s", "FCN-16s, as long"),
    ),
    measure=measures.of_scenes,
    plot=plot,
    axes=measures.AXES,
    references=references,
)
