"""FC-DenseNet, "the Tiramisu": dense blocks on the way down and on the way up; 56, 67 and 103 layers.

Jégou, Drozdzal, Vazquez, Romero and Bengio, "The One Hundred Layers Tiramisu: Fully Convolutional DenseNets for
Semantic Segmentation", CVPR Workshops 2017, https://arxiv.org/abs/1611.09326, tables 1 and 2, and the authors' code,
https://github.com/SimJeg/FC-DenseNet (Theano and Lasagne, MIT).

There are two kinds of concatenation. Inside a block each layer sees the block's input and all maps that the layers
before it made; from the way down to the way up, a skip connection hands over everything a block has seen and made. What
is not handed on is the input of the bottleneck and of the blocks on the way up: only their new maps are upsampled, or
the network would grow with each of them. The scores alone see the whole last stack.

Sizes: poolings round down and a transposed convolution makes 2n + 1 of n, of which as many rows and columns are kept,
from the first on, as the skip connection has: 2n + 1 of an odd map, 2n of an even one. So any size will do from
32 x 32 on. (The code's "centre" crop of at most one row starts at 0.)

Deviations, the first off by default:
- `width` multiplies the first convolution's channels and the growth rate.
- In eval mode batch normalisation uses running averages, as usual; the authors' code uses the statistics of the batch
  when testing too. For that, put the `nn.BatchNorm2d` modules alone into train mode.
- PyTorch's running variance is that of n - 1, and it is a variance; Lasagne averages 1 / standard deviation.
- The softmax belongs to the loss: logits come out.
"""

from collections import OrderedDict
from itertools import accumulate

import torch
from torch import Tensor, nn

from seglib.models._checks import at_least_one, check_image, check_state
from seglib.models._paper import Paper, Result
from seglib.models._vgg import scaled

CITATION = (
    "Jégou, Drozdzal, Vazquez, Romero, Bengio: The One Hundred Layers Tiramisu: Fully Convolutional DenseNets for "
    "Semantic Segmentation, CVPR Workshops 2017"
)
LINK = "https://arxiv.org/abs/1611.09326"


def _paper(parameters: int, receptive_field: tuple[int, int], miou: float, accuracy: float, printed: str = "") -> Paper:
    return Paper(
        citation=CITATION,
        link=LINK,
        num_classes=11,
        input_size=(224, 224),
        output_size=(224, 224),
        parameters=parameters,
        output_stride=1,
        receptive_field=receptive_field,
        printed=printed,
        results=(
            Result("mIoU, CamVid test, 11 classes", miou, "table 3"),
            Result("global accuracy, CamVid test, 11 classes", accuracy, "table 3"),
        ),
    )


PAPER = {
    "fc_densenet56": _paper(
        1_376_795,
        (794, 826),
        58.9,
        88.9,
        printed="Table 3 has 1.5M parameters. The definition has 1,376,795 that are trained, and 1,397,963 with the "
        "running statistics of batch normalisation.",
    ),
    "fc_densenet67": _paper(3_463_243, (984, 1016), 65.8, 90.8),
    "fc_densenet103": _paper(
        9_322_091,
        (2262, 2294),
        66.9,
        91.5,
        printed="Table 3 has 9.4M parameters: 9,425,163 with the running statistics of batch normalisation, of which "
        "9,322,091 are trained. Table 2's numbers m from the bottleneck on (880, 1072, 800, ...) are misprints: "
        "the README of the code corrects them to 896, 1088, 816, ..., as the definition has it.",
    ),
}


