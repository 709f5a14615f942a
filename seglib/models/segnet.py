"""SegNet: VGG16 and its mirror image, which upsamples with the places of the encoder's maxima; and SegNet-Basic.

Badrinarayanan, Kendall and Cipolla, "SegNet: A Deep Convolutional Encoder-Decoder Architecture for Image
Segmentation", PAMI 2017, https://arxiv.org/abs/1511.00561, sections 3 and 3.1 and figure 2. Layers and their names are
those of the authors' release, https://github.com/alexgkendall/SegNet-Tutorial (Models/segnet_train.prototxt and
segnet_basic_train.prototxt; CC BY-NC 4.0).

Deviations:
- Any image size: each unpooling is told the size to restore. The release has the odd ones of 360 x 480 in its file.
- Convolutions have biases, as in the release; the paper says that SegNet-Basic has none.
- SegNet-Basic's images go from 0 to 1 here, from 0 to 255 in the release. The strength of its local response
  normalisation is multiplied by 255^2, which gives the release's result divided by 255.
- Batch normalisation starts with a shift of 0 (release: 0.001) and keeps running averages for evaluation (release: mean
  and variance of the whole training set, computed afterwards).
- `width` multiplies the channels of all layers but the scores'.
- Without VGG16's weights SegNet's encoder starts with He's initialisation, as all other layers do in the release.
- torchvision's VGG16 weights are for RGB, normalised; the authors' for BGR.
"""

from collections import OrderedDict

from torch import Tensor, nn

from seglib.models._checks import at_least_one, check_image, check_state
from seglib.models._paper import Paper, Result
from seglib.models._unpooling import MaxPoolWithSwitches, Unpool
from seglib.models._vgg import initialise, scaled

CITATION = (
    "Badrinarayanan, Kendall, Cipolla: SegNet: A Deep Convolutional Encoder-Decoder Architecture for Image "
    "Segmentation, PAMI 2017"
)
LINK = "https://arxiv.org/abs/1511.00561"

PAPER = {
    "segnet": Paper(
        citation=CITATION,
        link=LINK,
        num_classes=11,
        input_size=(360, 480),
        output_size=(360, 480),
        parameters=29_449_355,
        output_stride=1,
        receptive_field=(372, 404),
        results=(
            Result("mIoU, CamVid test, trained on 3433 images", 60.10, "table 3"),
            Result("global accuracy, CamVid test, trained on 3433 images", 90.40, "table 3"),
            Result("class average accuracy, CamVid test, trained on 3433 images", 71.20, "table 3"),
            Result("boundary F1, CamVid test, trained on 3433 images", 46.84, "table 3"),
        ),
    ),
    "segnet_basic": Paper(
        citation=CITATION,
        link=LINK,
        num_classes=11,
        input_size=(360, 480),
        output_size=(360, 480),
        parameters=1_416_587,
        output_stride=1,
        receptive_field=(186, 202),
        results=(Result("mIoU, CamVid test, median frequency balancing", 47.7, "table 1"),),
        printed="table 1 prints 1.425M parameters; the layers of the release have 1.417M",
    ),
}


def stage(in_channels: int, **convs: int) -> nn.Sequential:
    """3 x 3 convolutions, `name=channels` each, with batch normalisation and ReLU: conv1_1, conv1_1_bn, relu1_1 ..."""
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    for name, channels in convs.items():
        layers[name] = nn.Conv2d(in_channels, channels, 3, padding=1)
        layers[f"{name}_bn"] = nn.BatchNorm2d(channels)
        layers[name.replace("conv", "relu")] = nn.ReLU(inplace=True)
        in_channels = channels
    return nn.Sequential(layers)


