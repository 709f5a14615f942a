"""The pixel-wise cross-entropy, and the targets of networks whose scores are not the image's size."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def targets_for(logits: Tensor, target: Tensor, *, first: int = 0) -> Tensor:
    """The labels of the pixels that the scores stand for.

    - Scores of the image's size: all labels.
    - Scores at stride 8, `ceil((H - first) / 8)` of them, of DeepLab and DilatedNet with `upsample=False`: the labels
      of the pixels `first`, `first + 8` ..., which is how these papers train.
    - Scores fewer by an even number on each axis, of U-Net in its valid form: the middle, 92 pixels from each border.

    Args:
        logits: `N K h w`.
        target: `N H W`.
        first: the pixel of the first score at stride 8, 1 for plain DeepLab; `first_label` knows it.

    Returns:
        `N h w`, a view where possible.

    Raises:
        ValueError: scores of a size that is none of the three.
    """
    size, (height, width) = logits.shape[2:], target.shape[1:]
    if size == (height, width):
        return target
    sampled = target[:, first::8, first::8]
    if sampled.shape[1:] == size:
        return sampled
    missing = height - size[0], width - size[1]
    if min(missing) > 0 and missing[0] == missing[1] and missing[0] % 2 == 0:
        edge = missing[0] // 2
        return target[:, edge:-edge, edge:-edge]
    raise ValueError(
        f"scores of {size[0]} x {size[1]} belong to no known pixels of a target of {height} x {width}: they must be "
        "of the same size, of an eighth of it, or as much smaller on all four sides"
    )


def first_label(model: nn.Module) -> int:
    """The pixel whose label the first score at stride 8 is trained with: 1 for plain DeepLab, else 0."""
    return 0 if getattr(model, "large_fov", True) else 1


def pixel_loss(logits: Tensor, target: Tensor, *, weights: Tensor | None, ignore_index: int) -> tuple[Tensor, Tensor]:
    """Sum of the cross-entropies of all labelled pixels, and the sum of their weights (their number, without any).

    They are kept apart because a mean over several processes is the quotient of two sums, not the mean of quotients:
    each process may have another number of labelled pixels.
    """
    loss = F.cross_entropy(logits.float(), target, weight=weights, ignore_index=ignore_index, reduction="sum")
    labelled = target[target != ignore_index]
    total = weights[labelled].sum() if weights is not None else torch.tensor(float(len(labelled)), device=loss.device)
    return loss, total
