"""The networks beside independent implementations: time, memory, and whether both compute the same.

`python -m benchmarks.models` measures ours and a peer in turns, A B B A ..., and prints the best of each, since
other programs only ever make one slower, and the ratio of the two. Peers of the same geometry get our
weights, and the largest difference of the outputs is printed. Peers of another geometry are compared per multiply-
accumulate, which says how well each uses the machine, not which network is cheaper.

- VGG16's stages, without and with batch normalisation: torchvision's `vgg16` and `vgg16_bn`, the same geometry.
  SegNet's poolings also write down where their maxima were.
- FCN-8s: "the usual port", written here, because no package has the paper's geometry (pad 100, three crops): frozen
  upsampling as dense `nn.ConvTranspose2d` of all classes to all classes, as in the authors' release and in most ports.
- FCN-32s without its pad of 100: torchvision's `FCNHead` on torchvision's VGG16, upsampled bilinearly, which is what a
  user would build from torchvision instead. That head has one 3 x 3 convolution in place of fc6 and fc7, so another
  geometry.
- Pooling and unpooling: `nn.MaxPool2d(return_indices=True)` and `nn.MaxUnpool2d`, the same geometry.
- U-Net: `segmentation_models_pytorch.Unet` on VGG16, another geometry (a narrower decoder, batch normalisation).
- DeepLab has no peer: torchvision's DeepLabHead is version 3's, with five branches, and its backbone a dilated ResNet.
  Neither has a counterpart in version 1. FC-DenseNet and DilatedNet are in no package that is kept up.

Then the memory that inference and training take at the size of the SegNet paper's table 6, whose claim is that keeping
the places of maxima takes less than keeping maps. On a CPU memory is counted, not measured: every tensor as long as it
is needed, but not what a single operation allocates for itself.
"""

import argparse
import copy
import os
import platform
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import segmentation_models_pytorch
import torch
import torch.nn.functional as F
import torchvision
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode
from torchvision.models.segmentation.fcn import FCNHead

from seglib import models
from seglib.models._unpooling import MaxPoolWithSwitches, Unpool
from seglib.models._upsampling import BilinearUpsampling, bilinear_kernel
from seglib.models._vgg import load_vgg16
from seglib.models.cost import LiveBytes, peak_on_gpu
from seglib.models.fcn import crop, fuse
from seglib.models.segnet import SegNet

CLASSES = 21


@contextmanager
def peak_memory(device: torch.device) -> Iterator[list[int]]:
    """Fills the list with the most bytes that were needed at once, beyond those that were taken before."""
    if device.type == "cuda":
        with peak_on_gpu(device) as peak:
            yield peak
        return
    counted: list[int] = []
    with LiveBytes() as live:
        yield counted
    counted.append(live.peak)


def seconds(work: Callable[[], object], device: torch.device) -> float:
    if device.type == "cuda":
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        torch.cuda.synchronize(device)
        start.record()
        work()
        end.record()
        torch.cuda.synchronize(device)
        return start.elapsed_time(end) / 1000
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def infer(model: nn.Module, x: Tensor) -> Tensor:
    with torch.inference_mode():
        return model.eval()(x)


def train(model: nn.Module, x: Tensor) -> None:
    """Forward and backward, without the step of an optimiser."""
    wanted = [parameter for parameter in model.parameters() if parameter.requires_grad]
    if not wanted:
        wanted = [x.requires_grad_()]
    torch.autograd.grad(model.train()(x).square().mean(), wanted)


def stages_of(network: nn.Module, stage: str) -> nn.Sequential:
    """The five stages and poolings of a network based on VGG16."""
    return nn.Sequential(*(getattr(network, name) for i in range(1, 6) for name in (f"{stage}{i}", f"pool{i}")))


def vgg16_stages() -> tuple[nn.Module, nn.Module]:
    theirs = torchvision.models.vgg16(weights=None)
    ours = models.create("fcn32s", num_classes=CLASSES, same_padding=True, fc_channels=1, fc6_kernel=7)
    load_vgg16(ours, theirs.state_dict())
    return stages_of(ours, "stage"), theirs.features


class Maxima(nn.Module):
    """`MaxPoolWithSwitches` without what it writes down."""

    def __init__(self, pool: MaxPoolWithSwitches):
        super().__init__()
        self.pool = pool

    def forward(self, x: Tensor) -> Tensor:  # noqa: D102
        return self.pool(x)[0]


