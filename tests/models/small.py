"""Every network of the book as a small live copy, for the tests that all of them must pass."""

import torch
from torch import nn

from seglib import models

NAMES = tuple(models.MODELS)
CLASSES = 5
# What makes a network small without changing what it is; an option is used where the network has it.
SMALL = {"same_padding": True, "fc_channels": 512, "fc6_kernel": 3}
SMALLER = {"deconvnet": {"fc6_kernel": 2}}  # a kernel over the whole of pool5, for images from 64 pixels on


def small(name: str, *, width: float = 0.0625, **changes) -> nn.Module:
    """A narrow copy of a network with random weights, the same at every call, in eval mode."""
    options = {option: value for option, value in SMALL.items() if option in models.options_of(name)} | SMALLER.get(
        name, {}
    )
    torch.manual_seed(0)
    model = models.create(name, **({"num_classes": CLASSES, "width": width} | options | changes))
    for parameter in model.parameters():  # scores start at zero in some papers; nothing would pass through them
        if not parameter.any():
            nn.init.normal_(parameter, std=0.1)
    return model.eval()
