"""FCN: a classification network made fully convolutional, and its coarse scores upsampled; 32s, 16s and 8s.

Long, Shelhamer and Darrell, "Fully Convolutional Networks for Semantic Segmentation", CVPR 2015,
https://arxiv.org/abs/1411.4038, section 4 and figure 3. Layers, paddings and crops are those of the authors' release,
https://github.com/shelhamer/fcn.berkeleyvision.org (voc-fcn32s, 16s, 8s; no licence file for the code).

Deviations, all off by default:
- `upsampling="frozen"` computes the release's frozen bilinear layers by interpolation, which gives the same numbers.
- `same_padding=True`: conv1_1 is padded by 1 and fc6 by half its kernel, instead of conv1_1 by 100 and fc6 not at all.
  On small images the paper's padding is most of the work. Every crop is then 0 (the upsampling is padded instead).
- `fc_channels` and `fc6_kernel`: smaller ones for live copies.
- `width` multiplies the channels of all layers but the scores'.
- Without VGG16's weights the encoder starts with He's initialisation. Scores start at zero, as in the paper.
- torchvision's VGG16 weights are for RGB, normalised; the authors' for BGR minus a mean.
"""

from torch import Tensor, nn

from seglib.models._checks import at_least_one, check_image, check_state
from seglib.models._paper import Paper, Result
from seglib.models._upsampling import BilinearUpsampling, learned_upsampling
from seglib.models._vgg import initialise, scaled, vgg_stage

CITATION = "Long, Shelhamer, Darrell: Fully Convolutional Networks for Semantic Segmentation, CVPR 2015"
LINK = "https://arxiv.org/abs/1411.4038"


def _paper(parameters: int, stride: int, receptive_field: tuple[int, ...], seg11valid: float) -> Paper:
    return Paper(
        citation=CITATION,
        link=LINK,
        num_classes=21,
        input_size=(500, 500),
        output_size=(500, 500),
        parameters=parameters,
        output_stride=stride,
        receptive_field=receptive_field,
        results=(Result("mIoU, PASCAL VOC 2011 seg11valid", seg11valid, "table 2"),),
    )


PAPER = {
    "fcn32s": _paper(134_346_581, 32, (436,), 59.4),
    "fcn16s": _paper(134_357_354, 16, (436, 468), 62.4),
    "fcn8s": _paper(134_362_751, 8, (436, 468), 62.7),
}


