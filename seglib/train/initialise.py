"""How a network starts: at random, with VGG16's weights, or with what another recipe has trained."""

from pkgutil import resolve_name

import torch
from torch import Tensor, nn

from seglib import models
from seglib.names import did_you_mean
from seglib.train import batch_norm
from seglib.train.recipe import STARTS, Recipe

NORMS = (nn.BatchNorm2d, nn.SyncBatchNorm, nn.GroupNorm, nn.InstanceNorm2d)


@torch.no_grad()
def initialise(model: nn.Module) -> list[str]:
    """He's initialisation (https://arxiv.org/abs/1502.01852), of every convolution whose output a ReLU takes.

    Weights are normal with variance 2 / (values that one output is the sum of), biases zero, batch normalisation
    starts with factor 1 and shift 0: the signal then keeps its strength through any number of layers, where PyTorch's
    own initialisation loses more than half of it in each. A convolution counts when the next layer beside it, batch
    normalisation aside, is a ReLU. So all that the papers start in a way of their own keep what they have: scores
    (zero in FCN), bilinear upsampling, dense layers, whose ReLU comes first. A context module's layers have a
    ReLU too; they are known by their name, `ctx_...`, and keep their identity.

    The networks of `seglib.models` start like this by themselves; this is for networks of your own, or to start again.

    Returns:
        The names of the convolutions that were set.
    """
    done = []
    for path, parent in model.named_modules():
        children = list(parent.named_children())
        for i, (name, layer) in enumerate(children):
            if isinstance(layer, NORMS) and layer.weight is not None:
                layer.reset_parameters()
            if not isinstance(layer, nn.Conv2d | nn.ConvTranspose2d) or name.startswith("ctx_"):
                continue
            after = next((each for _, each in children[i + 1 :] if not isinstance(each, NORMS)), None)
            if not isinstance(after, nn.ReLU):
                continue
            # A transposed convolution's weight is `in out k k`: what comes in is what PyTorch calls fan_out.
            mode = "fan_out" if isinstance(layer, nn.ConvTranspose2d) else "fan_in"
            nn.init.kaiming_normal_(layer.weight, mode=mode, nonlinearity="relu")
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
            done.append(f"{path}.{name}" if path else name)
    return done


def build(recipe: Recipe, num_classes: int) -> nn.Module:
    """The recipe's network, as it is before the first step, but for the layers that another recipe has trained.

    Raises:
        ValueError: there is no such network, or it does not take its options.
        TypeError: it does not have them.
    """
    weights = "vgg16" if recipe.start == "vgg16" else None
    if ":" in recipe.network:
        try:
            function = resolve_name(recipe.network)
        except (ImportError, AttributeError, ValueError) as error:
            raise ValueError(
                f"recipe {recipe.name!r}: network={recipe.network!r} must be package.module:function, of a module that "
                f"can be imported: {error}"
            ) from error
        model = function(num_classes=num_classes, **recipe.options)
        if weights:
            models.load_vgg16(model)
    else:
        model = models.create(recipe.network, num_classes=num_classes, weights=weights, **recipe.options)
    if recipe.start == "he":
        initialise(model)
    if recipe.dropout is not None:
        for layer in model.modules():
            if isinstance(layer, nn.Dropout | nn.Dropout2d):
                layer.p = recipe.dropout
    if recipe.batch_norm:
        batch_norm.insert(model)
    return model


@torch.no_grad()
def take_over(model: nn.Module, state: dict[str, Tensor], *, fresh: tuple[str, ...] = ()) -> list[str]:
    """Copy every layer of `state` that the model has by the same name and shape.

    Names are the papers' (conv1_1); whether a file keeps it in `stage1` or in `encoder1` does not matter, as long as
    the name is the only one of its kind.

    Args:
        model: the network that starts.
        state: weights of the network that was trained before.
        fresh: own names of layers to leave as they are.

    Returns:
        The own names of the layers that were taken.

    Raises:
        ValueError: there is none, since the two networks, or their widths, have nothing in common; or the network has
            no layer of a name in `fresh`.
    """
    names = list(dict.fromkeys(own_name(key).split(".")[0] for key in model.state_dict()))
    for name in fresh:
        if name not in names:
            hint = did_you_mean(name, names)
            raise ValueError(
                f"fresh names {name!r}, which {type(model).__name__} does not have{hint} It has {', '.join(names)}"
            )
    # A classifier keeps the network whose layers it trains under this name.
    state = {key.removeprefix("network."): tensor for key, tensor in state.items()}
    named: dict[str, list[Tensor]] = {}
    for key, tensor in state.items():
        named.setdefault(own_name(key), []).append(tensor)
    taken = []
    for key, tensor in model.state_dict().items():
        name = own_name(key)
        found = [state[key]] if key in state else named.get(name, [])
        layer = name.split(".")[0]
        if len(found) == 1 and found[0].shape == tensor.shape and layer not in fresh:
            tensor.copy_(found[0])
            taken.append(layer)
    if not taken:
        raise ValueError(
            f"{type(model).__name__} has no layer in common with the weights that it should start from: both need "
            "the same family of networks, width and number of classes"
        )
    return list(dict.fromkeys(taken))


def own_name(key: str) -> str:
    """The last two parts of a key, `conv1_1.weight`, also for a layer that is normalised (`conv1_1.0.weight`)."""
    return ".".join([part for part in key.split(".") if part != "0"][-2:])


def starts_from(recipe: Recipe) -> str | None:
    """Name of the recipe whose trained layers this one starts with, if it does."""
    return None if recipe.start in STARTS else recipe.start