def segnet_encoder() -> tuple[nn.Module, nn.Module]:
    theirs = torchvision.models.vgg16_bn(weights=None).features
    ours = models.create("segnet", num_classes=CLASSES)
    for i in range(1, 6):
        setattr(ours, f"pool{i}", Maxima(getattr(ours, f"pool{i}")))
    ours = stages_of(ours, "encoder")
    copy_weights(theirs, ours)
    return ours, theirs


def copy_weights(source: nn.Module, target: nn.Module) -> None:
    """In the order of the state dicts; names differ."""
    state = target.state_dict()
    for name, tensor in zip(state, source.state_dict().values(), strict=True):
        state[name] = tensor
    target.load_state_dict(state)


class UsualFCN8s(nn.Module):
    """FCN-8s as most ports write it: dense frozen transposed convolutions, crops by hand."""

    def __init__(self):
        super().__init__()
        layers = []
        for c_in, c_out, convs in ((3, 64, 2), (64, 128, 2), (128, 256, 3), (256, 512, 3), (512, 512, 3)):
            for i in range(convs):
                layers += [nn.Conv2d(c_in if i == 0 else c_out, c_out, 3, padding=1), nn.ReLU(inplace=True)]
            layers.append(nn.MaxPool2d(2, ceil_mode=True))
        layers[0].padding = (100, 100)
        self.to_pool3, self.to_pool4 = nn.Sequential(*layers[:17]), nn.Sequential(*layers[17:24])
        self.to_pool5 = nn.Sequential(*layers[24:])
        fc6, fc7 = nn.Conv2d(512, 4096, 7), nn.Conv2d(4096, 4096, 1)
        self.fc = nn.Sequential(
            fc6,
            nn.ReLU(inplace=True),
            nn.Dropout(),
            fc7,
            nn.ReLU(inplace=True),
            nn.Dropout(),
            nn.Conv2d(4096, CLASSES, 1),
        )
        self.score_pool4, self.score_pool3 = nn.Conv2d(512, CLASSES, 1), nn.Conv2d(256, CLASSES, 1)
        self.upscore2, self.upscore_pool4, self.upscore8 = (dense_upsampling(factor) for factor in (2, 2, 8))

    def forward(self, x: Tensor) -> Tensor:  # noqa: D102
        pool3 = self.to_pool3(x)
        pool4 = self.to_pool4(pool3)
        h = self.upscore2(self.fc(self.to_pool5(pool4)))
        h = self.upscore_pool4(fuse(h, self.score_pool4(pool4), 5))
        h = self.upscore8(fuse(h, self.score_pool3(pool3), 9))
        return crop(h, x.shape[2:], 31).contiguous()


def dense_upsampling(factor: int) -> nn.ConvTranspose2d:
    layer = nn.ConvTranspose2d(CLASSES, CLASSES, 2 * factor, stride=factor, bias=False).requires_grad_(False)
    layer.weight.zero_()
    layer.weight[range(CLASSES), range(CLASSES)] = bilinear_kernel(2 * factor)
    return layer


def fcn8s() -> tuple[nn.Module, nn.Module]:
    ours, theirs = models.create("fcn8s", num_classes=CLASSES), UsualFCN8s()
    for layer in (ours.score_fr, ours.score_pool4, ours.score_pool3):  # they start at zero
        nn.init.normal_(layer.weight, std=0.01)
    source, target = ours.state_dict(), theirs.state_dict()
    learned = [name for name in target if "upscore" not in name]
    target |= dict(zip(learned, source.values(), strict=True))
    theirs.load_state_dict(target)
    return ours, theirs


def upsampling() -> tuple[nn.Module, nn.Module]:
    return BilinearUpsampling(8), dense_upsampling(8)


class OursRoundTrip(nn.Module):
    """Pooling, and unpooling to where the maxima were."""

    def __init__(self):
        super().__init__()
        self.pool, self.unpool = MaxPoolWithSwitches(), Unpool()

    def forward(self, x: Tensor) -> Tensor:  # noqa: D102
        pooled, switches = self.pool(x)
        return self.unpool(pooled, switches, x.shape[2:])


class TorchRoundTrip(nn.Module):
    """The same with PyTorch's modules."""

    def __init__(self):
        super().__init__()
        self.pool, self.unpool = nn.MaxPool2d(2, ceil_mode=True, return_indices=True), nn.MaxUnpool2d(2)

    def forward(self, x: Tensor) -> Tensor:  # noqa: D102
        pooled, indices = self.pool(x)
        return self.unpool(pooled, indices, output_size=x.shape[2:])


def round_trip() -> tuple[nn.Module, nn.Module]:
    return OursRoundTrip(), TorchRoundTrip()


