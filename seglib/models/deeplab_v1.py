"""DeepLab v1: VGG16 at stride 8 by the hole algorithm (dilated convolutions); plain and with a large field of view.

Chen, Papandreou, Kokkinos, Murphy and Yuille, "Semantic Image Segmentation with Deep Convolutional Nets and Fully
Connected CRFs", ICLR 2015, https://arxiv.org/abs/1412.7062, section 3 and table 2. Layers are those of the authors'
release, https://bitbucket.org/deeplab/deeplab-public (BSD 2-clause): vgg128_noup (`deeplab_v1`) and DeepLab-LargeFOV,
whose score layer is named fc8_pascal and fc8_voc12; here it is fc8.

The release follows the hole algorithm up to conv5_3 only: its pool5 reads direct neighbours (rate 1), where keeping
VGG16's answers exactly would take rate 2. So it is here.

Deviations:
- The release trains at stride 8 (`upsample=False`) and pads each test image with its mean to 513 or 514 pixels. Here
  images of all sizes go in, and scores are interpolated, 8 pixels from one to the next, and cropped to the image.
- Plain DeepLab's scores begin at pixel 1. Around the outermost ones they are repeated; the release has one more score
  at each side for this, by padding pool4 at test time.
- The multi-scale variants (MSc) are not built; the fully connected CRF is not part of the network.
- `fc_channels` and `fc6_kernel`, which the paper varies too, can be smaller still for live copies.
- `width` multiplies the channels of all layers but the scores'.
- Without VGG16's weights the encoder starts with He's initialisation; fc8 as in the release, normal with 0.01.
- torchvision's VGG16 weights are for RGB, normalised; the authors' for BGR minus a mean.
"""

from torch import Tensor, nn

from seglib.models._checks import at_least_one, check_image, check_state
from seglib.models._paper import Paper, Result
from seglib.models._upsampling import zoom
from seglib.models._vgg import initialise, scaled, vgg_stage

CITATION = (
    "Chen, Papandreou, Kokkinos, Murphy, Yuille: Semantic Image Segmentation with Deep Convolutional Nets and "
    "Fully Connected CRFs, ICLR 2015"
)
LINK = "https://arxiv.org/abs/1412.7062"

PAPER = {
    "deeplab_v1": Paper(
        citation=CITATION,
        link=LINK,
        num_classes=21,
        input_size=(306, 306),
        output_size=(306, 306),
        parameters=65_140_565,
        output_stride=8,
        receptive_field=(308, 316),  # at a score, and between two of them
        printed=(
            'The "field of view" of table 2, 128, is nominal: (kernel - 1) * rate * 8 + 32 of fc6. A score sees 308 '
            "pixels, as section 3.2 says."
        ),
        results=(
            Result("mIoU, PASCAL VOC 2012 val", 59.80, "table 1"),
            Result("mIoU with CRF, PASCAL VOC 2012 val", 63.74, "table 1"),
            Result("mIoU with CRF, PASCAL VOC 2012 test", 66.4, "table 1"),
        ),
    ),
    "deeplab_v1_largefov": Paper(
        citation=CITATION,
        link=LINK,
        num_classes=21,
        input_size=(321, 321),
        output_size=(321, 321),
        parameters=20_505_429,
        output_stride=8,
        receptive_field=(435, 443),
        printed=(
            'The "field of view" of table 2, 224, is nominal: (kernel - 1) * rate * 8 + 32 of fc6. A score sees 435 '
            "pixels, 419 without pool5a, which the text does not mention."
        ),
        results=(
            Result("mIoU, PASCAL VOC 2012 val", 62.25, "table 1"),
            Result("mIoU with CRF, PASCAL VOC 2012 val", 67.64, "table 1"),
            Result("mIoU with CRF, PASCAL VOC 2012 test", 70.3, "table 1"),
        ),
    ),
}


