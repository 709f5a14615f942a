"""Sum against concatenation: what a skip connection does when it arrives.

Question: FCN adds what a skip connection brings, U-Net concatenates it. Does concatenation win, and if so, by itself
or by the parameters that it brings along?
Varies: how U-Net's four skip connections join the map that comes up: concatenated, added, or not at all; and
concatenated in an expanding path so much narrower that it has as many parameters as the one with sums.
Equal: the contracting path and its first weights, which come from a classifier of single shapes; pictures of one
object, their order, steps. First weights of the expanding path are equal where the layers are. A first
convolution behind a sum is that behind the concatenation without its second half, times sqrt(2), for which He's
initialisation would have drawn it too.
Control: no skip connection; the narrow concatenation is the control of the parameters.
Measured: mean IoU, boundary F1, IoU by size, IoU within bands around true boundaries, and parameters.
"""

import math

import matplotlib.pyplot as plt
import torch
from matplotlib.figure import Figure
from torch import Tensor, nn

from seglib import models
from seglib.experiments import figures, measures, recipes
from seglib.experiments.experiment import Experiment
from seglib.experiments.result import Result

# Each level on the way up: the join, its stage, and that stage's first convolution.
LEVELS = (
    ("concat_d3cc_u3a_b", "u3", "conv_u3b_c"),
    ("concat_d2cc_u2a_b", "u2", "conv_u2b_c"),
    ("concat_d1cc_u1a_b", "u1", "conv_u1b_c"),
    ("concat_d0cc_u0a_b", "u0", "conv_u0b_c"),
)
SKIPS = ("concat", "sum", "none", "narrow")
NARROW = 53 / 64  # channels of the narrow expanding path, as a share: then it has as many parameters as with sums


class Join(nn.Module):
    """The map that comes up, with the skip connection added or left out; takes what `CropAndConcat` takes."""

    def __init__(self, *, add: bool):
        super().__init__()
        self.add = add

    def forward(self, upsampled: Tensor, skip: Tensor) -> Tensor:
        """`N C h w` and `N C H W` to `N C H W`; rows and columns beyond the skip connection's are cropped."""
        upsampled = upsampled[:, :, : skip.shape[2], : skip.shape[3]]
        return upsampled + skip if self.add else upsampled

    def extra_repr(self) -> str:
        """Whether it adds."""
        return f"add={self.add}"


def unet_with(*, num_classes: int, skips: str, width: float = 1.0) -> nn.Module:
    """U-Net with its skip connections "concat"(enated, its own), "sum"(med), "none", or "narrow"."""
    if skips not in SKIPS:
        raise ValueError(f"skips={skips!r} must be one of {', '.join(SKIPS)}")
    model = models.create("unet", num_classes=num_classes, width=width, same_padding=True)
    if skips == "narrow":
        with torch.random.fork_rng(devices=[]):
            narrow(model)
    elif skips != "concat":
        for join, stage, first in LEVELS:
            setattr(model, join, Join(add=skips == "sum"))
            stage = getattr(model, stage)
            setattr(stage, first, half_of(getattr(stage, first)))
    return model


@torch.no_grad()
def half_of(conv: nn.Conv2d) -> nn.Conv2d:
    """A convolution that takes the first half of the channels only, as He would start it."""
    half = nn.Conv2d(conv.in_channels // 2, conv.out_channels, conv.kernel_size, padding=conv.padding)
    half.weight.copy_(conv.weight[:, : half.in_channels] * math.sqrt(2))
    half.bias.copy_(conv.bias)
    return half


def narrow(model: nn.Module) -> None:
    """Give the expanding path fewer channels; the contracting path and its skip connections stay."""
    below = model.d4.conv_d4b_c.out_channels
    ups = ("upconv_d4c_u3a", "upconv_u3d_u2a", "upconv_u2d_u1a", "upconv_u1d_u0a")
    for up, (_, stage, _) in zip(ups, LEVELS, strict=True):
        old = getattr(model, up).out_channels
        channels = max(1, round(NARROW * old))
        setattr(model, up, as_unet(nn.ConvTranspose2d(below, channels, 2, stride=2)))
        layers = getattr(model, stage)
        first, _, second, _ = [name for name, _ in layers.named_children()]
        setattr(layers, first, as_unet(nn.Conv2d(channels + old, channels, 3, padding=1)))
        setattr(layers, second, as_unet(nn.Conv2d(channels, channels, 3, padding=1)))
        below = channels
    score = model.conv_u0d_score
    model.conv_u0d_score = as_unet(nn.Conv2d(below, score.out_channels, 1))


def as_unet(layer: nn.Conv2d | nn.ConvTranspose2d) -> nn.Module:
    """A layer started as U-Net starts its own: normal, with variance 2 / (inputs of one unit)."""
    taps = 1 if isinstance(layer, nn.ConvTranspose2d) else math.prod(layer.kernel_size)
    nn.init.normal_(layer.weight, std=math.sqrt(2 / (layer.in_channels * taps)))
    nn.init.zeros_(layer.bias)
    return layer


def variant(skips: str):
    """The recipe of one way to join; all but `skips` is U-Net's."""
    return recipes.UNET_48.replace(
        name=f"unet_48_{skips}",
        network="seglib.experiments.sum_or_concat:unet_with",
        options={"width": recipes.UNET["width"], "skips": skips},
    )


def costs(variants) -> dict:
    """Parameters, work, memory and time of a picture."""
    return measures.costs(variants, input_size=(recipes.OBJECT_SIZE, recipes.OBJECT_SIZE), num_classes=5)


def plot(result: Result) -> Figure:
    """Mean IoU with the number of parameters, and IoU in bands around boundaries."""
    with figures.book_style():
        figure, (above, below) = plt.subplots(2, 1, figsize=(6.2, 5.4), height_ratios=(1, 1.3))
        figures.points(above, result, "mean_iou")
        labels = [
            f"{figures.label(result, name)}\n{result.costs[name]['parameters'] / 1000:.0f}k parameters"
            for name in result.variants
        ]
        above.set_yticks(range(len(labels)), labels, fontsize=9)
        figures.curves(below, result, "trimap_iou")
    return figure


EXPERIMENT = Experiment(
    name="sum_or_concat",
    question="Does it matter whether a skip connection is added or concatenated?",
    varies="how U-Net's skip connections join the map that comes up",
    equal="the contracting path with its first weights, pictures and their order, steps",
    control="no skips",
    reason="it is as deep and has as many parameters as the sum; the narrow concatenation has as many too, and so "
    "tells what concatenation does from what its parameters do",
    measured=measures.OBJECT_WORDS,
    claim="mean_iou",
    variants={
        "no skips": variant("none"),
        "sum": variant("sum"),
        "concatenation": recipes.UNET_48,
        "narrow concatenation": variant("narrow"),
    },
    starts=(recipes.UNET_ENCODER,),
    pairs=(
        ("sum", "no skips"),
        ("concatenation", "no skips"),
        ("concatenation", "sum"),
        ("narrow concatenation", "sum"),
        ("concatenation", "narrow concatenation"),
    ),
    measure=measures.of_scenes,
    plot=plot,
    axes=measures.AXES,
    costs=costs,
)
