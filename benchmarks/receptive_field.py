"""Receptive fields by tracing and by gradients, side by side: time, and whether the answer is right.

The gradient method runs the network forward and backward from one unit and takes the hull of the pixels with a
gradient. On a network as it is, in single precision, it can miss pixels: max pooling passes one gradient per window,
and at the rim of a deep network's field gradients are too small to be told from 0. It is right on a network prepared
for it: positive weights, average for max pooling, double precision. It is given every advantage here: a strip of 64
columns, just high enough, so that only the height is measured; its preparation is not timed. Tracing gives the fields
of all units of a square image as high.
"""

import copy
import os
import platform
import statistics
import time

import torch
import torchvision
from torch import nn

from seglib.receptive_field import receptive_field

STRIP = 64


class FCN8s(nn.Module):
    """FCN-8s as released, with few channels: pad 100, ceil-mode pools, three transposed convolutions, three crops."""

    def __init__(self, widths: tuple[int, ...] = (4, 8, 16, 32, 32)):
        super().__init__()
        self.stages, c_in = nn.ModuleList(), 3
        for n, c in zip((2, 2, 3, 3, 3), widths, strict=True):
            layers = []
            for _ in range(n):
                layers += [nn.Conv2d(c_in, c, 3, padding=1), nn.ReLU()]
                c_in = c
            self.stages.append(nn.Sequential(*layers, nn.MaxPool2d(2, ceil_mode=True)))
        self.stages[0][0].padding = (100, 100)
        self.score_fr = nn.Sequential(nn.Conv2d(c_in, 64, 7), nn.ReLU(), nn.Conv2d(64, 21, 1))
        self.score_pool4, self.score_pool3 = nn.Conv2d(widths[3], 21, 1), nn.Conv2d(widths[2], 21, 1)
        self.upscore2, self.upscore_pool4 = (nn.ConvTranspose2d(21, 21, 4, stride=2, bias=False) for _ in range(2))
        self.upscore8 = nn.ConvTranspose2d(21, 21, 16, stride=8, bias=False)

    def forward(self, x):  # noqa: D102
        pools = [x]
        for stage in self.stages:
            pools.append(stage(pools[-1]))
        h = self.upscore2(self.score_fr(pools[5]))
        h = self.upscore_pool4(h + crop(self.score_pool4(pools[4]), 5, h))
        h = self.upscore8(h + crop(self.score_pool3(pools[3]), 9, h))
        return crop(h, 31, x)


def crop(x, offset, reference):
    return x[:, :, offset : offset + reference.shape[2], offset : offset + reference.shape[3]]


def _trunk(resnet: nn.Module) -> nn.Sequential:
    return nn.Sequential(*list(resnet.children())[:-2])


# Network, height of the strip, known heights of the field (VGG16: Distill's table; others: the authors' layer lists).
CASES = {
    "VGG16, pool5": (lambda: torchvision.models.vgg16(weights=None).features, 448, (212,)),
    "ResNet-50, layer4": (lambda: _trunk(torchvision.models.resnet50(weights=None)), 896, (427,)),
    "DenseNet-121, features": (lambda: torchvision.models.densenet121(weights=None).features, 2304, (2071,)),
    "FCN-8s, narrow": (lambda: FCN8s(), 512, (436, 468)),
}


def prepared(model: nn.Module) -> nn.Module:
    """The model without anything that hides a gradient: positive weights, average pools, double precision."""
    model = copy.deepcopy(model).double()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.uniform_(0.5, 1.5)
            if parameter.ndim > 1:
                parameter.div_(parameter[0].numel())  # so that sums over many weights do not overflow
    for parent in list(model.modules()):
        for name, child in parent.named_children():
            if isinstance(child, nn.MaxPool2d):
                average = nn.AvgPool2d(child.kernel_size, child.stride, child.padding, child.ceil_mode)
                setattr(parent, name, average)
    return model


def gradient_heights(model: nn.Module, height: int, phases: int) -> tuple[int, ...]:
    """Heights of the hulls of the pixels with a gradient, of so many units one below the other."""
    dtype = next(model.parameters()).dtype
    image = (torch.rand(1, 3, height, STRIP, dtype=dtype) + 0.5).requires_grad_()
    output = model(image)
    first = (output.shape[2] - phases) // 2
    found = set()
    for y in range(first, first + phases):
        (gradient,) = torch.autograd.grad(output[:, :, y, output.shape[3] // 2].sum(), image, retain_graph=True)
        rows = torch.nonzero(gradient.abs().amax(dim=(0, 1, 3))).flatten()
        found.add(int(rows.max() - rows.min()) + 1 if len(rows) else 0)
    return tuple(sorted(found))


def timed(function, repeats: int) -> tuple[float, object]:
    """Median seconds, and the answer."""
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        answer = function()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds), answer


def verdict(answer: tuple[int, ...], known: tuple[int, ...]) -> str:
    shown = "|".join(map(str, answer)) if len(answer) <= 3 else f"{answer[0]}..{answer[-1]}"
    return f"{shown} {'exact' if answer == known else 'wrong'}"


def main() -> None:
    torch.manual_seed(0)
    print(
        f"torch {torch.__version__}, torchvision {torchvision.__version__}, Python {platform.python_version()}, "
        f"{torch.get_num_threads()} threads of {os.cpu_count()} cores, CPU {platform.machine()}"
    )
    receptive_field(nn.Conv2d(3, 3, 3))  # the first trace imports what fake tensors need
    columns = "{:24} {:>16} {:>9} {:>18} {:>9} {:>18} {:>9} {:>7}"
    names = ("trace", "ms", "gradient, as it is", "ms", "gradient, prepared", "ms", "ratio")
    print(columns.format("network", *names))
    for name, (make, height, known) in CASES.items():
        model = make().eval()
        field_s, field = timed(lambda m=model, h=height: receptive_field(m, (3, h, h)), 7)
        phases = 32 if field.stride == (1, 1) else 1
        plain_s, plain = timed(lambda m=model, h=height, p=phases: gradient_heights(m, h, p), 3)
        model = prepared(model)
        ready_s, ready = timed(lambda m=model, h=height, p=phases: gradient_heights(m, h, p), 3)
        cells = [f"{1000 * field_s:.1f}", f"{1000 * plain_s:.0f}", f"{1000 * ready_s:.0f}"]
        answers = [verdict(answer, known) for answer in (field.heights, plain, ready)]
        paired = [cell for pair in zip(answers, cells, strict=True) for cell in pair]
        print(columns.format(name, *paired, f"{ready_s / field_s:.0f}x"))


if __name__ == "__main__":
    main()