class FCN(nn.Module):
    """FCN with VGG16; `N in_channels H W -> N num_classes H W` logits, for any size.

    Args:
        stride: 32, 16 or 8: stride of the finest map that scores; 16 adds pool4, 8 adds pool3 too.
        num_classes: classes, the background included.
        in_channels: channels of the image.
        width: multiplies the channels of the encoder and of fc6 and fc7.
        upsampling: "frozen": bilinear, as in the release; "learned": the intermediate ones start bilinear and are
            learned, the last stays bilinear, as in the paper (section 4.3).
        same_padding: pad by half a kernel everywhere, instead of conv1_1 by 100.
        fc_channels: channels of fc6 and fc7 before `width`.
        fc6_kernel: kernel of fc6.
    """

    def __init__(
        self,
        *,
        stride: int,
        num_classes: int,
        in_channels: int = 3,
        width: float = 1.0,
        upsampling: str = "frozen",
        same_padding: bool = False,
        fc_channels: int = 4096,
        fc6_kernel: int = 7,
    ):
        super().__init__()
        if stride not in (32, 16, 8):
            raise ValueError(f"stride={stride} must be 32, 16 or 8")
        if upsampling not in ("frozen", "learned"):
            raise ValueError(f'upsampling={upsampling!r} must be "frozen" or "learned"')
        if same_padding and fc6_kernel % 2 == 0:
            raise ValueError(f"fc6_kernel={fc6_kernel} must be odd with same_padding, so that both sides get as much")
        K = at_least_one("num_classes", num_classes)
        self.in_channels = at_least_one("in_channels", in_channels)
        self.stride = stride
        c1, c2, c3, c4, fc = (scaled(channels, width) for channels in (64, 128, 256, 512, fc_channels))
        pad1, pad6 = (1, fc6_kernel // 2) if same_padding else (100, 0)

        self.stage1 = vgg_stage(1, in_channels, c1, convs=2, padding=(pad1, 1))
        self.pool1 = nn.MaxPool2d(2, ceil_mode=True)
        self.stage2 = vgg_stage(2, c1, c2, convs=2)
        self.pool2 = nn.MaxPool2d(2, ceil_mode=True)
        self.stage3 = vgg_stage(3, c2, c3, convs=3)
        self.pool3 = nn.MaxPool2d(2, ceil_mode=True)
        self.stage4 = vgg_stage(4, c3, c4, convs=3)
        self.pool4 = nn.MaxPool2d(2, ceil_mode=True)
        self.stage5 = vgg_stage(5, c4, c4, convs=3)
        self.pool5 = nn.MaxPool2d(2, ceil_mode=True)
        self.fc6 = nn.Conv2d(c4, fc, fc6_kernel, padding=pad6)
        self.relu6 = nn.ReLU(inplace=True)
        self.drop6 = nn.Dropout(0.5)
        self.fc7 = nn.Conv2d(fc, fc, 1)
        self.relu7 = nn.ReLU(inplace=True)
        self.drop7 = nn.Dropout(0.5)
        self.score_fr = nn.Conv2d(fc, K, 1)

        def up(factor: int, *, last: bool = False) -> nn.Module:
            padding = factor // 2 if same_padding else 0
            if upsampling == "learned" and not last:
                return learned_upsampling(K, factor, padding=padding)
            return BilinearUpsampling(factor, padding=padding)

        if stride == 32:
            self.upscore = up(32, last=True)
        else:
            self.upscore2 = up(2)
            self.score_pool4 = nn.Conv2d(c4, K, 1)
        if stride == 16:
            self.upscore16 = up(16, last=True)
        if stride == 8:
            self.upscore_pool4 = up(2)
            self.score_pool3 = nn.Conv2d(c3, K, 1)
            self.upscore8 = up(8, last=True)
        # Rows and columns that paddings and kernels have shifted one map against the other; derived in the chapter.
        self.crops = dict.fromkeys(CROPS[8], 0) if same_padding else CROPS[stride]

        initialise(self, scores=("score_fr", "score_pool4", "score_pool3"))
        check_state(self)

    def forward(self, x: Tensor) -> Tensor:
        check_image(x, channels=self.in_channels)
        size = x.shape[2:]
        x = self.pool1(self.stage1(x))  # N 64 (H+198)/2 (W+198)/2
        x = self.pool2(self.stage2(x))  # N 128 /4
        pool3 = self.pool3(self.stage3(x))  # N 256 /8
        pool4 = self.pool4(self.stage4(pool3))  # N 512 /16
        x = self.pool5(self.stage5(pool4))  # N 512 /32
        x = self.drop6(self.relu6(self.fc6(x)))  # N 4096 /32-6
        x = self.drop7(self.relu7(self.fc7(x)))
        x = self.score_fr(x)  # N K /32-6
        if self.stride == 32:
            return crop(self.upscore(x), size, self.crops["score"])  # N K H W
        x = self.upscore2(x)  # N K /16-10
        x = fuse(x, self.score_pool4(pool4), self.crops["pool4"])
        if self.stride == 16:
            return crop(self.upscore16(x), size, self.crops["score"])  # N K H W
        x = self.upscore_pool4(x)  # N K /8-18
        x = fuse(x, self.score_pool3(pool3), self.crops["pool3"])
        return crop(self.upscore8(x), size, self.crops["score"])  # N K H W


CROPS = {
    32: {"score": 19},
    16: {"pool4": 5, "score": 27},
    8: {"pool4": 5, "pool3": 9, "score": 31},
}


def crop(x: Tensor, size: tuple[int, int], offset: int) -> Tensor:
    """`size` rows and columns of `x` from `offset` on, as a view."""
    return x[:, :, offset : offset + size[0], offset : offset + size[1]]


def fuse(x: Tensor, skip: Tensor, offset: int) -> Tensor:
    """The sum of a map and a skip connection cropped to it; with `same_padding` the map can be the larger one."""
    size = min(x.shape[2], skip.shape[2] - offset), min(x.shape[3], skip.shape[3] - offset)
    return crop(x, size, 0) + crop(skip, size, offset)


def fcn32s(*, num_classes: int, in_channels: int = 3, width: float = 1.0, **options) -> FCN:
    """FCN-32s: pool5's scores, upsampled by 32 at once. Options as for `FCN`."""
    return FCN(stride=32, num_classes=num_classes, in_channels=in_channels, width=width, **options)


def fcn16s(*, num_classes: int, in_channels: int = 3, width: float = 1.0, **options) -> FCN:
    """FCN-16s: the scores of pool4 are added at stride 16. Options as for `FCN`."""
    return FCN(stride=16, num_classes=num_classes, in_channels=in_channels, width=width, **options)


def fcn8s(*, num_classes: int, in_channels: int = 3, width: float = 1.0, **options) -> FCN:
    """FCN-8s: the scores of pool4 and then of pool3 are added. Options as for `FCN`."""
    return FCN(stride=8, num_classes=num_classes, in_channels=in_channels, width=width, **options)
