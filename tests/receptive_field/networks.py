"""Networks of the papers with few channels: a receptive field does not depend on their number."""

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import nn

VGG_STAGES = (2, 2, 3, 3, 3)
WIDTHS = (4, 8, 16, 32, 32)


def convs(n: int, c_in: int, c_out: int, k: int = 3, padding: int = 1, dilation: int = 1) -> list[nn.Module]:
    """n convolutions, each with a ReLU."""
    layers = []
    for i in range(n):
        layers += [nn.Conv2d(c_in if i == 0 else c_out, c_out, k, padding=padding, dilation=dilation), nn.ReLU()]
    return layers


class FCN(nn.Module):
    """FCN-32s, 16s or 8s: pad 100, ceil-mode pools, fc6 7x7, transposed convolutions, crops (Shelhamer's net.py)."""

    def __init__(self, stride: int, classes: int = 2):
        super().__init__()
        self.stride = stride
        self.stages = nn.ModuleList()
        c_in = 3
        for n, width in zip(VGG_STAGES, WIDTHS, strict=True):
            self.stages.append(nn.Sequential(*convs(n, c_in, width), nn.MaxPool2d(2, ceil_mode=True)))
            c_in = width
        self.stages[0][0].padding = (100, 100)
        self.fc6 = nn.Conv2d(32, 16, 7)
        self.fc7 = nn.Conv2d(16, 16, 1)
        self.score_fr = nn.Conv2d(16, classes, 1)
        self.score_pool4 = nn.Conv2d(32, classes, 1)
        self.score_pool3 = nn.Conv2d(16, classes, 1)
        self.upscore2 = nn.ConvTranspose2d(classes, classes, 4, stride=2)
        self.upscore_pool4 = nn.ConvTranspose2d(classes, classes, 4, stride=2)
        self.upscore = nn.ConvTranspose2d(classes, classes, 2 * stride, stride=stride)

    def forward(self, x):
        height, width = x.shape[2:]
        pools, h = [], x
        for stage in self.stages:
            h = stage(h)
            pools.append(h)
        h = self.score_fr(F.relu(self.fc7(F.dropout(F.relu_(self.fc6(h)), training=self.training))))
        if self.stride < 32:
            h = self.upscore2(h)
            h = h + crop(self.score_pool4(pools[3]), 5, h.shape[2:])
        if self.stride < 16:
            h = self.upscore_pool4(h)
            h = h + crop(self.score_pool3(pools[2]), 9, h.shape[2:])
        return crop(self.upscore(h), {32: 19, 16: 27, 8: 31}[self.stride], (height, width))


def crop(x, offset: int, size):
    return x[:, :, offset : offset + size[0], offset : offset + size[1]]


class UNet(nn.Module):
    """U-Net with valid convolutions and centre crops; functional pools and concatenations."""

    def __init__(self):
        super().__init__()
        widths = (2, 3, 4, 5, 6)
        self.down = nn.ModuleList(
            nn.Sequential(*convs(2, c, w, padding=0)) for c, w in zip((1, *widths), widths, strict=False)
        )
        self.up = nn.ModuleList(nn.ConvTranspose2d(c, w, 2, stride=2) for w, c in pairwise(widths))
        self.fuse = nn.ModuleList(nn.Sequential(*convs(2, 2 * w, w, padding=0)) for w in widths[:-1])
        self.score = nn.Conv2d(widths[0], 2, 1)

    def forward(self, x):
        skips = []
        for level, block in enumerate(self.down):
            x = block(F.max_pool2d(x, 2) if level else x)
            skips.append(x)
        for skip, up, fuse in reversed(list(zip(skips[:-1], self.up, self.fuse, strict=True))):
            x = up(x)
            offset = (skip.shape[2] - x.shape[2]) // 2
            x = fuse(torch.cat([x, crop(skip, offset, x.shape[2:])], dim=1))
        return self.score(x)


