"""What a network refuses, in words that name the value and what is legal."""

from torch import Tensor, nn


def check_image(x: Tensor, *, channels: int, smallest: int = 1, reason: str = "") -> None:
    """Raise unless `x` is a batch of images, `N channels H W`, floating point, at least `smallest` pixels each way."""
    if x.ndim != 4:
        raise ValueError(f"a network wants a batch of images, N {channels} H W; got a tensor of shape {tuple(x.shape)}")
    if x.shape[1] != channels:
        raise ValueError(
            f"this network has in_channels={channels}; got {x.shape[1]} channels in a tensor of shape {tuple(x.shape)}"
        )
    if not x.is_floating_point():
        raise TypeError(f"images must be floating point, from 0 to 1; got {x.dtype}: convert with image.float() / 255")
    if min(x.shape[2:]) < smallest:
        raise ValueError(
            f"images must be at least {smallest} x {smallest} pixels{reason and f' ({reason})'}; "
            f"got {x.shape[2]} x {x.shape[3]}"
        )


def check_state(model: nn.Module) -> nn.Module:
    """Let `load_state_dict` refuse weights of another width or number of classes in one sentence; returns the model."""

    def compare(module, state, prefix, *_):
        own = module.state_dict()
        for name, tensor in own.items():
            given = state.get(prefix + name)
            if given is not None and given.shape != tensor.shape:
                raise ValueError(
                    f"these weights are of another network: {name} has shape {tuple(given.shape)} in them, "
                    f"{tuple(tensor.shape)} here. Create the network with the width, num_classes, in_channels and "
                    "options that the weights were trained with"
                )

    model.register_load_state_dict_pre_hook(compare)
    return model


def at_least_one(name: str, value: int) -> int:
    """`value` if it is an integer of 1 or more, such as a number of classes."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ValueError(f"{name}={value!r} must be a whole number of 1 or more")
    return value