class SegNet(nn.Module):
    """SegNet with VGG16; `N in_channels H W -> N num_classes H W` logits, for any size.

    Args:
        num_classes: classes.
        in_channels: channels of the image.
        width: multiplies the channels of all layers but the last.
    """

    def __init__(self, *, num_classes: int, in_channels: int = 3, width: float = 1.0):
        super().__init__()
        K = at_least_one("num_classes", num_classes)
        self.in_channels = at_least_one("in_channels", in_channels)
        c1, c2, c3, c4, c5 = (scaled(channels, width) for channels in (64, 128, 256, 512, 512))

        self.encoder1 = stage(in_channels, conv1_1=c1, conv1_2=c1)
        self.pool1 = MaxPoolWithSwitches()
        self.encoder2 = stage(c1, conv2_1=c2, conv2_2=c2)
        self.pool2 = MaxPoolWithSwitches()
        self.encoder3 = stage(c2, conv3_1=c3, conv3_2=c3, conv3_3=c3)
        self.pool3 = MaxPoolWithSwitches()
        self.encoder4 = stage(c3, conv4_1=c4, conv4_2=c4, conv4_3=c4)
        self.pool4 = MaxPoolWithSwitches()
        self.encoder5 = stage(c4, conv5_1=c5, conv5_2=c5, conv5_3=c5)
        self.pool5 = MaxPoolWithSwitches()

        self.upsample5 = Unpool()
        self.decoder5 = stage(c5, conv5_3_D=c5, conv5_2_D=c5, conv5_1_D=c4)
        self.upsample4 = Unpool()
        self.decoder4 = stage(c4, conv4_3_D=c4, conv4_2_D=c4, conv4_1_D=c3)
        self.upsample3 = Unpool()
        self.decoder3 = stage(c3, conv3_3_D=c3, conv3_2_D=c3, conv3_1_D=c2)
        self.upsample2 = Unpool()
        self.decoder2 = stage(c2, conv2_2_D=c2, conv2_1_D=c1)
        self.upsample1 = Unpool()
        self.decoder1 = stage(c1, conv1_2_D=c1)
        self.conv1_1_D = nn.Conv2d(c1, K, 3, padding=1)

        initialise(self)
        check_state(self)

    def forward(self, x: Tensor) -> Tensor:
        check_image(x, channels=self.in_channels)
        size = x.shape[2:]
        x, switches1 = self.pool1(self.encoder1(x))  # N 64 H/2 W/2, all sizes rounded up
        x, switches2 = self.pool2(self.encoder2(x))  # N 128 /4
        x, switches3 = self.pool3(self.encoder3(x))  # N 256 /8
        x, switches4 = self.pool4(self.encoder4(x))  # N 512 /16
        x, switches5 = self.pool5(self.encoder5(x))  # N 512 /32
        # What pool5 has pooled was as large as the switches of pool4, and so on.
        x = self.decoder5(self.upsample5(x, switches5, switches4.shape[2:]))  # N 512 /16
        x = self.decoder4(self.upsample4(x, switches4, switches3.shape[2:]))  # N 256 /8
        x = self.decoder3(self.upsample3(x, switches3, switches2.shape[2:]))  # N 128 /4
        x = self.decoder2(self.upsample2(x, switches2, switches1.shape[2:]))  # N 64 H/2 W/2
        x = self.decoder1(self.upsample1(x, switches1, size))  # N 64 H W
        return self.conv1_1_D(x)  # N K H W


