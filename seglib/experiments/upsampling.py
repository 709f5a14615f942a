"""Five ways up: one encoder and decoder, in which nothing but the upsampling differs.

Question: what is unpooling with switches worth, beside cheaper ways to double a map?
Varies: how the five upsamplings of SegNet double their map:
- switches: each activation goes back to where its maximum was (max unpooling, SegNet's own);
- zero insertion: each activation goes to the upper left of its four pixels, so the map is as sparse, and the places
  are forgotten;
- nearest: each activation is repeated on its four pixels;
- bilinear: interpolated;
- learned: a transposed convolution, 2 x 2 with stride 2, channel by channel, which starts as nearest.
Equal: all other layers, their first weights (VGG16's have learned single shapes), pictures of one object, their order.
Only the learned one has more parameters: four for each channel that it doubles. (A full transposed convolution would
have more than the convolutions around it.)
Control: bilinear, which FCN and DeepLab use. Switches are also compared with zero insertion: same sparse maps, same
values, only the places differ.
Measured: mean IoU, boundary F1, IoU within bands around true boundaries, IoU by size. And what a wrong pixel is about,
the place or the name: IoU of objects and background, whatever the objects are called, and the share of right names
among the pixels of objects that are labelled as some object.
"""

import matplotlib.pyplot as plt
import torch
import torch.nn.functional as F
from matplotlib.figure import Figure
from torch import Tensor, nn

from seglib import models
from seglib.experiments import figures, measures, recipes
from seglib.experiments.experiment import Experiment
from seglib.experiments.result import Result

NAMES = ("upsample5", "upsample4", "upsample3", "upsample2", "upsample1")


class InsertZeros(nn.Module):
    """Each activation to the upper left of its 2 x 2 pixels, zeros on the others; takes what `Unpool` takes."""

    def forward(self, x: Tensor, switches: Tensor, output_size: tuple[int, int]) -> Tensor:
        """`N C ceil(H/2) ceil(W/2)` to `N C H W`."""
        up = x.new_zeros(*x.shape[:2], *output_size)
        up[:, :, ::2, ::2] = x
        return up


class Interpolate(nn.Module):
    """Twice the size by interpolation, "nearest" or "bilinear"; takes what `Unpool` takes."""

    def __init__(self, mode: str):
        super().__init__()
        self.mode = mode

    def forward(self, x: Tensor, switches: Tensor, output_size: tuple[int, int]) -> Tensor:
        """`N C ceil(H/2) ceil(W/2)` to `N C H W`."""
        corners = None if self.mode == "nearest" else False
        up = F.interpolate(x, scale_factor=2, mode=self.mode, align_corners=corners)
        return up[:, :, : output_size[0], : output_size[1]]

    def extra_repr(self) -> str:
        """The mode."""
        return self.mode


class LearnedUpsampling(nn.Module):
    """A transposed convolution, 2 x 2 with stride 2, for each channel by itself; takes what `Unpool` takes."""

    def __init__(self, channels: int):
        super().__init__()
        self.upconv = nn.ConvTranspose2d(channels, channels, 2, stride=2, groups=channels, bias=False)
        nn.init.ones_(self.upconv.weight)  # nearest

    def forward(self, x: Tensor, switches: Tensor, output_size: tuple[int, int]) -> Tensor:
        """`N C ceil(H/2) ceil(W/2)` to `N C H W`."""
        return self.upconv(x)[:, :, : output_size[0], : output_size[1]]


def segnet_with(*, num_classes: int, upsampling: str, width: float = 1.0) -> nn.Module:
    """SegNet with another upsampling: "switches" (its own), "zeros", "nearest", "bilinear" or "learned"."""
    model = models.create("segnet", num_classes=num_classes, width=width)
    if upsampling == "switches":
        return model
    for name, switches in zip(NAMES, (5, 4, 3, 2, 1), strict=True):
        channels = last_channels(getattr(model, f"encoder{switches}"))
        if upsampling == "zeros":
            layer: nn.Module = InsertZeros()
        elif upsampling in ("nearest", "bilinear"):
            layer = Interpolate(upsampling)
        elif upsampling == "learned":
            with torch.random.fork_rng(devices=[]):  # the first weights of no other layer depend on it
                layer = LearnedUpsampling(channels)
        else:
            raise ValueError(
                f'upsampling={upsampling!r} must be "switches", "zeros", "nearest", "bilinear" or "learned"'
            )
        setattr(model, name, layer)
    return model


def last_channels(stage: nn.Module) -> int:
    """Channels that leave a stage: those of its last convolution."""
    return [layer for layer in stage if isinstance(layer, nn.Conv2d)][-1].out_channels


def variant(upsampling: str):
    """The recipe of one way up; all but `upsampling` is SegNet's."""
    return recipes.SEGNET_48.replace(
        name=f"segnet_48_{upsampling}",
        network="seglib.experiments.upsampling:segnet_with",
        options=recipes.SEGNET_48.options | {"upsampling": upsampling},
    )


def plot(result: Result) -> Figure:
    """Mean IoU of the five; below, the two things it is made of: objects told from background, and named right."""
    with figures.book_style():
        figure, axes = plt.subplot_mosaic([["both", "both"], ["place", "name"]], figsize=(6.2, 5.4))
        figures.points(axes["both"], result, "mean_iou")
        figures.points(axes["place"], result, "object_iou")
        figures.points(axes["name"], result, "named_right", labels=False)
        axes["both"].set_title("place and name", fontsize=11)
        axes["place"].set_title("the place", fontsize=11)
        axes["name"].set_title("the name", fontsize=11)
    return figure


EXPERIMENT = Experiment(
    name="upsampling",
    question="What is unpooling with switches worth, beside cheaper ways to double a map?",
    varies="how SegNet's five upsamplings double their map",
    equal="all other layers and their first weights, pictures and their order, steps; the learned one has four more "
    "parameters for each channel that it doubles",
    control="bilinear",
    reason="it is the cheapest that FCN and DeepLab have; zero insertion is the control of the switches, as it makes "
    "maps as sparse and forgets the places",
    measured=measures.OBJECT_WORDS,
    claim="mean_iou",
    variants={
        "bilinear": variant("bilinear"),
        "switches": recipes.SEGNET_48,
        "zero insertion": variant("zeros"),
        "nearest": variant("nearest"),
        "learned": variant("learned"),
    },
    starts=(recipes.VGG16,),
    pairs=(
        ("switches", "bilinear"),
        ("switches", "zero insertion"),
        ("zero insertion", "bilinear"),
        ("nearest", "bilinear"),
        ("learned", "bilinear"),
        ("learned", "nearest"),
    ),
    measure=measures.of_scenes,
    plot=plot,
    axes=measures.AXES,
)