class FCDenseNet(nn.Module):
    """FC-DenseNet; `N in_channels H W -> N num_classes H W` logits, for any size from 32 x 32 on.

    Args:
        layers_per_block: layers of the eleven dense blocks: five on the way down, the bottleneck, five on the way up.
        growth: k, the maps that each layer adds.
        num_classes: classes, the background included.
        in_channels: channels of the image.
        width: multiplies the 48 channels of the first convolution, and `growth`.
    """

    def __init__(
        self,
        *,
        layers_per_block: tuple[int, ...],
        growth: int,
        num_classes: int,
        in_channels: int = 3,
        width: float = 1.0,
    ):
        super().__init__()
        if len(layers_per_block) != 11:
            raise ValueError(f"layers_per_block={layers_per_block} must have 11 numbers, five on each side of one")
        for layers in layers_per_block:
            at_least_one("layers_per_block", layers)
        K = at_least_one("num_classes", num_classes)
        self.in_channels = at_least_one("in_channels", in_channels)
        k = scaled(at_least_one("growth", growth), width)
        # n: layers of each block. m: maps in the stack after the first convolution and each block on the way down.
        n1, n2, n3, n4, n5, n6, n7, n8, n9, n10, n11 = layers_per_block
        m0, m1, m2, m3, m4, m5 = accumulate([k * n for n in (n1, n2, n3, n4, n5)], initial=scaled(48, width))

        self.first = nn.Conv2d(in_channels, m0, 3, padding=1)
        self.db1 = DenseBlock(m0, layers=n1, growth=k)
        self.td1 = transition_down(m1)
        self.db2 = DenseBlock(m1, layers=n2, growth=k)
        self.td2 = transition_down(m2)
        self.db3 = DenseBlock(m2, layers=n3, growth=k)
        self.td3 = transition_down(m3)
        self.db4 = DenseBlock(m3, layers=n4, growth=k)
        self.td4 = transition_down(m4)
        self.db5 = DenseBlock(m4, layers=n5, growth=k)
        self.td5 = transition_down(m5)
        self.db6 = DenseBlock(m5, layers=n6, growth=k)
        self.tu5 = TransitionUp(k * n6)
        self.db7 = DenseBlock(k * n6 + m5, layers=n7, growth=k)
        self.tu4 = TransitionUp(k * n7)
        self.db8 = DenseBlock(k * n7 + m4, layers=n8, growth=k)
        self.tu3 = TransitionUp(k * n8)
        self.db9 = DenseBlock(k * n8 + m3, layers=n9, growth=k)
        self.tu2 = TransitionUp(k * n9)
        self.db10 = DenseBlock(k * n9 + m2, layers=n10, growth=k)
        self.tu1 = TransitionUp(k * n10)
        self.db11 = DenseBlock(k * n10 + m1, layers=n11, growth=k)
        self.score = nn.Conv2d(k * n10 + m1 + k * n11, K, 1)

        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
                nn.init.kaiming_uniform_(module.weight, nonlinearity="relu")
                nn.init.zeros_(module.bias)
        check_state(self)

    def forward(self, x: Tensor) -> Tensor:
        check_image(x, channels=self.in_channels, smallest=32, reason="five poolings halve them")
        # Channels are FC-DenseNet103's. On the way down the stack goes on, on the way up the new maps only.
        x = self.first(x)  # N 48 H W
        skip1 = torch.cat([x, self.db1(x)], 1)  # N 112 H W
        x = self.td1(skip1)  # N 112 H/2 W/2
        skip2 = torch.cat([x, self.db2(x)], 1)  # N 192 H/2 W/2
        x = self.td2(skip2)  # N 192 H/4 W/4
        skip3 = torch.cat([x, self.db3(x)], 1)  # N 304 H/4 W/4
        x = self.td3(skip3)  # N 304 H/8 W/8
        skip4 = torch.cat([x, self.db4(x)], 1)  # N 464 H/8 W/8
        x = self.td4(skip4)  # N 464 H/16 W/16
        skip5 = torch.cat([x, self.db5(x)], 1)  # N 656 H/16 W/16
        x = self.td5(skip5)  # N 656 H/32 W/32
        x = self.db6(x)  # N 240 H/32 W/32
        x = self.tu5(x, skip5)  # N 240+656 H/16 W/16
        x = self.db7(x)  # N 192 H/16 W/16
        x = self.tu4(x, skip4)  # N 192+464 H/8 W/8
        x = self.db8(x)  # N 160 H/8 W/8
        x = self.tu3(x, skip3)  # N 160+304 H/4 W/4
        x = self.db9(x)  # N 112 H/4 W/4
        x = self.tu2(x, skip2)  # N 112+192 H/2 W/2
        x = self.db10(x)  # N 80 H/2 W/2
        x = self.tu1(x, skip1)  # N 80+112 H W
        x = torch.cat([x, self.db11(x)], 1)  # N 192+64 H W
        return self.score(x)  # N K H W


