"""VGG16's stages, which most networks of the book begin with, and its weights for them.

Simonyan and Zisserman, "Very Deep Convolutional Networks for Large-Scale Image Recognition", ICLR 2015,
https://arxiv.org/abs/1409.1556, configuration D of table 1.
"""

from collections import OrderedDict
from math import inf
from numbers import Real
from urllib.error import URLError

import torch
from torch import Tensor, nn

# The place of each convolution in torchvision's `vgg16().features`, and of each fully connected layer in `.classifier`.
FEATURES = {
    "conv1_1": 0, "conv1_2": 2,
    "conv2_1": 5, "conv2_2": 7,
    "conv3_1": 10, "conv3_2": 12, "conv3_3": 14,
    "conv4_1": 17, "conv4_2": 19, "conv4_3": 21,
    "conv5_1": 24, "conv5_2": 26, "conv5_3": 28,
}  # fmt: skip
CLASSIFIER = {"fc6": 0, "fc7": 3}


def scaled(channels: int, width: float) -> int:
    """So many channels has a layer of the paper's `channels` in a copy of this width; at least one."""
    if not isinstance(width, Real) or not 0 < width < inf:
        raise ValueError(
            f"width={width!r} must be above 0, and finite: it multiplies the channels of all layers; 1.0 is the paper"
        )
    return max(1, round(channels * width))


def vgg_stage(
    stage: int,
    in_channels: int,
    channels: int,
    *,
    convs: int,
    padding: int | tuple[int, ...] = 1,
    dilation: int = 1,
    norm: bool = False,
) -> nn.Sequential:
    """The 3 x 3 convolutions of one stage, with VGG16's names: conv3_1, relu3_1, conv3_2 ...; the pooling is not in it.

    Args:
        stage: number of the stage, 1 to 5, for the names.
        in_channels: channels that come in.
        channels: channels of every convolution.
        convs: how many convolutions.
        padding: zeros at each border, for all convolutions or one number for each.
        dilation: rate of all convolutions.
        norm: with batch normalisation (bn3_1) between convolution and ReLU.
    """
    paddings = padding if isinstance(padding, tuple) else (padding,) * convs
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    for i in range(1, convs + 1):
        layers[f"conv{stage}_{i}"] = nn.Conv2d(in_channels, channels, 3, padding=paddings[i - 1], dilation=dilation)
        if norm:
            layers[f"bn{stage}_{i}"] = nn.BatchNorm2d(channels)
        layers[f"relu{stage}_{i}"] = nn.ReLU(inplace=True)
        in_channels = channels
    return nn.Sequential(layers)


def initialise(model: nn.Module, *, scores: tuple[str, ...] = ()) -> None:
    """He's initialisation for ReLU networks (https://arxiv.org/abs/1502.01852) of every convolution; biases zero.

    The papers start from VGG16's weights. Without them, PyTorch's own initialisation shrinks the signal in each of
    thirteen layers, and a network without batch normalisation does not begin to learn. Transposed convolutions are left
    as they are: bilinear, or initialised by the network's own file. `scores` are layers that start at zero.
    """
    for name, module in model.named_modules():
        if not isinstance(module, nn.Conv2d):
            continue
        if name in scores:
            nn.init.zeros_(module.weight)
        else:
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
        if module.bias is not None:
            nn.init.zeros_(module.bias)


def vgg16_state() -> dict[str, Tensor]:
    """ImageNet weights of torchvision's VGG16; downloaded once (528 MB), and the file's hash is checked."""
    from torchvision.models import VGG16_Weights

    weights = VGG16_Weights.IMAGENET1K_V1
    try:
        return weights.get_state_dict(progress=True, check_hash=True)
    except (URLError, TimeoutError, ConnectionError) as error:
        raise RuntimeError(
            f"VGG16's weights could not be downloaded from {weights.url} ({error}). Connect to the internet once, or "
            f'put the file into {torch.hub.get_dir()}/checkpoints; without weights="vgg16" it starts at random.'
        ) from error


def load_vgg16(model: nn.Module, state: dict[str, Tensor] | None = None) -> list[str]:
    """Put VGG16's ImageNet weights into every layer of `model` that has a name of VGG16.

    conv1_1 to conv5_3 are copied. fc6 and fc7 are reshaped to convolutions (4096 x 25088 becomes 4096 x 512 x 7 x 7);
    where the model's are smaller, as in DeepLab-LargeFOV, every n-th weight is kept, in space and in channels, as its
    authors do. Images must be RGB, from 0 to 1, normalised with torchvision's ImageNet mean and standard deviation.

    Args:
        model: a network whose encoder has VGG16's layer names.
        state: state dict of `torchvision.models.vgg16`; None downloads it.

    Returns:
        The names of the layers that got weights.

    Raises:
        ValueError: the model is not VGG16's shape (another width or in_channels), or has none of its layers.
        RuntimeError: the download failed.
    """
    layers = {}
    for path, module in model.named_modules():
        name = path.rpartition(".")[2]
        if name in FEATURES or name in CLASSIFIER:
            layers[name] = module
    if "conv1_1" not in layers:
        raise ValueError(f'{type(model).__name__} has no layer of VGG16, so weights="vgg16" has nothing to fill')
    first = layers["conv1_1"].weight
    if first.shape[:2] != (64, 3):
        raise ValueError(
            f"VGG16's weights are for width=1.0 and in_channels=3; this network's conv1_1 has {first.shape[0]} "
            f"channels and {first.shape[1]} input channels"
        )
    state = vgg16_state() if state is None else state
    with torch.no_grad():
        for name, module in layers.items():
            place = f"features.{FEATURES[name]}" if name in FEATURES else f"classifier.{CLASSIFIER[name]}"
            if f"{place}.weight" not in state:
                raise ValueError(f"state has no {place}.weight for {name}: it is not that of torchvision.models.vgg16")
            weight = state[f"{place}.weight"]
            if name in CLASSIFIER:
                weight = weight.view(4096, *((512, 7, 7) if name == "fc6" else (4096, 1, 1)))
            module.weight.copy_(decimate(weight, module.weight.shape))
            module.bias.copy_(decimate(state[f"{place}.bias"], module.bias.shape))
    return list(layers)


def decimate(weight: Tensor, shape: torch.Size) -> Tensor:
    """Every n-th entry along each axis, first and last row and column of a kernel included: 7 taps become 0, 3, 6."""
    for axis, (have, want) in enumerate(zip(weight.shape, shape, strict=True)):
        if have < want:
            raise ValueError(f"VGG16's layer of shape {tuple(weight.shape)} cannot fill one of shape {tuple(shape)}")
        if have == want:  # most are, and fc6 alone has 411 MB to copy
            continue
        if axis < 2:  # channels: every n-th
            index = torch.arange(want) * have // want
        else:
            index = torch.linspace(0, have - 1, want).round().long() if want > 1 else torch.tensor([have // 2])
        weight = weight.index_select(axis, index)
    return weight
