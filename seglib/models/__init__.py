"""The networks of the book, one file for each paper: `create(name, num_classes=...)` builds one.

Every network is a plain `nn.Module`: images `N in_channels H W` in, logits `N num_classes H W` out (U-Net in its valid
form returns the smaller size of its paper). Layers have the paper's names; each file says where it deviates.
"""

import inspect
from collections.abc import Callable
from difflib import get_close_matches

from torch import nn

from seglib.models import deconvnet as _deconvnet
from seglib.models import deeplab_v1 as _deeplab_v1
from seglib.models import dilated_net as _dilated_net
from seglib.models import fc_densenet as _fc_densenet
from seglib.models import fcn as _fcn
from seglib.models import segnet as _segnet
from seglib.models import unet as _unet
from seglib.models._paper import Paper, Result
from seglib.models._vgg import load_vgg16
from seglib.models.deconvnet import deconvnet
from seglib.models.deeplab_v1 import deeplab_v1, deeplab_v1_largefov
from seglib.models.dilated_net import context_module, dilated_front_end, dilated_net, dilated_net_large
from seglib.models.fc_densenet import fc_densenet56, fc_densenet67, fc_densenet103
from seglib.models.fcn import fcn8s, fcn16s, fcn32s
from seglib.models.segnet import segnet, segnet_basic
from seglib.models.summary import Summary, SummaryRow, describe
from seglib.models.unet import unet

MODELS: dict[str, Callable[..., nn.Module]] = {
    "fcn32s": fcn32s,
    "fcn16s": fcn16s,
    "fcn8s": fcn8s,
    "deconvnet": deconvnet,
    "segnet": segnet,
    "segnet_basic": segnet_basic,
    "unet": unet,
    "fc_densenet56": fc_densenet56,
    "fc_densenet67": fc_densenet67,
    "fc_densenet103": fc_densenet103,
    "deeplab_v1": deeplab_v1,
    "deeplab_v1_largefov": deeplab_v1_largefov,
    "dilated_front_end": dilated_front_end,
    "dilated_net": dilated_net,
    "dilated_net_large": dilated_net_large,
}
PAPERS: dict[str, Paper] = {
    **_fcn.PAPER,
    **_deconvnet.PAPER,
    **_segnet.PAPER,
    **_unet.PAPER,
    **_fc_densenet.PAPER,
    **_deeplab_v1.PAPER,
    **_dilated_net.PAPER,
}


def create(
    name: str,
    *,
    num_classes: int,
    in_channels: int = 3,
    width: float = 1.0,
    weights: str | None = None,
    **options,
) -> nn.Module:
    """Build a network by its name.

    Args:
        name: one of `MODELS`.
        num_classes: classes, the background included.
        in_channels: channels of the images.
        width: multiplies the channels of every layer; 1.0 is the paper.
        weights: None starts at random; "vgg16" loads torchvision's ImageNet weights into the layers of VGG16
            (RGB images from 0 to 1, normalised with ImageNet's mean and standard deviation).
        **options: what the paper varies and the live copies change; see the network's own class.

    Raises:
        ValueError: an unknown name, weights or value.
        TypeError: an option that this network does not have.
        RuntimeError: the weights could not be downloaded.
    """
    if name not in MODELS:
        near = get_close_matches(str(name), MODELS, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"there is no network {name!r}{hint} There are {', '.join(MODELS)}")
    if weights not in (None, "vgg16"):
        raise ValueError(f'weights={weights!r} must be None (random) or "vgg16"')
    try:
        model = MODELS[name](num_classes=num_classes, in_channels=in_channels, width=width, **options)
    except TypeError as error:
        raise TypeError(f"{name}: {error}; its options are {', '.join(options_of(name)) or 'none'}") from error
    if weights == "vgg16":
        load_vgg16(model)
    return model


def options_of(name: str) -> dict[str, object]:
    """The options of a network, beyond those that all have, with their defaults."""
    builder = inspect.signature(MODELS[name])
    return {
        option: parameter.default
        for option, parameter in inspect.signature(builder.return_annotation).parameters.items()
        if parameter.default is not parameter.empty and option not in inspect.signature(create).parameters
    }


__all__ = [
    "MODELS",
    "PAPERS",
    "Paper",
    "Result",
    "Summary",
    "SummaryRow",
    "context_module",
    "create",
    "describe",
    "load_vgg16",
    "options_of",
    *MODELS,
]
