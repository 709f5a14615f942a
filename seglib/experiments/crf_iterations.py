"""A dense CRF behind networks: coarse ones, and one that is sharp already.

Question: how much does a fully connected CRF gain along boundaries, after how many iterations, and is there anything
left to gain behind a network that is sharp already?
Varies: what stands behind a trained network: nothing, a CRF that knows positions only (smoothness), a CRF that knows
positions and colours.
Equal: the trained network, its logits, the scenes, 10 iterations.
Control: the network alone, which is the CRF after 0 iterations; and the CRF without colours, which tells what colours
do from what smoothing does.
Measured: mean IoU, boundary F1, mean IoU within bands around true boundaries by their width, mean IoU by iteration.

The CRF's numbers are chosen as papers choose them, here by mean IoU after 10 iterations on 50 scenes of the validation
split, for each network and seed: first the smoothness term's from `GAUSSIANS`, then, with that term fixed, the colour
term's from `BILATERALS`. They are measured on the test split. The grids were written down before the first result.
"""

from collections.abc import Sequence
from functools import partial
from itertools import product

import matplotlib.pyplot as plt
import torch
from matplotlib.figure import Figure
from torch import Tensor

from seglib import data, metrics
from seglib.crf import DenseCRF
from seglib.data.normalisation import normalise
from seglib.experiments import figures, measures, recipes
from seglib.experiments.experiment import Axis, Experiment, Measures
from seglib.experiments.result import Result
from seglib.train import Trained

ITERATIONS = 10  # the papers'
CHOOSING = 50  # scenes of the validation split
# Weight and sigma (px). DeepLab's (3, 3) is for images of 500 px, whose smallest objects are larger than ours.
GAUSSIANS = tuple(product((1.0, 3.0), (1.0, 3.0)))
# Weight, sigma of positions (px), sigma of colours (of 256). The scenes' noise alone has a deviation of 8.
BILATERALS = tuple(product((3.0, 6.0), (10.0, 30.0), (10.0, 20.0, 40.0)))

Term = tuple[float, ...] | None


def refined(image: Tensor, logits: Tensor, gaussian: Term, bilateral: Term) -> list[Tensor]:
    """Labels `H W` after 0, 1 ... iterations."""
    labels = [logits.argmax(0)]
    if gaussian is None and bilateral is None:
        return labels * (ITERATIONS + 1)
    crf = DenseCRF(image, gaussian=gaussian, bilateral=bilateral)
    return labels + [q.argmax(0) for q in crf.iterate(logits=logits, iterations=ITERATIONS)]


def choose(trained: Trained, gaussians: Sequence[Term], bilaterals: Sequence[Term], scenes: int) -> tuple[Term, Term]:
    """The pair with the best mean IoU on the validation split; the first of several."""
    options = trained.recipe.data_options | {"length": scenes, "seed": 0}
    dataset = data.load(trained.recipe.data, "val", **options)
    pictures = [(*dataset[i], predict(trained, dataset[i][0])) for i in range(len(dataset))]

    def score(pair: tuple[Term, Term]) -> float:
        metric = metrics.Segmentation(len(dataset.classes))
        for image, target, logits in pictures:
            metric.update(refined(image, logits, *pair)[-1], target)
        return metric.compute().mean_iou

    return max(product(gaussians, bilaterals), key=score)


def predict(trained: Trained, image: Tensor) -> Tensor:
    """Logits `K H W` of one image."""
    with torch.inference_mode():
        logits = trained.model(normalise(image[None]))[0]
    return logits.clone()


