"""Objects of all sizes: what each network makes of small ones and of large ones.

Question: which objects does a network get right, by their radius? DeconvNet's introduction names two limits of FCN:
objects larger than its field of view are cut into pieces, those far smaller are ignored.
Varies: the network; ten of them, small copies of the papers'.
Equal: the stages and the pictures seen in them (but for FC-DenseNet, which has less than half of the steps), the loss.
Control: true labels that have gone through a map of stride 8, 16 or 32 and back. What these lose, resolution alone
loses; what a network loses beyond, it has not understood. A network may do better than its oracle, since its scores at
one unit need not be the shares of the classes there. The other end is a network that says background everywhere.
Measured: IoU of single objects by radius, the share of objects without a single right pixel, mean IoU, boundaries.

The networks differ in parameters and in work, so this ranks no architectures: see the other experiments for what a
single decision does.
"""

import matplotlib.pyplot as plt
import torch
import torch.nn.functional as F
from matplotlib.figure import Figure
from torch import Tensor

from seglib.experiments import figures, measures, recipes
from seglib.experiments.experiment import Experiment, Measures
from seglib.experiments.result import Result

STRIDES = (8, 16, 32)
ORACLES = tuple(f"true labels at stride {stride}" for stride in STRIDES)
CONTROL = ORACLES[-1]


def through_stride(target: Tensor, stride: int, num_classes: int) -> Tensor:
    """True labels `H W` as a map of some stride can hold them: each unit the shares of the classes in its square.

    The shares are upsampled bilinearly, as FCN upsamples its scores, and the largest wins.
    """
    shares = F.avg_pool2d(F.one_hot(target, num_classes).permute(2, 0, 1)[None].float(), stride, ceil_mode=True)
    size = [stride * length for length in shares.shape[2:]]
    maps = F.interpolate(shares, size=size, mode="bilinear", align_corners=False)
    return maps[0, :, : target.shape[0], : target.shape[1]].argmax(0)


def references(scenes: int) -> dict[str, Measures]:
    """The oracles, and a network that sees nothing."""
    dataset = measures.held_out(recipes.FCN32S, scenes)
    found = {}
    for name, stride in zip(ORACLES, STRIDES, strict=True):
        found[name] = measures.of_predictions(
            lambda image, target, stride=stride: through_stride(target, stride, len(dataset.classes)), dataset
        )
    found["background everywhere"] = measures.of_predictions(lambda image, target: torch.zeros_like(target), dataset)
    return found


FAMILIES = {
    "FCN": ("FCN-32s", "FCN-16s", "FCN-8s"),
    "decoders": ("DeconvNet", "SegNet"),
    "concatenated skips": ("U-Net", "FC-DenseNet56"),
    "dilation": ("DeepLab-LargeFOV", "front end", "DilatedNet"),
}


def plot(result: Result, measure: str = "iou_by_size") -> Figure:
    """A curve by radius, one panel for each family of networks, with the oracles in all of them."""
    with figures.book_style():
        figure, axes = plt.subplots(2, 2, figsize=(6.4, 6), sharex=True, sharey=True)
        for ax, (family, names) in zip(axes.flat, FAMILIES.items(), strict=True):
            figures.curves(ax, result, measure, [*names, *ORACLES], legend=False)
            ax.legend(handles=figures.means(ax, names), fontsize=8, handlelength=2.6)
            ax.set_title(family, fontsize=10)
            ax.label_outer()
        oracles = figures.means(axes[0, 0], ORACLES)
        figure.legend(handles=oracles, fontsize=8, handlelength=2.6, ncols=3, loc="outside lower center")
    return figure


EXPERIMENT = Experiment(
    name="object_size",
    question="Which objects does a network get right, by their size?",
    varies="the network",
    equal="stages, pictures and loss (but FC-DenseNet56 has 300 steps of scenes, the others 1500)",
    control=CONTROL,
    reason="it knows everything and has the resolution of FCN-32s, so it loses what resolution alone loses",
    measured=measures.WORDS,
    claim="mean_iou",
    variants={
        "FCN-32s": recipes.FCN32S_LONG,
        "FCN-16s": recipes.FCN16S_LONG,
        "FCN-8s": recipes.FCN8S,
        "DeconvNet": recipes.DECONVNET,
        "SegNet": recipes.SEGNET,
        "U-Net": recipes.UNET_96,
        "FC-DenseNet56": recipes.FC_DENSENET,
        "DeepLab-LargeFOV": recipes.DEEPLAB,
        "front end": recipes.FRONT_END_LONG,
        "DilatedNet": recipes.DILATED_NET,
    },
    starts=(
        *(recipes.VGG16, recipes.UNET_ENCODER, recipes.DENSE_ENCODER),
        *(recipes.FCN32S_48, recipes.DECONVNET_48, recipes.SEGNET_48, recipes.UNET_48, recipes.DENSE_48),
        *(recipes.DEEPLAB_48, recipes.FRONT_END_48),
        *(recipes.FCN32S, recipes.FCN32S_FURTHER, recipes.FCN16S, recipes.FRONT_END),
    ),
    measure=measures.of_scenes,
    plot=plot,
    axes=measures.AXES,
    references=references,
)