class Unpooled(nn.Module):
    """Mirrored encoder and decoder joined by unpooling: SegNet, SegNet-Basic, and DeconvNet with its fc layers."""

    def __init__(self, stages, k: int = 3, decoder=None, fc: bool = False, scatter: bool = False, norm: bool = False):
        super().__init__()
        width = 4
        decoder = decoder or stages[::-1]
        self.scatter = scatter
        self.norm = nn.LocalResponseNorm(5) if norm else nn.Identity()
        self.encoder = nn.ModuleList()
        for stage, n in enumerate(stages):
            self.encoder.append(nn.Sequential(*convs(n, width if stage else 3, width, k, k // 2)))
        self.pool = nn.MaxPool2d(2, ceil_mode=True, return_indices=True)
        self.fc = nn.Sequential(nn.Conv2d(width, 8, 7), nn.Conv2d(8, 8, 1), nn.ConvTranspose2d(8, width, 7))
        self.fc = self.fc if fc else nn.Identity()
        self.decoder = nn.ModuleList(nn.Sequential(*convs(n, width, width, k, k // 2)) for n in decoder)
        self.score = nn.Conv2d(width, 2, 1)

    def forward(self, x):
        x, indices, sizes = self.norm(x), [], []
        for stage in self.encoder:
            x = stage(x)
            sizes.append(x.shape[2:])
            x, index = self.pool(x)
            indices.append(index)
        x = self.fc(x)
        for stage in self.decoder:
            size, index = sizes.pop(), indices.pop()
            if self.scatter:
                flat = x.new_zeros(*x.shape[:2], size[0] * size[1])
                x = flat.scatter(2, index.flatten(2), x.flatten(2)).view(*x.shape[:2], *size)
            else:
                x = F.max_unpool2d(x, index, 2, output_size=size)
            x = stage(x)
        return self.score(x)


def deeplab_largefov(pool5a: bool = True) -> nn.Sequential:
    """DeepLabV1 LargeFOV up to its scores: 3x3 pools, conv5 with dilation 2, fc6 3x3 with dilation 12."""
    layers, c_in = [], 3
    for stage, (n, width) in enumerate(zip(VGG_STAGES, WIDTHS, strict=True)):
        dilation = 2 if stage == 4 else 1
        layers += convs(n, c_in, width, padding=dilation, dilation=dilation)
        layers.append(nn.MaxPool2d(3, stride=2 if stage < 3 else 1, padding=1))
        c_in = width
    if pool5a:
        layers.append(nn.AvgPool2d(3, stride=1, padding=1))
    layers += [nn.Conv2d(32, 16, 3, padding=12, dilation=12), nn.ReLU(), nn.Conv2d(16, 16, 1), nn.Conv2d(16, 2, 1)]
    return nn.Sequential(*layers)


def dilated_front_end() -> nn.Sequential:
    """DilatedNet's front end: valid convolutions, pools 1 to 3, conv5 with dilation 2, fc6 7x7 with dilation 4."""
    layers, c_in = [], 3
    for stage, (n, width) in enumerate(zip(VGG_STAGES, WIDTHS, strict=True)):
        layers += convs(n, c_in, width, padding=0, dilation=2 if stage == 4 else 1)
        if stage < 3:
            layers.append(nn.MaxPool2d(2))
        c_in = width
    return nn.Sequential(*layers, nn.Conv2d(32, 16, 7, dilation=4), nn.Conv2d(16, 16, 1), nn.Conv2d(16, 2, 1))


def context_module(rates=(1, 1, 2, 4, 8, 16, 1)) -> nn.Sequential:
    """DilatedNet's context module: 3x3 convolutions of growing dilation and a 1x1."""
    layers = [layer for rate in rates for layer in (nn.Conv2d(2, 2, 3, padding=rate, dilation=rate), nn.ReLU())]
    return nn.Sequential(*layers, nn.Conv2d(2, 2, 1))


class FCDenseNet(nn.Module):
    """FC-DenseNet: blocks of concatenated 3x3 layers; only a block's new maps are upsampled (SimJeg's code)."""

    def __init__(self, layers: tuple[int, ...]):
        super().__init__()
        self.first = nn.Conv2d(3, 2, 3, padding=1)
        *down, middle = layers[: len(layers) // 2 + 1]
        width, skips = 2, []
        self.down, self.shrink = nn.ModuleList(), nn.ModuleList()
        for n in down:
            self.down.append(self.block(width, n))
            width += n
            skips.append(width)
            self.shrink.append(nn.Sequential(nn.Conv2d(width, width, 1), nn.MaxPool2d(2)))
        self.middle = self.block(width, middle)
        self.up, self.grow = nn.ModuleList(), nn.ModuleList()
        new = middle
        for n, skip in zip(layers[len(down) + 1 :], reversed(skips), strict=True):
            self.grow.append(nn.ConvTranspose2d(new, new, 3, stride=2))
            self.up.append(self.block(new + skip, n))
            width, new = new + skip + n, n
        self.score = nn.Conv2d(width, 2, 1)

    @staticmethod
    def block(width: int, n: int) -> nn.ModuleList:
        return nn.ModuleList(
            nn.Sequential(nn.BatchNorm2d(width + i), nn.ReLU(), nn.Conv2d(width + i, 1, 3, padding=1), nn.Dropout(0.2))
            for i in range(n)
        )

    def forward(self, x):
        x, skips = self.first(x), []
        for block, shrink in zip(self.down, self.shrink, strict=True):
            x, _ = dense(block, x)
            skips.append(x)
            x = shrink(x)
        x, new = dense(self.middle, x)
        for grow, block in zip(self.grow, self.up, strict=True):
            skip = skips.pop()
            x, new = dense(block, torch.cat([crop(grow(new), 0, skip.shape[2:]), skip], dim=1))
        return self.score(x)


def dense(block, x):
    """All maps of a dense block, and the new ones alone."""
    new = []
    for layer in block:
        new.append(layer(x))
        x = torch.cat([x, new[-1]], dim=1)
    return x, torch.cat(new, dim=1)