def measure(trained: Trained, scenes: int, *, crf: str) -> Measures:
    """What is measured behind a network, with "nothing", "smoothness" or "colours" for a CRF."""
    with torch.no_grad():
        few = min(scenes, CHOOSING)
        gaussian = bilateral = None
        if crf != "nothing":
            gaussian, _ = choose(trained, GAUSSIANS, [None], few)
        if crf == "colours":
            _, bilateral = choose(trained, [gaussian], BILATERALS, few)
        dataset = measures.held_out(trained.recipe, scenes)
        found = measures.kinds()
        by_iteration = [metrics.Segmentation(len(dataset.classes)) for _ in range(ITERATIONS + 1)]
        for i in range(len(dataset)):
            image, target = dataset[i]
            labels = refined(image, predict(trained, image), gaussian, bilateral)
            measures.count(found, labels[-1], target, dataset.instances(i))
            for metric, each in zip(by_iteration, labels, strict=True):
                metric.update(each, target)
    numbers = measures.summary({name: metric.compute() for name, metric in found.items()})
    names = ("gaussian_weight", "gaussian_sigma", "bilateral_weight", "bilateral_sigma_xy", "bilateral_sigma_rgb")
    chosen = [*(gaussian or (None,) * 2), *(bilateral or (None,) * 3)]
    return (
        numbers
        | {"iou_by_iteration": [metric.compute().mean_iou for metric in by_iteration]}
        | {"chosen": chosen if any(chosen) else [None] * len(names)}
    )


NETWORKS = {"FCN-32s": recipes.FCN32S_LONG, "DeepLab-LargeFOV": recipes.DEEPLAB, "U-Net": recipes.UNET_96}
KINDS = {"": "nothing", " + smoothness": "smoothness", " + CRF": "colours"}


def plot(result: Result) -> Figure:
    """IoU in bands around boundaries with and without, and by iteration; one row for each network."""
    with figures.book_style():
        figure, axes = plt.subplots(len(NETWORKS), 2, figsize=(6.2, 7.4), sharex="col", sharey="col")
        for row, network in zip(axes, NETWORKS, strict=True):
            names = [network + kind for kind in KINDS]
            series = dict(zip(names, figures.SERIES, strict=False))  # the same in every row
            for ax, measure in zip(row, ("trimap_iou", "iou_by_iteration"), strict=True):
                figures.curves(ax, result, measure, names, series=series, legend=False)
                ax.set_title(network, fontsize=11)
        for ax in axes[:-1].flat:
            ax.set_xlabel("")
        axes[-1, 1].set_xticks(range(0, ITERATIONS + 1, 2))
        words = ("the network alone", "and smoothness", "and a CRF with colours")
        figure.legend(figures.means(axes[0, 0]), words, loc="outside upper center", ncols=len(words), fontsize=10)
    return figure


EXPERIMENT = Experiment(
    name="crf_iterations",
    question="What does a dense CRF gain, and after how many iterations, behind coarse networks and a sharp one?",
    varies="what stands behind a trained network: nothing, a CRF of positions, a CRF of positions and colours",
    equal=f"the trained network and its logits, scenes, {ITERATIONS} iterations; the CRF's numbers are chosen on "
    "validation scenes from a grid",
    control="FCN-32s",
    reason="each network alone is the control of what stands behind it, and the CRF of positions that of colours",
    measured=f"{measures.WORDS}; mean IoU by iteration",
    claim="mean_iou",
    variants={network + kind: recipe for network, recipe in NETWORKS.items() for kind in KINDS},
    starts=(
        *(recipes.VGG16, recipes.UNET_ENCODER, recipes.FCN32S_48, recipes.DEEPLAB_48, recipes.UNET_48),
        *(recipes.FCN32S, recipes.FCN32S_FURTHER),
    ),
    pairs=tuple(
        pair
        for network in NETWORKS
        for pair in (
            (f"{network} + smoothness", network),
            (f"{network} + CRF", network),
            (f"{network} + CRF", f"{network} + smoothness"),
        )
    ),
    measure={network + kind: partial(measure, crf=crf) for network in NETWORKS for kind, crf in KINDS.items()},
    plot=plot,
    axes=measures.AXES
    | {
        "iou_by_iteration": Axis("iterations of mean field", tuple(range(ITERATIONS + 1))),
        "chosen": Axis("weight and sigma of positions; weight, sigma of positions, of colours", (1, 2, 3, 4, 5)),
    },
)
