"""Batch normalisation for the time of the training, and none in the network that comes out of it.

Most networks of the book have no batch normalisation, and began with VGG16's weights from a million photographs. The
small copies begin with nothing, and without normalisation thirteen layers of 8 to 64 channels hardly begin to learn.
So a recipe may put a batch normalisation (https://arxiv.org/abs/1502.03167) behind every convolution that a ReLU
follows, and fold it into that convolution's weights when the training is over. With its averages fixed, it is one
factor and one shift a channel: the network that is left computes the same, and has the layers of its paper.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

Convolution = nn.Conv2d | nn.ConvTranspose2d


class Normalised(nn.Sequential):
    """A convolution with the batch normalisation that `fold` will take away again."""

    def __init__(self, convolution: Convolution):
        super().__init__(convolution, nn.BatchNorm2d(convolution.out_channels))


def insert(model: nn.Module) -> list[str]:
    """Put a batch normalisation behind every convolution that a ReLU follows directly.

    A context module's layers, `ctx_...`, are left out: they start as the identity, which normalisation would undo.

    Returns:
        The names of these convolutions.
    """
    done = []
    for path, parent in list(model.named_modules()):
        for (name, layer), (_, after) in pairwise(list(parent.named_children())):
            if isinstance(layer, Convolution) and isinstance(after, nn.ReLU) and not name.startswith("ctx_"):
                setattr(parent, name, Normalised(layer))
                done.append(f"{path}.{name}" if path else name)
    return done


@torch.no_grad()
def fold(model: nn.Module) -> nn.Module:
    """Take away what `insert` put in: the network computes the same as before in eval mode, which it is left in."""
    model.eval()
    for parent in list(model.modules()):
        for name, layer in list(parent.named_children()):
            if isinstance(layer, Normalised):
                convolution, norm = layer
                transposed = isinstance(convolution, nn.ConvTranspose2d)
                setattr(parent, name, fuse_conv_bn_eval(convolution, norm, transpose=transposed))
    return model


@torch.no_grad()
def start_as_identity(model: nn.Module, images: Tensor, names: list[str]) -> None:
    """Set the batch normalisations behind trained convolutions so that they change nothing on these images.

    A convolution taken over from another network gives what its ReLU wants; factor and shift of a fresh
    normalisation would throw away what the other network has learned about thresholds. So each takes for factor and
    shift the standard deviation and mean of what comes in.

    Args:
        model: the network, in train mode afterwards.
        images: a batch, as the network takes it.
        names: the layers taken over, by their own names (conv1_1). A normalisation that is among them stays as it is.
    """
    hooks = []

    def match(norm: nn.Module, arguments: tuple[Tensor]) -> None:
        # Over n, as a normalisation divides in training; over n - 1 it would not give back quite what came in.
        variance, mean = torch.var_mean(arguments[0], dim=(0, 2, 3), correction=0)
        norm.weight.copy_((variance + norm.eps).sqrt())
        norm.bias.copy_(mean)
        norm.running_mean.copy_(mean)
        norm.running_var.copy_(variance)

    for parent in model.modules():
        for (name, layer), (norm, after) in pairwise(list(parent.named_children())):
            fresh = isinstance(after, nn.BatchNorm2d) and norm not in names
            if name in names and isinstance(layer, Convolution) and fresh:
                hooks.append(after.register_forward_pre_hook(match))
        for name, layer in parent.named_children():
            if name in names and isinstance(layer, Normalised):
                hooks.append(layer[1].register_forward_pre_hook(match))
    model.train()
    try:
        model(images)
    finally:
        for hook in hooks:
            hook.remove()
