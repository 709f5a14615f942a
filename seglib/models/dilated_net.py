"""DilatedNet: a VGG16 front end with two pools fewer and dilated convolutions, and a context module behind it.

Yu and Koltun, "Multi-Scale Context Aggregation by Dilated Convolutions", ICLR 2016, https://arxiv.org/abs/1511.07122,
sections 3 and 4, table 1 and equations 4 and 5. Layers, paddings and names are those of the authors' release,
https://github.com/fyu/dilation (MIT): network.py, and dilation8_pascal_voc_deploy.prototxt for the large context.

Deviations:
- The release cuts an image into tiles of 528 pixels and pads each to 900 by reflection. Here the whole image is padded
  at once, by 186 pixels at each side and by what is missing to a multiple of 8 at the bottom and right.
- The release interpolates probabilities; here logits come out.
- `upsampling="transposed"` computes the release's frozen bilinear layer (kernel 16, stride 8, padding 4, 256 weights a
  class, 5,376 for 21) by interpolation, which gives the same numbers without weights.
- `same_padding=True`, for small live copies: no reflection; every convolution is padded with zeros, also each one of
  the large context, where the release pads the first by 33 for all. Any size goes in.
- `fc_channels` and `fc6_kernel`: smaller ones for live copies. The reflected margin follows fc6's kernel.
- `width` multiplies the channels of the front end but the scores'. The context module's follow the classes.
- The identity initialisation is the paper's: exact in the basic context, with noise of 0.01 C / c_out in the large one
  (equation 5). The release has noise in both. `context_init="random"` is He's; the paper does not say which failed.
- Without VGG16's weights the front end starts with He's initialisation; `final` as in the release, normal with 0.001.
- The paper trains the front end, then the context module on its scores, then both; here they are one network.
- torchvision's VGG16 weights are for RGB, normalised; the authors' for BGR minus a mean.
"""

from collections import OrderedDict

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seglib.models._checks import at_least_one, check_image, check_state
from seglib.models._paper import Paper, Result
from seglib.models._upsampling import BilinearUpsampling, zoom
from seglib.models._vgg import initialise, scaled, vgg_stage

LARGE = (2, 2, 4, 8, 16, 32, 32)  # table 1: channels of the large context's 3 x 3 convolutions, as multiples of C


def _paper(parameters: int, receptive_field: tuple[int, int], *results: Result) -> Paper:
    return Paper(
        citation="Yu, Koltun: Multi-Scale Context Aggregation by Dilated Convolutions, ICLR 2016",
        link="https://arxiv.org/abs/1511.07122",
        num_classes=21,
        input_size=(500, 500),
        output_size=(500, 500),
        parameters=parameters,
        output_stride=8,
        receptive_field=receptive_field,  # at a score, and between two of them
        results=results,
    )


PAPER = {
    "dilated_front_end": _paper(
        134_346_581,
        (380, 388),
        Result("mIoU, PASCAL VOC 2012 test, trained without COCO", 67.6, "table 2"),
        Result("mIoU, PASCAL VOC 2012 val, trained with COCO", 69.8, "table 3"),
    ),
    "dilated_net": _paper(
        134_374_973,
        (908, 916),
        Result("mIoU, PASCAL VOC 2012 val, trained with COCO", 71.3, "table 3"),
        Result("mIoU, CamVid (Dilation8)", 65.3, "appendix B"),
    ),
    "dilated_net_large": _paper(
        141_149_720,
        (908, 916),
        Result("mIoU, PASCAL VOC 2012 val, trained with COCO", 72.1, "table 3"),
        Result("mIoU, PASCAL VOC 2012 test, trained with COCO", 73.5, "table 4"),
    ),
}


