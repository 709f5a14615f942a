"""DeconvNet: VGG16 down to one point, and a deconvolution network, its mirror image, from there back to the image.

Noh, Hong and Han, "Learning Deconvolution Network for Semantic Segmentation", ICCV 2015,
https://arxiv.org/abs/1505.04366, section 3 and figure 2. Layers and their names are those of the authors' release,
https://github.com/HyeonwooNoh/DeconvNet (model/DeconvNet/DeconvNet_inference_deploy.prototxt; for research only), with
"_" for "-".

Deviations:
- Only the network. The paper applies it to 50 object proposals of an image, and takes the pixel-wise maximum.
- Any size from 193 pixels on, where the paper's is 224: fc6 leaves 1 x 1 up to 224, more above, and every unpooling is
  told the size to restore.
- `fc6_kernel` and `fc_channels`: smaller ones for live copies; smaller images need a smaller fc6.
- Batch normalisation starts with a shift of 0 (release: 0.001) and keeps running averages for evaluation (release: mean
  and variance of the training set, computed afterwards).
- `width` multiplies the channels of all layers but the scores'.
- The deconvolution network starts with He's initialisation (release: normal with standard deviation 0.01); so does the
  encoder without VGG16's weights.
- torchvision's VGG16 weights are for RGB, normalised; the authors' for BGR minus a mean.
"""

from collections import OrderedDict
from itertools import pairwise

from torch import Tensor, nn

from seglib.models._checks import at_least_one, check_image, check_state
from seglib.models._paper import Paper, Result
from seglib.models._unpooling import MaxPoolWithSwitches, Unpool
from seglib.models._vgg import initialise, scaled, vgg_stage

PAPER = {
    "deconvnet": Paper(
        citation="Noh, Hong, Han: Learning Deconvolution Network for Semantic Segmentation, ICCV 2015",
        link="https://arxiv.org/abs/1505.04366",
        num_classes=21,
        input_size=(224, 224),
        output_size=(224, 224),
        parameters=251_805_653,
        output_stride=1,
        receptive_field=(756, 788),  # of its layers: all of a 224 x 224 image
        results=(
            Result("mIoU, PASCAL VOC 2012 test", 69.6, "table 1"),
            Result("mIoU, PASCAL VOC 2012 test, with CRF", 70.5, "table 1"),
            Result("mIoU, PASCAL VOC 2012 test, ensemble with FCN-8s", 71.7, "table 1"),
            Result("mIoU, PASCAL VOC 2012 test, ensemble with FCN-8s, with CRF", 72.5, "table 1"),
        ),
    ),
}


def deconv_stage(stage: int, *channels: int) -> nn.Sequential:
    """3 x 3 deconvolutions, each with batch normalisation and ReLU: deconv5_1, debn5_1, derelu5_1, deconv5_2 ...

    Args:
        stage: number of the stage, 5 to 1, for the names.
        *channels: that come in, and that leave the first deconvolution, the second ...
    """
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    for i, (c_in, c_out) in enumerate(pairwise(channels), start=1):
        layers[f"deconv{stage}_{i}"] = nn.ConvTranspose2d(c_in, c_out, 3, padding=1)
        layers[f"debn{stage}_{i}"] = nn.BatchNorm2d(c_out)
        layers[f"derelu{stage}_{i}"] = nn.ReLU(inplace=True)
    return nn.Sequential(layers)