class SegNetBasic(nn.Module):
    """SegNet-Basic, 4 + 4 layers of 7 x 7; `N in_channels H W -> N num_classes H W` logits, for any size.

    Args:
        num_classes: classes.
        in_channels: channels of the image, which goes from 0 to 1.
        width: multiplies the 64 channels of all layers but the last.
    """

    def __init__(self, *, num_classes: int, in_channels: int = 3, width: float = 1.0):
        super().__init__()
        K = at_least_one("num_classes", num_classes)
        self.in_channels = at_least_one("in_channels", in_channels)
        c = scaled(64, width)

        self.norm = nn.LocalResponseNorm(5, alpha=1e-4 * 255**2, beta=0.75)
        self.conv1 = nn.Conv2d(in_channels, c, 7, padding=3)
        self.conv1_bn = nn.BatchNorm2d(c)
        self.relu1 = nn.ReLU(inplace=True)
        self.pool1 = MaxPoolWithSwitches()
        self.conv2 = nn.Conv2d(c, c, 7, padding=3)
        self.conv2_bn = nn.BatchNorm2d(c)
        self.relu2 = nn.ReLU(inplace=True)
        self.pool2 = MaxPoolWithSwitches()
        self.conv3 = nn.Conv2d(c, c, 7, padding=3)
        self.conv3_bn = nn.BatchNorm2d(c)
        self.relu3 = nn.ReLU(inplace=True)
        self.pool3 = MaxPoolWithSwitches()
        self.conv4 = nn.Conv2d(c, c, 7, padding=3)
        self.conv4_bn = nn.BatchNorm2d(c)
        self.relu4 = nn.ReLU(inplace=True)
        self.pool4 = MaxPoolWithSwitches()

        self.upsample4 = Unpool()
        self.conv_decode4 = nn.Conv2d(c, c, 7, padding=3)
        self.conv_decode4_bn = nn.BatchNorm2d(c)
        self.upsample3 = Unpool()
        self.conv_decode3 = nn.Conv2d(c, c, 7, padding=3)
        self.conv_decode3_bn = nn.BatchNorm2d(c)
        self.upsample2 = Unpool()
        self.conv_decode2 = nn.Conv2d(c, c, 7, padding=3)
        self.conv_decode2_bn = nn.BatchNorm2d(c)
        self.upsample1 = Unpool()
        self.conv_decode1 = nn.Conv2d(c, c, 7, padding=3)
        self.conv_decode1_bn = nn.BatchNorm2d(c)
        self.conv_classifier = nn.Conv2d(c, K, 1)

        initialise(self)
        check_state(self)

    def forward(self, x: Tensor) -> Tensor:
        check_image(x, channels=self.in_channels)
        size = x.shape[2:]
        x = self.norm(x)
        x, switches1 = self.pool1(self.relu1(self.conv1_bn(self.conv1(x))))  # N 64 H/2 W/2, all sizes rounded up
        x, switches2 = self.pool2(self.relu2(self.conv2_bn(self.conv2(x))))  # N 64 /4
        x, switches3 = self.pool3(self.relu3(self.conv3_bn(self.conv3(x))))  # N 64 /8
        x, switches4 = self.pool4(self.relu4(self.conv4_bn(self.conv4(x))))  # N 64 /16
        # No ReLU from here on.
        x = self.upsample4(x, switches4, switches3.shape[2:])  # N 64 /8
        x = self.conv_decode4_bn(self.conv_decode4(x))
        x = self.upsample3(x, switches3, switches2.shape[2:])  # N 64 /4
        x = self.conv_decode3_bn(self.conv_decode3(x))
        x = self.upsample2(x, switches2, switches1.shape[2:])  # N 64 H/2 W/2
        x = self.conv_decode2_bn(self.conv_decode2(x))
        x = self.upsample1(x, switches1, size)  # N 64 H W
        x = self.conv_decode1_bn(self.conv_decode1(x))
        return self.conv_classifier(x)  # N K H W


def segnet(*, num_classes: int, in_channels: int = 3, width: float = 1.0, **options) -> SegNet:
    """SegNet, with the encoder of VGG16. It has no options."""
    return SegNet(num_classes=num_classes, in_channels=in_channels, width=width, **options)


def segnet_basic(*, num_classes: int, in_channels: int = 3, width: float = 1.0, **options) -> SegNetBasic:
    """SegNet-Basic, the small one that the paper compares decoders with. It has no options."""
    return SegNetBasic(num_classes=num_classes, in_channels=in_channels, width=width, **options)
