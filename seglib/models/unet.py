"""U-Net: a contracting path, an expanding path, and a skip connection at each of its four scales.

Ronneberger, Fischer and Brox, "U-Net: Convolutional Networks for Biomedical Image Segmentation", MICCAI 2015,
https://arxiv.org/abs/1505.04597, figure 1 and section 2. The paper names no layer: the names are those of the authors'
release, https://lmb.informatik.uni-freiburg.de/people/ronneber/u-net/ (phseg_v5, for Caffe and MATLAB; no licence known
to us), with underscores: d0 to d4 are the levels on the way down, u3 to u0 those on the way up, a to d a level's maps.

Where the paper is silent the release decides: the dropout "at the end of the contracting path" drops half of the values
after the levels of 512 and of 1024 channels, and the former feeds the skip connection too; the upsampled map comes
first in each concatenation.

Deviations, the first four off by default:
- `same_padding=True` pads each 3 x 3 convolution by 1, where the paper pads nothing. Logits then have the size of the
  image, and no skip connection is cropped. Poolings round odd sizes up, and the upsampled map loses its last row or
  column where the skip connection has none for it, so any size will do.
- `release=True` has what the release adds: a ReLU after each up-convolution, and 128 channels from the last one
  instead of 64.
- `width` multiplies the channels of all layers but the scores'.
- `in_channels` is 3 unless said otherwise; the paper's images have 1.
- Up-convolutions start with N(0, 2/n) like all layers, n inputs to one unit being their input channels; the release
  counts n = 4 * output channels, twice as many.
- Mirroring the image at its border, so that the valid form covers all of it, and cutting tiles is the work of
  `models.overlap_tile`.
"""

from collections import OrderedDict

import torch
from torch import Tensor, nn

from seglib.models._checks import at_least_one, check_image, check_state
from seglib.models._paper import Paper, Result
from seglib.models._vgg import initialise, scaled

PAPER = {
    "unet": Paper(
        citation="Ronneberger, Fischer, Brox: U-Net: Convolutional Networks for Biomedical Image Segmentation, "
        "MICCAI 2015",
        link="https://arxiv.org/abs/1505.04597",
        num_classes=2,
        in_channels=1,
        input_size=(572, 572),
        output_size=(388, 388),
        parameters=31_030_658,
        output_stride=1,
        receptive_field=(188, 204),
        results=(
            Result("warping error (not in per cent), ISBI 2012 EM segmentation", 0.000353, "table 1"),
            Result("Rand error (not in per cent), ISBI 2012 EM segmentation", 0.0382, "table 1"),
            Result("IoU, ISBI cell tracking 2015, PhC-U373", 92.03, "table 2"),
            Result("IoU, ISBI cell tracking 2015, DIC-HeLa", 77.56, "table 2"),
        ),
    )
}

# Rows and columns that each side of a skip connection loses in the valid form, as the map that it meets has lost them:
# one to each convolution in between, at that convolution's scale. d4's two cost d3c 2 * 2; d3's, d4's and u3's cost d2c
# 2 * 2 + 2 * 4 + 2 * 2.
CROPS = {"d3c": 4, "d2c": 16, "d1c": 40, "d0c": 88}