class TorchvisionFCN(nn.Module):
    """torchvision's head and upsampling on torchvision's VGG16, put together as its `_SimpleSegmentationModel` does."""

    def __init__(self):
        super().__init__()
        self.features = torchvision.models.vgg16(weights=None).features
        self.head = FCNHead(512, CLASSES)

    def forward(self, x: Tensor) -> Tensor:  # noqa: D102
        return F.interpolate(self.head(self.features(x)), size=x.shape[2:], mode="bilinear", align_corners=False)


def fcn32s() -> tuple[nn.Module, nn.Module]:
    return models.create("fcn32s", num_classes=CLASSES, same_padding=True), TorchvisionFCN()


def unet() -> tuple[nn.Module, nn.Module]:
    ours = models.create("unet", num_classes=CLASSES, same_padding=True)
    return ours, segmentation_models_pytorch.Unet("vgg16", encoder_weights=None, classes=CLASSES)


@dataclass(frozen=True)
class Pair:
    """Two modules to run beside each other."""

    name: str
    build: Callable[[], tuple[nn.Module, nn.Module]]  # ours, peer
    shape: tuple[int, int, int]  # of one image or map
    same: bool  # of the same geometry, so that both must give the same


PAIRS = (
    Pair("VGG16 stages", vgg16_stages, (3, 256, 256), same=True),
    Pair("SegNet's encoder", segnet_encoder, (3, 256, 256), same=True),
    Pair("FCN-8s", fcn8s, (3, 192, 192), same=True),
    Pair("its last upsampling", upsampling, (CLASSES, 70, 70), same=True),  # as for an image of 500 x 500
    Pair("pooling and unpooling", round_trip, (64, 360, 480), same=True),
    Pair("FCN-32s", fcn32s, (3, 256, 256), same=False),
    Pair("U-Net", unet, (3, 256, 256), same=False),
)
COLUMNS = "{:38} {:10} {:>9} {:>9} {:>6}   {:>8} {:>8} {:>6}   {}"
HEADINGS = ("pair", "", "ours, ms", "peer, ms", "ratio", "ours, MB", "peer, MB", "ratio", "outputs")


