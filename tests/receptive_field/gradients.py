"""The oracle: which pixels have a gradient, in networks built so that no gradient can vanish."""

import torch
from torch import Tensor, nn


def without_cancellation(model: nn.Module) -> nn.Module:
    """The model in double precision with positive weights, so that paths add up and ReLUs stay open."""
    model = model.double().eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.uniform_(0.5, 1.5)
    return model


def seen_by(model: nn.Module, image: Tensor, units: list[tuple[int, int]]) -> list[tuple[int, int, int, int] | None]:
    """Hull (top, left, bottom, right) of the pixels with a gradient, half-open, by unit; None if there are none."""
    image = image.detach().requires_grad_()
    output = model(image.clone())
    return [_hull(torch.autograd.grad(_activation(output, unit), image, retain_graph=True)[0]) for unit in units]


def _activation(output: Tensor, unit: tuple[int, int]) -> Tensor:
    """All channels of a unit by unequal weights, since the sum of a softmax has no gradient."""
    channels = output[:, :, unit[0], unit[1]]
    return (channels * torch.arange(1, channels.shape[1] + 1)).sum()


def _hull(gradient: Tensor) -> tuple[int, int, int, int] | None:
    heat = gradient.abs().amax(dim=(0, 1))
    rows, columns = torch.nonzero(heat > 1e-9 * heat.max(), as_tuple=True)
    if len(rows) == 0:
        return None
    return int(rows.min()), int(columns.min()), int(rows.max()) + 1, int(columns.max()) + 1
