"""Pooling against dilation, at the same receptive field.

Question: pooling and dilation both widen what a unit sees. What does the resolution cost that pooling gives up?
Varies: how three max poolings and the convolutions behind them reach their field:
- pooling: stride 2 each; scores at stride 8, upsampled bilinearly;
- dilation: stride 1 each, and what comes behind them dilated by 2, 4 and 8 (the hole algorithm): scores everywhere;
- neither: stride 1, nothing dilated: scores everywhere, from a small field.
Equal: eight convolutions and three poolings, the parameters and their first weights (random), pictures of one object,
their order, steps. Pooling and dilation also have the same field, and with the same weights give the same scores at
every eighth pixel.
Control: neither; it tells whether the field matters at all on these pictures.
Measured: mean IoU, boundary F1, IoU by size, IoU within bands around true boundaries; work, memory and time.
"""

from collections import OrderedDict

import matplotlib.pyplot as plt
import torch.nn.functional as F
from matplotlib.figure import Figure
from torch import Tensor, nn

from seglib import train
from seglib.experiments import figures, measures, recipes
from seglib.experiments.experiment import Experiment
from seglib.experiments.result import Result
from seglib.receptive_field import receptive_field

CHANNELS = (8, 16, 24, 32)  # of the four pairs of convolutions, before `width`
WAYS = ("pooling", "dilation", "neither")


class DensePooling(nn.Module):
    """Max pooling over 2 x 2 pixels `rate` apart with stride 1; the map keeps its size.

    The window lies around the middle of the pixels that the pooling with stride 2 would take, so that score (8 i + 3)
    here is score i there. Zeros around the map change no maximum, as what is pooled comes out of a ReLU.
    """

    def __init__(self, rate: int):
        super().__init__()
        self.rate = rate
        before = rate // 2
        self.padding = (before, rate - before) * 2
        self.pool = nn.MaxPool2d(2, stride=1, dilation=rate)

    def forward(self, x: Tensor) -> Tensor:
        """`N C H W` to `N C H W`."""
        return self.pool(F.pad(x, self.padding))


class SmallNetwork(nn.Module):
    """Four pairs of 3 x 3 convolutions with a pooling in between; `N 3 H W` to `N num_classes H W`, sizes of 8 k.

    Args:
        num_classes: classes.
        way: "pooling", "dilation" or "neither".
        width: multiplies the channels.
    """

    def __init__(self, *, num_classes: int, way: str, width: float = 1.0):
        super().__init__()
        if way not in WAYS:
            raise ValueError(f"way={way!r} must be one of {', '.join(WAYS)}")
        self.way = way
        layers: OrderedDict[str, nn.Module] = OrderedDict()
        before = 3
        for stage, channels in enumerate(CHANNELS, start=1):
            rate = 2 ** (stage - 1) if way == "dilation" else 1
            if stage > 1:
                layers[f"pool{stage - 1}"] = nn.MaxPool2d(2) if way == "pooling" else DensePooling(max(1, rate // 2))
            for i in (1, 2):
                after = max(1, round(width * channels))
                layers[f"conv{stage}_{i}"] = nn.Conv2d(before, after, 3, padding=rate, dilation=rate)
                layers[f"relu{stage}_{i}"] = nn.ReLU(inplace=True)
                before = after
        self.layers = nn.Sequential(layers)
        self.score = nn.Conv2d(before, num_classes, 1)
        train.initialise(self)

    def forward(self, x: Tensor) -> Tensor:
        """Images to logits."""
        x = self.score(self.layers(x))
        if self.way == "pooling":  # score i lies in the middle of its 8 pixels, where interpolate has it
            x = F.interpolate(x, scale_factor=8, mode="bilinear", align_corners=False)
        return x


def variant(way: str):
    """The recipe of one way; all but `way` is the same."""
    network = "seglib.experiments.pooling_or_dilation:SmallNetwork"
    return recipes.one_object(f"small_network_48_{way}", network, {"way": way}, steps=1000, start="default")


def costs(variants) -> dict:
    """Costs of one picture, and the field of one score in pixels."""
    found = measures.costs(variants, input_size=(recipes.OBJECT_SIZE, recipes.OBJECT_SIZE), num_classes=5)
    for name, recipe in variants.items():
        field = receptive_field(measures.network(recipe, 5), (3, recipes.OBJECT_SIZE, recipes.OBJECT_SIZE), "score")
        found[name]["field"] = max(field.widths)
    return found


def plot(result: Result) -> Figure:
    """IoU by size, IoU in bands around boundaries, and what it takes."""
    with figures.book_style():
        rows = [["size", "bands"], ["work", "work"]]
        figure, axes = plt.subplot_mosaic(rows, figsize=(6.2, 4.8), height_ratios=(2, 1))
        figures.curves(axes["size"], result, "iou_by_size")
        figures.curves(axes["bands"], result, "trimap_iou", legend=False)
        series = figures.series_of(result)
        for row, name in enumerate(result.variants):
            axes["work"].barh(row, result.costs[name]["macs"] / 1e6, color=series[name][0], height=0.6)
        fields = [f"{name}, sees {result.costs[name]['field']} px" for name in result.variants]
        axes["work"].set_yticks(range(len(fields)), fields, fontsize=9)
        axes["work"].invert_yaxis()
        axes["work"].set_xlabel("million multiply-adds")
    return figure


EXPERIMENT = Experiment(
    name="pooling_or_dilation",
    question="What does the resolution cost that pooling gives up, at the same receptive field?",
    varies="whether the field comes from stride 2 or from dilation, or does not come at all",
    equal="layers, parameters, first weights, pictures and their order, steps; the field of pooling and dilation",
    control="neither",
    reason="it has the resolution of dilation and neither's field, so it tells whether the field matters here",
    measured=f"{measures.OBJECT_WORDS}; costs of one picture",
    claim="mean_iou",
    variants={"neither": variant("neither"), "pooling": variant("pooling"), "dilation": variant("dilation")},
    pairs=(("pooling", "neither"), ("dilation", "neither"), ("dilation", "pooling")),
    measure=measures.of_scenes,
    plot=plot,
    axes=measures.AXES,
    costs=costs,
)