def compare(pair: Pair, device: torch.device, repeats: int, shrink: int) -> Iterator[str]:
    """Lines of the table: inference and training of a pair."""
    torch.manual_seed(0)
    channels, height, width = pair.shape
    x = torch.rand(1, channels, height // shrink, width // shrink, device=device)
    ours, peer = (module.to(device) for module in pair.build())
    if pair.same:
        given, expected = infer(ours, x), infer(peer, x)
        torch.testing.assert_close(
            given, expected, rtol=0, atol=1e-2 * expected.abs().max().item()
        )  # a GPU may use TF32
        difference = ((given - expected).abs().max() / expected.abs().max()).item()
        per, remark = 1.0, f"differ by {difference:.0e} of the largest"
    else:
        macs = [multiply_accumulates(module, x) for module in (ours, peer)]
        per, remark = macs[1] / macs[0], f"other: {macs[0] / 1e9:.1f} and {macs[1] / 1e9:.1f} GMACs, ratio per MAC"
    name = f"{pair.name}, {' x '.join(map(str, x.shape[1:]))}"
    for label, work in (("inference", infer), ("training", train)):
        ours_s, peer_s = in_turns([lambda m=m, w=work: w(m, x) for m in (ours, peer)], device, repeats)
        ours_mb, peer_mb = (memory_of(module, work, x) / 1e6 for module in (ours, peer))
        times = [f"{1000 * best:.1f}" for best in (ours_s, peer_s)]
        ratio = ours_s / peer_s * per
        sizes = [f"{ours_mb:.0f}", f"{peer_mb:.0f}", f"{ours_mb / peer_mb:.2f}"]
        yield COLUMNS.format(name, label, *times, f"{ratio:.2f}", *sizes, remark)
        name = remark = ""


def in_turns(works: list[Callable[[], object]], device: torch.device, repeats: int) -> list[float]:
    """Seconds of each piece of work at its best, both ways round so many times."""
    times: list[list[float]] = [[] for _ in works]
    for i in range(2 * repeats):
        order = range(len(works)) if i % 2 else reversed(range(len(works)))
        for j in order:
            times[j].append(seconds(works[j], device))
    return [min(each) for each in times]


def multiply_accumulates(model: nn.Module, x: Tensor) -> int:
    with FlopCounterMode(display=False) as counter:
        infer(model, x)
    return counter.get_total_flops() // 2


def memory_of(model: nn.Module, work: Callable[[nn.Module, Tensor], object], x: Tensor) -> int:
    """Most bytes that were needed at once, beyond weights and image."""
    if x.device.type != "cuda":  # the same tensors live as long without numbers in them, and nothing is computed
        model, x = copy.deepcopy(model).to("meta"), x.detach().to("meta")
    work(model, x)  # cuDNN takes memory once
    with peak_memory(x.device) as peak:
        work(model, x)
    return peak[0]


class FreedInTime(SegNet):
    """SegNet that lets go of what it has used, and keeps each stage's whole maps too if it is told to.

    The maps are added to what is unpooled: "EncoderAddition" in table 1 of the paper. seglib's own SegNet, which is
    written to be read, holds its switches until the end.
    """

    keep_maps = False

    def forward(self, x: Tensor) -> Tensor:  # noqa: D102
        kept = []
        for i in range(1, 6):
            maps = getattr(self, f"encoder{i}")(x)
            x, switches = getattr(self, f"pool{i}")(maps)
            kept.append((switches, maps.shape[2:], maps if self.keep_maps else 0))
        del maps, switches
        for i in range(5, 0, -1):
            switches, size, maps = kept.pop()
            x = getattr(self, f"upsample{i}")(x, switches, size).add_(maps)
            del maps, switches
            x = getattr(self, f"decoder{i}")(x)
        return self.conv1_1_D(x)


class KeepingMaps(FreedInTime):
    """The same, keeping maps."""

    keep_maps = True


# What the paper's table 6 gives for inference at 360 x 480, in MB: with Caffe and cuDNN's workspace, weights included.
TABLE_6 = {"segnet": 1052, "deconvnet": 1872, "fcn8s": 1806, "deeplab_v1_largefov": 1993}
TWINS = {"SegNet, freed in time": FreedInTime, "the same, keeping maps": KeepingMaps}


def memory_table(device: torch.device) -> Iterator[str]:
    """Weights and activations of the networks of table 6, of U-Net, which keeps whole maps too, and SegNet's twins."""
    columns = "{:24} {:>12} {:>14} {:>14} {:>16} {:>16}"
    yield columns.format(
        "network", "weights, MB", "inference, MB", "training, MB", "both, inference", "paper's table 6"
    )
    place = device if device.type == "cuda" else torch.device("meta")
    x = torch.zeros(1, 3, 360, 480, device=place)
    for name in (*TABLE_6, "unet", *TWINS):
        options = {"same_padding": True} if name == "unet" else {}
        with place:
            network = TWINS[name](num_classes=11) if name in TWINS else models.create(name, num_classes=11, **options)
        weights = sum(parameter.nbytes for parameter in network.parameters()) / 1e6
        inference, training = (memory_of(network, work, x) / 1e6 for work in (infer, train))
        cells = (weights, inference, training, weights + inference)
        yield columns.format(name, *(f"{cell:.0f}" for cell in cells), TABLE_6.get(name, ""))


def load() -> str:
    return f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"


def main() -> None:
    parser = argparse.ArgumentParser(description="Our networks beside independent implementations: time and memory.")
    parser.add_argument("--device", default="cpu", help="cpu (the default), cuda, cuda:1 ...")
    parser.add_argument("--quick", action="store_true", help="small images and few repetitions: to see that it runs")
    arguments = parser.parse_args()
    device = torch.device(arguments.device)
    repeats, shrink = (1, 2) if arguments.quick else (20 if device.type == "cuda" else 4, 1)

    what = torch.cuda.get_device_name(device) if device.type == "cuda" else f"CPU {platform.machine()}"
    print(
        f"torch {torch.__version__}, torchvision {torchvision.__version__}, "
        f"segmentation-models-pytorch {segmentation_models_pytorch.__version__}, Python {platform.python_version()}\n"
        f"{what}, {torch.get_num_threads()} threads of {os.cpu_count()} cores, load {load()}; "
        f"batch of 1, float32, best of {2 * repeats} runs in turns"
    )
    start = time.perf_counter()
    print("\n" + COLUMNS.format(*HEADINGS))
    for pair in PAIRS:
        for line in compare(pair, device, repeats, shrink):
            print(line, flush=True)
    print("\nMost memory needed at once, for one image of 360 x 480 and 11 classes")
    for line in memory_table(device):
        print(line, flush=True)
    print(f"\n{time.perf_counter() - start:.0f} s, load {load()} at the end")


if __name__ == "__main__":
    main()