class UNet(nn.Module):
    """U-Net; `N in_channels H W -> N num_classes H-184 W-184` logits, those of the pixels 92 and more from the border.

    H and W must be 16 k + 60, from 188 on, so that all four poolings halve even sizes. With `same_padding` it is
    `N in_channels H W -> N num_classes H W`, for any size.

    Args:
        num_classes: classes, the background included.
        in_channels: channels of the image.
        width: multiplies the channels of all layers but the last.
        same_padding: pad the 3 x 3 convolutions by 1, so that logits have the image's size.
        release: as released, instead of as in the paper: ReLU after up-convolutions, the last of which keeps 128
            channels.
    """

    def __init__(
        self,
        *,
        num_classes: int,
        in_channels: int = 3,
        width: float = 1.0,
        same_padding: bool = False,
        release: bool = False,
    ):
        super().__init__()
        K = at_least_one("num_classes", num_classes)
        self.in_channels = at_least_one("in_channels", in_channels)
        self.same_padding = same_padding
        c0, c1, c2, c3, c4 = (scaled(channels, width) for channels in (64, 128, 256, 512, 1024))
        u0 = c1 if release else c0
        p = 1 if same_padding else 0
        crops = dict.fromkeys(CROPS, 0) if same_padding else CROPS

        relu = nn.ReLU if release else nn.Identity

        self.d0 = stage("d0", "abc", in_channels, c0, padding=p)
        self.pool_d0c_1a = nn.MaxPool2d(2, ceil_mode=True)
        self.d1 = stage("d1", "abc", c0, c1, padding=p)
        self.pool_d1c_2a = nn.MaxPool2d(2, ceil_mode=True)
        self.d2 = stage("d2", "abc", c1, c2, padding=p)
        self.pool_d2c_3a = nn.MaxPool2d(2, ceil_mode=True)
        self.d3 = stage("d3", "abc", c2, c3, padding=p)
        self.dropout_d3c = nn.Dropout(0.5)
        self.pool_d3c_4a = nn.MaxPool2d(2, ceil_mode=True)
        self.d4 = stage("d4", "abc", c3, c4, padding=p)
        self.dropout_d4c = nn.Dropout(0.5)

        self.upconv_d4c_u3a = nn.ConvTranspose2d(c4, c3, 2, stride=2)
        self.relu_u3a = relu()
        self.concat_d3cc_u3a_b = CropAndConcat(crops["d3c"])
        self.u3 = stage("u3", "bcd", c3 + c3, c3, padding=p)
        self.upconv_u3d_u2a = nn.ConvTranspose2d(c3, c2, 2, stride=2)
        self.relu_u2a = relu()
        self.concat_d2cc_u2a_b = CropAndConcat(crops["d2c"])
        self.u2 = stage("u2", "bcd", c2 + c2, c2, padding=p)
        self.upconv_u2d_u1a = nn.ConvTranspose2d(c2, c1, 2, stride=2)
        self.relu_u1a = relu()
        self.concat_d1cc_u1a_b = CropAndConcat(crops["d1c"])
        self.u1 = stage("u1", "bcd", c1 + c1, c1, padding=p)
        self.upconv_u1d_u0a = nn.ConvTranspose2d(c1, u0, 2, stride=2)
        self.relu_u0a = relu()
        self.concat_d0cc_u0a_b = CropAndConcat(crops["d0c"])
        self.u0 = stage("u0", "bcd", u0 + c0, c0, padding=p)
        self.conv_u0d_score = nn.Conv2d(c0, K, 1)

        initialise(self)
        for module in self.modules():
            if isinstance(module, nn.ConvTranspose2d):
                # kernel and stride are equal: one unit sees one tap of the kernel, in every input channel
                nn.init.normal_(module.weight, std=(2 / module.in_channels) ** 0.5)
                nn.init.zeros_(module.bias)
        check_state(self)

    def forward(self, x: Tensor) -> Tensor:
        check_image(x, channels=self.in_channels)
        if not self.same_padding:
            check_tile(x.shape[2], x.shape[3])
        # Sizes are figure 1's, for 572 x 572 pixels; behind the bar, those of `same_padding`.
        d0c = self.d0(x)  # N 64 568 568 | H W
        d1c = self.d1(self.pool_d0c_1a(d0c))  # N 128 280 280 | H/2 W/2
        d2c = self.d2(self.pool_d1c_2a(d1c))  # N 256 136 136 | H/4 W/4
        d3c = self.dropout_d3c(self.d3(self.pool_d2c_3a(d2c)))  # N 512 64 64 | H/8 W/8
        d4c = self.dropout_d4c(self.d4(self.pool_d3c_4a(d3c)))  # N 1024 28 28 | H/16 W/16
        u3a = self.relu_u3a(self.upconv_d4c_u3a(d4c))  # N 512 56 56 | H/8 W/8
        u3d = self.u3(self.concat_d3cc_u3a_b(u3a, d3c))  # N 1024, then N 512 52 52
        u2a = self.relu_u2a(self.upconv_u3d_u2a(u3d))  # N 256 104 104 | H/4 W/4
        u2d = self.u2(self.concat_d2cc_u2a_b(u2a, d2c))  # N 512, then N 256 100 100
        u1a = self.relu_u1a(self.upconv_u2d_u1a(u2d))  # N 128 200 200 | H/2 W/2
        u1d = self.u1(self.concat_d1cc_u1a_b(u1a, d1c))  # N 256, then N 128 196 196
        u0a = self.relu_u0a(self.upconv_u1d_u0a(u1d))  # N 64 392 392 | H W
        u0d = self.u0(self.concat_d0cc_u0a_b(u0a, d0c))  # N 128, then N 64 388 388
        return self.conv_u0d_score(u0d)  # N K 388 388 | H W


def stage(level: str, maps: str, in_channels: int, channels: int, *, padding: int) -> nn.Sequential:
    """Two 3 x 3 convolutions with ReLU: from map a to b to c on the way down, from b to c to d on the way up."""
    first, second, third = maps
    return nn.Sequential(
        OrderedDict(
            {
                f"conv_{level}{first}_{second}": nn.Conv2d(in_channels, channels, 3, padding=padding),
                f"relu_{level}{second}": nn.ReLU(inplace=True),
                f"conv_{level}{second}_{third}": nn.Conv2d(channels, channels, 3, padding=padding),
                f"relu_{level}{third}": nn.ReLU(inplace=True),
            }
        )
    )


class CropAndConcat(nn.Module):
    """`[upsampled, skip]` along the channels, the larger of both cropped to the smaller.

    `offset` rows and columns go from each side of a skip connection. With offset 0 (`same_padding`) the skip connection
    stays whole, and the upsampled map, which has one row or column too many where the skip's size is odd, is cropped.
    """

    def __init__(self, offset: int):
        super().__init__()
        self.offset = offset

    def forward(self, upsampled: Tensor, skip: Tensor) -> Tensor:
        if self.offset:
            skip = skip[:, :, self.offset : -self.offset, self.offset : -self.offset]
        else:
            upsampled = upsampled[:, :, : skip.shape[2], : skip.shape[3]]
        return torch.cat([upsampled, skip], 1)

    def extra_repr(self) -> str:
        return f"offset={self.offset}"


def check_tile(height: int, width: int) -> None:
    """Raise unless both are legal sizes of the valid form, 16 k + 60 from 188 on; name the nearest that are."""
    wrong = []
    for axis, size in (("height", height), ("width", width)):
        if size < 188:
            wrong.append(f"{axis} {size} must be at least 188")
        elif (size - 60) % 16:
            below = size - (size - 60) % 16
            wrong.append(f"{axis} {size} should be {below} or {below + 16}")
    if wrong:
        raise ValueError(
            f"U-Net without padding takes sizes of 16 k + 60 pixels, such as 188, 204 or 572, because each of its four "
            f"poolings must halve an even size: {', '.join(wrong)}. With same_padding=True any size will do"
        )


def unet(*, num_classes: int, in_channels: int = 3, width: float = 1.0, **options) -> UNet:
    """U-Net as in the paper: valid convolutions, logits smaller than the image. Options as for `UNet`."""
    return UNet(num_classes=num_classes, in_channels=in_channels, width=width, **options)
