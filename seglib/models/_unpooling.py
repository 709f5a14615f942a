"""Max pooling that remembers where its maxima were, and unpooling that puts activations back there.

Zeiler and Fergus call these places switches (https://arxiv.org/abs/1311.2901); DeconvNet and SegNet upsample with them.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class MaxPoolWithSwitches(nn.Module):
    """Max pooling, 2 x 2 with stride 2: `N C H W` to maxima and switches, both `N C ceil(H/2) ceil(W/2)`.

    As in Caffe, an odd last row or column is pooled alone. A switch is the place of its maximum in the flattened map,
    `row * W + column`, as `F.max_pool2d` counts.
    """

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x, switches = F.max_pool2d(x, 2, ceil_mode=True, return_indices=True)
        # PyTorch makes them int64, and unpooling needs int64. In training autograd keeps that tensor for both anyway;
        # int32 would come on top (SegNet at 360 x 480: 40 MB an image). Otherwise int32 halves what waits for the
        # decoder: a peak of 157 MB instead of 177, for 3 ms beside the 67 of pool1. The two bits that would do take
        # longer to tell from int64 than the pooling itself.
        return x, switches if torch.is_grad_enabled() else switches.int()


class Unpool(nn.Module):
    """Unpooling: every activation goes where its switch points, and zeros everywhere else.

    `F.max_unpool2d` gives the same, but refuses to run under `torch.use_deterministic_algorithms` and has no form in
    ONNX. A scatter does both, and takes a tenth longer, backwards included.
    """

    def forward(self, x: Tensor, switches: Tensor, output_size: tuple[int, int]) -> Tensor:
        """Undo the size of a `MaxPoolWithSwitches`.

        Args:
            x: activations, `N C ceil(H/2) ceil(W/2)`.
            switches: of the pooling, of the same shape.
            output_size: (H, W) of the map that was pooled; from the pooled size alone an odd one cannot be told.

        Raises:
            ValueError: the switches are not those of `x`, or not of a map of this size.
        """
        h, w = output_size
        if x.shape != switches.shape:
            raise ValueError(
                f"unpooling needs one switch for each activation; got switches of shape {tuple(switches.shape)} for "
                f"activations of shape {tuple(x.shape)}"
            )
        if x.shape[2:] != ((h + 1) // 2, (w + 1) // 2):
            raise ValueError(
                f"switches of {x.shape[2]} x {x.shape[3]} do not fit output_size {h} x {w}, which pools to "
                f"{(h + 1) // 2} x {(w + 1) // 2}; pass the size of the map that was pooled"
            )
        flat = x.new_zeros(*x.shape[:2], h * w).scatter_(2, switches.flatten(2).long(), x.flatten(2))
        return flat.view(*x.shape[:2], h, w)