class DenseBlock(nn.Module):
    """Layers that each see the block's input and all maps made so far; `N C H W -> N layers*growth H W`, the new maps.

    Each layer normalises its whole input with means and factors of its own, so that input must be one tensor: one
    concatenation for each layer but the first. The last layer's maps join no further one, and the input is copied to
    the output only where a caller wants the stack.
    """

    def __init__(self, in_channels: int, *, layers: int, growth: int):
        super().__init__()
        self.layers = nn.ModuleList(layer(in_channels + i * growth, growth) for i in range(layers))

    def forward(self, x: Tensor) -> Tensor:
        new = []
        for each in self.layers:
            new.append(each(torch.cat([x, *new], 1) if new else x))
        return torch.cat(new, 1)


def layer(in_channels: int, channels: int, *, kernel: int = 3) -> nn.Sequential:
    """Table 1's layer: batch normalisation, ReLU, convolution, dropout; `N in_channels H W -> N channels H W`."""
    return nn.Sequential(
        OrderedDict(
            norm=nn.BatchNorm2d(in_channels, eps=1e-4),  # Lasagne's
            relu=nn.ReLU(inplace=True),
            conv=nn.Conv2d(in_channels, channels, kernel, padding=kernel // 2),
            drop=nn.Dropout(0.2),
        )
    )


def transition_down(channels: int) -> nn.Sequential:
    """Table 1's transition down: the same with a 1 x 1 convolution, and max pooling; `N C H W -> N C H/2 W/2`."""
    td = layer(channels, channels, kernel=1)
    td.add_module("pool", nn.MaxPool2d(2))
    return td


class TransitionUp(nn.Module):
    """Table 1's transition up, and the concatenation with the skip connection: `[upsampled, skip]`.

    `N C h w`, `N S H W -> N C+S H W`, H and W being twice h and w, or one more.
    """

    def __init__(self, channels: int):
        super().__init__()
        self.up = nn.ConvTranspose2d(channels, channels, 3, stride=2)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        x = self.up(x)  # N C 2h+1 2w+1
        return torch.cat([x[:, :, : skip.shape[2], : skip.shape[3]], skip], 1)


def fc_densenet56(*, num_classes: int, in_channels: int = 3, width: float = 1.0, **options) -> FCDenseNet:
    """FC-DenseNet56: 4 layers in every block, each of which adds 12 maps. Options as for `FCDenseNet`."""
    return FCDenseNet(
        layers_per_block=(4,) * 11, growth=12, num_classes=num_classes, in_channels=in_channels, width=width, **options
    )


def fc_densenet67(*, num_classes: int, in_channels: int = 3, width: float = 1.0, **options) -> FCDenseNet:
    """FC-DenseNet67: 5 layers in every block, each of which adds 16 maps. Options as for `FCDenseNet`."""
    return FCDenseNet(
        layers_per_block=(5,) * 11, growth=16, num_classes=num_classes, in_channels=in_channels, width=width, **options
    )


def fc_densenet103(*, num_classes: int, in_channels: int = 3, width: float = 1.0, **options) -> FCDenseNet:
    """FC-DenseNet103: 4 to 15 layers in a block, each of which adds 16 maps. Options as for `FCDenseNet`."""
    layers = (4, 5, 7, 10, 12, 15, 12, 10, 7, 5, 4)
    return FCDenseNet(
        layers_per_block=layers, growth=16, num_classes=num_classes, in_channels=in_channels, width=width, **options
    )
