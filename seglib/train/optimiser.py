"""The optimiser of a recipe, and its learning rate as a function of the step."""

import math

import torch
from torch import nn

from seglib.train.recipe import Recipe


def learning_rate(recipe: Recipe, step: int) -> float:
    """The learning rate of a step, counted from 0, of `recipe.steps` in all.

    It is `learning_rate * warmup * shape`, with warmup = min(1, (step + 1) / recipe.warmup), and as shape

    - "constant": 1
    - "step": decay ** floor(step / period)
    - "exponential": decay ** (step / period)
    - "poly": (1 - step / steps) ** power
    - "cosine": (1 + cos(pi * step / steps)) / 2

    A function of the step alone has no state that a checkpoint could forget.
    """
    progress = step / recipe.steps
    shape = {
        "constant": lambda: 1.0,
        "step": lambda: recipe.decay ** (step // recipe.period),
        "exponential": lambda: recipe.decay ** (step / recipe.period),
        "poly": lambda: (1 - progress) ** recipe.power,
        "cosine": lambda: (1 + math.cos(math.pi * progress)) / 2,
    }[recipe.schedule]()
    warm = min(1.0, (step + 1) / recipe.warmup) if recipe.warmup else 1.0
    return recipe.learning_rate * warm * shape


def set_learning_rate(optimiser: torch.optim.Optimizer, recipe: Recipe, step: int) -> float:
    """Give every group of parameters its share of the step's learning rate; returns the rate before the shares."""
    rate = learning_rate(recipe, step)
    for group in optimiser.param_groups:
        group["lr"] = rate * group["factor"]
    return rate


def make_optimiser(recipe: Recipe, model: nn.Module) -> torch.optim.Optimizer:
    """The recipe's optimiser, with one group of parameters for each pair of learning rate and weight decay.

    SGD is PyTorch's: momentum gathers gradients, and the learning rate scales what it has gathered. Caffe scales before
    it gathers; the two are the same as long as the learning rate is. RMSprop has Lasagne's decay, 0.9.

    Raises:
        ValueError: layer_learning_rates names a layer that the network does not have.
    """
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    used = set()
    for path, layer in model.named_modules():
        for name, parameter in layer.named_parameters(recurse=False):
            factor, decay = 1.0, recipe.weight_decay
            if name == "bias":
                decay *= recipe.bias_weight_decay
                if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
                    factor *= recipe.bias_learning_rate
            for prefix, share in recipe.layer_learning_rates.items():
                if f"{path}.{name}".startswith(f"{prefix}."):
                    factor *= share
                    used.add(prefix)
            if factor == 0:
                parameter.requires_grad_(False)  # frozen: neither gradient nor weight decay
            else:
                groups.setdefault((factor, decay), []).append(parameter)
    if unknown := set(recipe.layer_learning_rates) - used:
        names = ", ".join(name for name, _ in model.named_children())
        raise ValueError(
            f"recipe {recipe.name!r}: layer_learning_rates names {', '.join(sorted(unknown))}, which {recipe.network} "
            f"does not have; its layers begin with {names}"
        )
    parameters = [
        {"params": members, "lr": recipe.learning_rate * factor, "weight_decay": decay, "factor": factor}
        for (factor, decay), members in groups.items()
    ]
    if recipe.optimiser == "sgd":
        return torch.optim.SGD(parameters, lr=recipe.learning_rate, momentum=recipe.momentum)
    if recipe.optimiser == "adam":
        return torch.optim.Adam(parameters, lr=recipe.learning_rate, betas=(recipe.momentum, 0.999))
    return torch.optim.RMSprop(parameters, lr=recipe.learning_rate, alpha=0.9, eps=1e-6, momentum=recipe.momentum)