class DilatedNet(nn.Module):
    """DilatedNet with VGG16; `N in_channels H W -> N num_classes H W` logits.

    No convolution of the front end is padded; the image is reflected at its borders before, so it must be at least 187
    pixels high and wide, or `same_padding` set. Score (i, j) is trained with the label of pixel (8i, 8j).

    Args:
        context: None (front end alone), "basic" or "large".
        num_classes: classes, the background included; C of the context module.
        in_channels: channels of the image.
        width: multiplies the channels of the encoder and of fc6 and fc7.
        context_layers: layers of the basic context: 8, or as in appendix B 10 for Cityscapes (rates up to 64) and 7
            for KITTI (up to 8).
        context_init: "identity", the paper's, or "random", which it reports to fail.
        upsampling: "zoom": score (i, j) lies at pixel (8i, 8j), as in the release's `interp_map`; "transposed": at
            (8i + 3.5, 8j + 3.5), the middle of its field, 3.5 pixels further down and right; fades out at the border.
        upsample: interpolate to the size of the image; False gives the scores at stride 8, which the release trains,
            with `labels[:, ::8, ::8]`.
        same_padding: zeros around each convolution instead of reflected pixels around the image.
        fc_channels: channels of fc6 and fc7 before `width`.
        fc6_kernel: kernel of fc6.
    """

    def __init__(
        self,
        *,
        context: str | None,
        num_classes: int,
        in_channels: int = 3,
        width: float = 1.0,
        context_layers: int = 8,
        context_init: str = "identity",
        upsampling: str = "zoom",
        upsample: bool = True,
        same_padding: bool = False,
        fc_channels: int = 4096,
        fc6_kernel: int = 7,
    ):
        super().__init__()
        if context not in (None, "basic", "large"):
            raise ValueError(f'context={context!r} must be None, "basic" or "large"')
        if upsampling not in ("zoom", "transposed"):
            raise ValueError(f'upsampling={upsampling!r} must be "zoom" or "transposed"')
        if at_least_one("fc6_kernel", fc6_kernel) % 2 == 0:
            raise ValueError(f"fc6_kernel={fc6_kernel} must be odd: an even one has no tap on the pixel itself")
        K = at_least_one("num_classes", num_classes)
        self.in_channels = at_least_one("in_channels", in_channels)
        self.upsampling = upsampling
        self.upsample = upsample
        c1, c2, c3, c4, fc = (scaled(channels, width) for channels in (64, 128, 256, 512, fc_channels))
        pad = 1 if same_padding else 0
        # What valid convolutions take away at each side: 90 pixels up to conv5_3, 8 * 4 * (7 - 1) / 2 = 96 in fc6.
        self.margin = 0 if same_padding else 90 + 16 * (fc6_kernel - 1)

        self.stage1 = vgg_stage(1, in_channels, c1, convs=2, padding=pad)
        self.pool1 = nn.MaxPool2d(2, ceil_mode=True)
        self.stage2 = vgg_stage(2, c1, c2, convs=2, padding=pad)
        self.pool2 = nn.MaxPool2d(2, ceil_mode=True)
        self.stage3 = vgg_stage(3, c2, c3, convs=3, padding=pad)
        self.pool3 = nn.MaxPool2d(2, ceil_mode=True)
        self.stage4 = vgg_stage(4, c3, c4, convs=3, padding=pad)
        self.stage5 = vgg_stage(5, c4, c4, convs=3, padding=2 * pad, dilation=2)
        self.fc6 = nn.Conv2d(c4, fc, fc6_kernel, padding=2 * (fc6_kernel - 1) * pad, dilation=4)
        self.relu6 = nn.ReLU(inplace=True)
        self.drop6 = nn.Dropout(0.5)
        self.fc7 = nn.Conv2d(fc, fc, 1)
        self.relu7 = nn.ReLU(inplace=True)
        self.drop7 = nn.Dropout(0.5)
        self.final = nn.Conv2d(fc, K, 1)
        initialise(self)
        nn.init.normal_(self.final.weight, std=0.001)

        self.context = nn.Identity()
        if context is not None:
            large = context == "large"
            pad_first = large and not same_padding
            self.context = context_module(K, large=large, layers=context_layers, init=context_init, pad_first=pad_first)
        if upsampling == "transposed":
            self.upscore = BilinearUpsampling(8, padding=4)
        check_state(self)

    def forward(self, x: Tensor) -> Tensor:
        why = f"{self.margin} pixels are reflected at each border; same_padding=True takes any size"
        check_image(x, channels=self.in_channels, smallest=self.margin + 1, reason=why)
        size = x.shape[2:]
        if self.margin:
            x = self.reflect(x)  # N 3 H+372 W+372, up to a multiple of 8
        x = self.pool1(self.stage1(x))  # N 64 (H+368)/2 (W+368)/2
        x = self.pool2(self.stage2(x))  # N 128 (H+360)/4 (W+360)/4
        x = self.pool3(self.stage3(x))  # N 256 (H+336)/8 (W+336)/8
        x = self.stage4(x)  # N 512 H/8+36 W/8+36
        x = self.stage5(x)  # N 512 H/8+24 W/8+24
        x = self.drop6(self.relu6(self.fc6(x)))  # N 4096 H/8 W/8
        x = self.drop7(self.relu7(self.fc7(x)))
        x = self.final(x)  # N K H/8 W/8
        x = self.context(x)
        if not self.upsample:
            return x
        if self.upsampling == "zoom":
            return zoom(x, size, first=0)  # N K H W
        return self.upscore(x)[:, :, : size[0], : size[1]]  # N K H W

    def reflect(self, x: Tensor) -> Tensor:
        """The image with its margin, and with so much more at the bottom and right that the scores cover it."""
        height, width = x.shape[2:]
        x = F.pad(x, (self.margin,) * 4, mode="reflect")
        if self.upsample and self.upsampling == "zoom":  # a score on the last pixel or beyond it
            more = 7 + (1 - width) % 8, 7 + (1 - height) % 8
        else:  # one for each 8 pixels begun
            more = -width % 8, -height % 8
        return F.pad(x, (0, more[0], 0, more[1]), mode="reflect")