class DeepLabV1(nn.Module):
    """DeepLab v1 with VGG16; `N in_channels H W -> N num_classes H W` logits.

    Any size goes in; for plain DeepLab from 18 x 18 on, as on less all taps of its fc6 lie in the padding. Scores lie 8
    pixels apart. LargeFOV's score (i, j) lies in the middle of its field, on pixel (8i, 8j); the last ones lie on the
    border of images of 8k + 1 pixels, 321 or 513, and beyond that of others. Plain DeepLab's field has its middle
    between two pixels, and the release trains score (i, j) with the label of pixel (8i + 1, 8j + 1); that suits images
    of 8k + 2 pixels, 306 or 514, and in others up to 7 rows remain below the last score.

    Args:
        large_fov: 3 x 3 instead of 2 x 2 pools, an average pool5a, and a smaller fc6 with a higher rate.
        num_classes: classes, the background included.
        in_channels: channels of the image.
        width: multiplies the channels of the encoder and of fc6 and fc7.
        fc_channels: channels of fc6 and fc7 before `width`; None is 1024 with `large_fov`, 4096 without.
        fc6_kernel: kernel of fc6; None is 3 with `large_fov`, 4 without. The paper has 7, 4 and 3.
        fc6_rate: rate (dilation) of fc6; None is 12 with `large_fov`, 4 without. The paper has 4, 8 and 12. The map
            keeps its size at every rate.
        upsample: interpolate to the size of the image; False gives the scores at stride 8, which the paper trains.
            Their labels are `labels[:, ::8, ::8]` with `large_fov`, for images of 8k + 1 pixels, and
            `labels[:, 1::8, 1::8]` without, for all.
    """

    def __init__(
        self,
        *,
        large_fov: bool,
        num_classes: int,
        in_channels: int = 3,
        width: float = 1.0,
        fc_channels: int | None = None,
        fc6_kernel: int | None = None,
        fc6_rate: int | None = None,
        upsample: bool = True,
    ):
        super().__init__()
        K = at_least_one("num_classes", num_classes)
        self.in_channels = at_least_one("in_channels", in_channels)
        self.large_fov = large_fov
        self.upsample = upsample
        pool, channels, kernel, rate = (3, 1024, 3, 12) if large_fov else (2, 4096, 4, 4)
        channels = at_least_one("fc_channels", channels if fc_channels is None else fc_channels)
        kernel = at_least_one("fc6_kernel", kernel if fc6_kernel is None else fc6_kernel)
        rate = at_least_one("fc6_rate", rate if fc6_rate is None else fc6_rate)
        if (kernel - 1) * rate % 2:
            raise ValueError(f"fc6_rate={rate} must be even with fc6_kernel={kernel}, so that both sides get as much")
        # An even kernel has no tap in the middle: the nearest are rate / 2 scores away, and must not all be padding.
        away = 0 if kernel % 2 else rate // 2
        self.smallest = max(1, 8 * away - 6) if large_fov else 8 * away + 2
        c1, c2, c3, c4, fc = (scaled(c, width) for c in (64, 128, 256, 512, channels))

        # Caffe rounds sizes up, but drops windows that begin in the padding: with 2 x 2 ones that is rounding down.
        self.stage1 = vgg_stage(1, in_channels, c1, convs=2)
        self.pool1 = nn.MaxPool2d(pool, stride=2, padding=1, ceil_mode=large_fov)
        self.stage2 = vgg_stage(2, c1, c2, convs=2)
        self.pool2 = nn.MaxPool2d(pool, stride=2, padding=1, ceil_mode=large_fov)
        self.stage3 = vgg_stage(3, c2, c3, convs=3)
        self.pool3 = nn.MaxPool2d(pool, stride=2, padding=1, ceil_mode=large_fov)
        self.stage4 = vgg_stage(4, c3, c4, convs=3)
        self.pool4 = nn.MaxPool2d(pool, stride=1, padding=1 if large_fov else 0)
        self.stage5 = vgg_stage(5, c4, c4, convs=3, padding=2, dilation=2)
        self.pool5 = nn.MaxPool2d(3, stride=1, padding=1)
        if large_fov:
            self.pool5a = nn.AvgPool2d(3, stride=1, padding=1)
        self.fc6 = nn.Conv2d(c4, fc, kernel, padding=(kernel - 1) * rate // 2, dilation=rate)
        self.relu6 = nn.ReLU(inplace=True)
        self.drop6 = nn.Dropout(0.5)
        self.fc7 = nn.Conv2d(fc, fc, 1)
        self.relu7 = nn.ReLU(inplace=True)
        self.drop7 = nn.Dropout(0.5)
        self.fc8 = nn.Conv2d(fc, K, 1)

        initialise(self)
        nn.init.normal_(self.fc8.weight, std=0.01)
        check_state(self)

    def forward(self, x: Tensor) -> Tensor:
        why = "on fewer, nothing is left for fc6 to see"
        check_image(x, channels=self.in_channels, smallest=self.smallest, reason=why)
        size = x.shape[2:]
        x = self.pool1(self.stage1(x))  # N 64 H/2 W/2; 321: 161
        x = self.pool2(self.stage2(x))  # N 128 H/4 W/4; 81
        x = self.pool3(self.stage3(x))  # N 256 H/8 W/8; 41
        x = self.pool4(self.stage4(x))  # N 512 H/8 W/8
        x = self.pool5(self.stage5(x))
        if self.large_fov:
            x = self.pool5a(x)
        x = self.drop6(self.relu6(self.fc6(x)))  # N 1024 H/8 W/8; plain: 4096
        x = self.drop7(self.relu7(self.fc7(x)))
        x = self.fc8(x)  # N K H/8 W/8
        if not self.upsample:
            return x
        return zoom(x, size, first=0 if self.large_fov else 1)  # N K H W


def deeplab_v1(*, num_classes: int, in_channels: int = 3, width: float = 1.0, **options) -> DeepLabV1:
    """Plain DeepLab: 2 x 2 pools, fc6 4 x 4 with rate 4. Options as for `DeepLabV1`."""
    return DeepLabV1(large_fov=False, num_classes=num_classes, in_channels=in_channels, width=width, **options)


def deeplab_v1_largefov(*, num_classes: int, in_channels: int = 3, width: float = 1.0, **options) -> DeepLabV1:
    """DeepLab-LargeFOV: 3 x 3 pools, fc6 3 x 3 with rate 12 and 1024 channels. Options as for `DeepLabV1`."""
    return DeepLabV1(large_fov=True, num_classes=num_classes, in_channels=in_channels, width=width, **options)