class DeconvNet(nn.Module):
    """DeconvNet with VGG16; `N in_channels H W -> N num_classes H W` logits, from 193 x 193 pixels on.

    Where fc6 leaves 1 x 1, a batch to train on needs two images or more, or batch normalisation has nothing to compare.

    Args:
        num_classes: classes, the background included.
        in_channels: channels of the image.
        width: multiplies the channels of all layers but the last.
        fc6_kernel: kernel of fc6 and fc6_deconv; the smallest image is 32 * (fc6_kernel - 1) + 1 pixels wide.
        fc_channels: channels of fc6 and fc7 before `width`.
    """

    def __init__(
        self,
        *,
        num_classes: int,
        in_channels: int = 3,
        width: float = 1.0,
        fc6_kernel: int = 7,
        fc_channels: int = 4096,
    ):
        super().__init__()
        K = at_least_one("num_classes", num_classes)
        self.in_channels = at_least_one("in_channels", in_channels)
        self.fc6_kernel = at_least_one("fc6_kernel", fc6_kernel)
        fc = scaled(at_least_one("fc_channels", fc_channels), width)
        c1, c2, c3, c4, c5 = (scaled(channels, width) for channels in (64, 128, 256, 512, 512))

        self.stage1 = vgg_stage(1, in_channels, c1, convs=2, norm=True)
        self.pool1 = MaxPoolWithSwitches()
        self.stage2 = vgg_stage(2, c1, c2, convs=2, norm=True)
        self.pool2 = MaxPoolWithSwitches()
        self.stage3 = vgg_stage(3, c2, c3, convs=3, norm=True)
        self.pool3 = MaxPoolWithSwitches()
        self.stage4 = vgg_stage(4, c3, c4, convs=3, norm=True)
        self.pool4 = MaxPoolWithSwitches()
        self.stage5 = vgg_stage(5, c4, c5, convs=3, norm=True)
        self.pool5 = MaxPoolWithSwitches()
        self.fc6 = nn.Conv2d(c5, fc, fc6_kernel)
        self.bnfc6 = nn.BatchNorm2d(fc)
        self.relu6 = nn.ReLU(inplace=True)
        self.fc7 = nn.Conv2d(fc, fc, 1)
        self.bnfc7 = nn.BatchNorm2d(fc)
        self.relu7 = nn.ReLU(inplace=True)

        self.fc6_deconv = nn.ConvTranspose2d(fc, c5, fc6_kernel)
        self.fc6_deconv_bn = nn.BatchNorm2d(c5)
        self.fc6_deconv_relu = nn.ReLU(inplace=True)
        self.unpool5 = Unpool()
        self.destage5 = deconv_stage(5, c5, c5, c5, c4)
        self.unpool4 = Unpool()
        self.destage4 = deconv_stage(4, c4, c4, c4, c3)
        self.unpool3 = Unpool()
        self.destage3 = deconv_stage(3, c3, c3, c3, c2)
        self.unpool2 = Unpool()
        self.destage2 = deconv_stage(2, c2, c2, c1)
        self.unpool1 = Unpool()
        self.destage1 = deconv_stage(1, c1, c1, c1)
        self.seg_score_voc = nn.Conv2d(c1, K, 1)

        initialise(self)
        for module in self.modules():
            if isinstance(module, nn.ConvTranspose2d):  # its weight is `in out k k`: what comes in is PyTorch's fan_out
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
                nn.init.zeros_(module.bias)
        check_state(self)

    def forward(self, x: Tensor) -> Tensor:
        k = self.fc6_kernel
        check_image(x, channels=self.in_channels, smallest=32 * k - 31, reason=f"pool5 must be {k} x {k} for fc6")
        size = x.shape[2:]
        x, switches1 = self.pool1(self.stage1(x))  # N 64 H/2 W/2, all sizes rounded up
        x, switches2 = self.pool2(self.stage2(x))  # N 128 /4
        x, switches3 = self.pool3(self.stage3(x))  # N 256 /8
        x, switches4 = self.pool4(self.stage4(x))  # N 512 /16
        x, switches5 = self.pool5(self.stage5(x))  # N 512 /32
        x = self.relu6(self.bnfc6(self.fc6(x)))  # N 4096 /32-6, 1 x 1 for 224 x 224
        x = self.relu7(self.bnfc7(self.fc7(x)))
        x = self.fc6_deconv_relu(self.fc6_deconv_bn(self.fc6_deconv(x)))  # N 512 /32
        # What pool5 has pooled was as large as the switches of pool4, and so on.
        x = self.destage5(self.unpool5(x, switches5, switches4.shape[2:]))  # N 512 /16
        x = self.destage4(self.unpool4(x, switches4, switches3.shape[2:]))  # N 256 /8
        x = self.destage3(self.unpool3(x, switches3, switches2.shape[2:]))  # N 128 /4
        x = self.destage2(self.unpool2(x, switches2, switches1.shape[2:]))  # N 64 H/2 W/2
        x = self.destage1(self.unpool1(x, switches1, size))  # N 64 H W
        return self.seg_score_voc(x)  # N K H W


def deconvnet(*, num_classes: int, in_channels: int = 3, width: float = 1.0, **options) -> DeconvNet:
    """DeconvNet, with the encoder of VGG16. Options as for `DeconvNet`."""
    return DeconvNet(num_classes=num_classes, in_channels=in_channels, width=width, **options)
