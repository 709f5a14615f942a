"""The networks of the book, one file for each paper: `create(name, num_classes=...)` builds one.

Every network is a plain `nn.Module`: images `N in_channels H W` in, logits `N num_classes H W` out (U-Net in its valid
form returns the smaller size of its paper). Layers have the paper's names; each file says where it deviates.
"""

import inspect
from collections.abc import Callable

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
from seglib.models.cost import Cost, Costs, live_bytes, measure
from seglib.models.deconvnet import deconvnet
from seglib.models.deeplab_v1 import deeplab_v1, deeplab_v1_largefov
from seglib.models.dilated_net import context_module, dilated_front_end, dilated_net, dilated_net_large
from seglib.models.fc_densenet import fc_densenet56, fc_densenet67, fc_densenet103
from seglib.models.fcn import fcn8s, fcn16s, fcn32s
from seglib.models.overlap_tile import overlap_tile
from seglib.models.segnet import segnet, segnet_basic
from seglib.models.summary import Summary, SummaryRow, describe
from seglib.models.unet import unet
from seglib.names import did_you_mean

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


TRAINED = ("scenes", "road")  # on what copies of some networks were trained that come with seglib
FREE = ("upsample",)  # options that change where a trained copy stops, and nothing that it computes on the way


def create(
    name: str,
    *,
    num_classes: int | None = None,
    in_channels: int | None = None,
    width: float | None = None,
    weights: str | None = None,
    **options,
) -> nn.Module:
    """Build a network by its name; it is in training mode, so call `.eval()` before it predicts.

    Args:
        name: one of `MODELS`.
        num_classes: classes, the background included; may be left out with the weights of a small copy only.
        in_channels: channels of the images, 3 if not given.
        width: multiplies the channels of every layer; 1.0, if not given, is the paper.
        weights: None starts at random; "vgg16" loads torchvision's ImageNet weights into the layers of VGG16; "scenes"
            loads the small copy that was trained on drawn scenes (`seglib.weights`), "road" that on drawn road scenes,
            and either brings its own num_classes, in_channels, width and options (`upsample` is free). With all of
            them, images must be RGB from 0 to 1, normalised with ImageNet's mean and standard deviation:
            `seglib.data.normalise`.
        **options: what the paper varies and the live copies change; see the network's own class.

    Raises:
        ValueError: an unknown name, weights or value; no copy of this network was trained, or another one than asked.
        TypeError: an option that this network does not have; no num_classes.
        RuntimeError: the weights could not be downloaded, or are damaged.
        FileNotFoundError: the weights are missing.
    """
    if name not in MODELS:
        raise ValueError(f"there is no network {name!r}{did_you_mean(name, MODELS)} There are {', '.join(MODELS)}")
    if weights not in (None, "vgg16", *TRAINED):
        raise ValueError(f'weights={weights!r} must be None (random) or "vgg16" or "scenes" or "road"')
    if weights in TRAINED:
        given = {"num_classes": num_classes, "in_channels": in_channels, "width": width}
        options = {option: value for option, value in given.items() if value is not None} | options
        return _trained(name, weights, options)
    if num_classes is None:
        raise TypeError(f'{name}: num_classes is missing; only weights="scenes" or "road" brings its own')
    in_channels = 3 if in_channels is None else in_channels
    width = 1.0 if width is None else width
    try:
        model = MODELS[name](num_classes=num_classes, in_channels=in_channels, width=width, **options)
    except TypeError as error:
        raise TypeError(f"{name}: {error}; its options are {', '.join(options_of(name)) or 'none'}") from error
    if weights == "vgg16":
        load_vgg16(model)
    return model


def _trained(name: str, weights: str, given: dict[str, object]) -> nn.Module:
    """The network as it was trained, with its weights; what is given must be what it was trained with."""
    from seglib.weights import load  # here, so that networks without weights need nothing of seglib but this package

    state, entry = load(name, weights)
    settings = {"num_classes": entry["num_classes"], **entry["options"]}
    settings = {option: _tupled(value) for option, value in settings.items()}
    known = {"in_channels": 3, "width": 1.0, **options_of(name), **settings}
    for option, value in given.items():
        if option in FREE or option not in known:  # an unknown one is refused by the network
            continue
        if _tupled(value) != known[option]:
            raise ValueError(
                f"{name}: {option}={value!r} was asked for, but weights={weights!r} were trained with "
                f"{option}={known[option]!r}; leave it out, or train your own"
            )
    model = create(name, **(settings | given))
    model.load_state_dict(state)
    return model


def _tupled(value: object) -> object:
    """JSON knows no tuples."""
    return tuple(value) if isinstance(value, list) else value


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
    "Cost",
    "Costs",
    "Paper",
    "Result",
    "Summary",
    "SummaryRow",
    "context_module",
    "create",
    "describe",
    "live_bytes",
    "load_vgg16",
    "measure",
    "options_of",
    "overlap_tile",
    *MODELS,
]