def context_module(
    classes: int, *, large: bool = False, layers: int = 8, init: str = "identity", pad_first: bool = False
) -> nn.Sequential:
    """The context module of table 1, `N C h w -> N C h w`: 3 x 3 convolutions with growing rates, and one of 1 x 1.

    Args:
        classes: C, the channels that come in and go out.
        large: with 2 to 32 times as many channels in between.
        layers: 8, or for the basic one any number from 5 on.
        init: "identity": what is not negative leaves the module as it came; "random": He's.
        pad_first: pad the first convolution with all the zeros that the others need (33 of them with 8 layers), instead
            of each by its rate. The two differ only near the border.

    Raises:
        ValueError: a number of layers that there is not, or an unknown `init`.
    """
    if at_least_one("context_layers", layers) < 5 or (large and layers != 8):
        raise ValueError(f"context_layers={layers} must be 8, or for the basic context a number from 5 on")
    if init not in ("identity", "random"):
        raise ValueError(f'context_init={init!r} must be "identity" or "random"')
    names = ["ctx_conv1_1", "ctx_conv1_2", *(f"ctx_conv{i}_1" for i in range(2, layers - 2)), "ctx_fc1"]
    rates = [1, 1, *(2**i for i in range(1, layers - 3)), 1]
    channels = [classes, *(classes * m for m in (LARGE if large else [1] * len(rates)))]
    paddings = [sum(rates), *[0] * (len(rates) - 1)] if pad_first else rates
    module: OrderedDict[str, nn.Module] = OrderedDict()
    for i, (name, rate) in enumerate(zip(names, rates, strict=True)):
        module[name] = nn.Conv2d(channels[i], channels[i + 1], 3, padding=paddings[i], dilation=rate)
        module["ctx_fc1_relu" if name == "ctx_fc1" else name.replace("conv", "relu")] = nn.ReLU(inplace=True)
    module["ctx_final"] = nn.Conv2d(channels[-1], classes, 1)
    context = nn.Sequential(module)
    if init == "random":
        initialise(context)
    else:
        for name in (*names, "ctx_final"):
            identity_(module[name], classes=classes, noise=0.01 if large else 0.0)
    return context


@torch.no_grad()
def identity_(layer: nn.Conv2d, *, classes: int, noise: float = 0.0) -> None:
    """Identity initialisation: each channel passes on what comes in for its class; biases zero.

    Equation 5, which is equation 4 where both sides have C channels: the weight from channel a to channel b is
    C / c_out in the kernel's middle if floor(a C / c_in) = floor(b C / c_out), and normal with a small deviation
    elsewhere (`noise` C / c_out). A class's c_in / C channels thus become c_out / C with the same sum.
    """
    c_out, c_in, size, _ = layer.weight.shape
    a, b = (torch.arange(c, device=layer.weight.device) * classes // c for c in (c_in, c_out))
    nn.init.normal_(layer.weight, std=noise * classes / c_out)
    layer.weight[:, :, size // 2, size // 2].masked_fill_(a == b[:, None], classes / c_out)
    nn.init.zeros_(layer.bias)


def dilated_front_end(*, num_classes: int, in_channels: int = 3, width: float = 1.0, **options) -> DilatedNet:
    """The front end alone. Options as for `DilatedNet`."""
    return DilatedNet(context=None, num_classes=num_classes, in_channels=in_channels, width=width, **options)


def dilated_net(*, num_classes: int, in_channels: int = 3, width: float = 1.0, **options) -> DilatedNet:
    """Front end and basic context module, C channels in each layer. Options as for `DilatedNet`."""
    return DilatedNet(context="basic", num_classes=num_classes, in_channels=in_channels, width=width, **options)


def dilated_net_large(*, num_classes: int, in_channels: int = 3, width: float = 1.0, **options) -> DilatedNet:
    """Front end and large context module, up to 32 C channels. Options as for `DilatedNet`."""
    return DilatedNet(context="large", num_classes=num_classes, in_channels=in_channels, width=width, **options)
