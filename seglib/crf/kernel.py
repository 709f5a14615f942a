"""A Gaussian kernel as mean field uses it: normalised, and with gradients.

How often a pixel is compared, `n_i = sum_j k(f_i, f_j)`, differs between the rim and the middle of an image and between
common and rare colours. Kraehenbuehl's code knows four ways to deal with it.
"""

from typing import Any, Protocol

import torch
from torch import Tensor

from seglib.crf.exact import exact_kernel
from seglib.crf.lattice import permutohedral_lattice

NORMALIZATIONS = ("symmetric", "after", "before", "none")
METHODS = ("lattice", "exact", "pydensecrf")
TINY = 1e-20


class LinearMap(Protocol):
    """What a method of filtering offers: a map of values N x K with factors before and after it, and its transpose."""

    def __call__(self, values: Tensor) -> Tensor: ...  # noqa: D102

    def scaled(self, before: Tensor | None, after: Tensor | None) -> "LinearMap": ...  # noqa: D102

    def transposed(self) -> "LinearMap": ...  # noqa: D102


def gaussian_kernel(features: Tensor, *, normalization: str = "symmetric", method: str = "lattice") -> LinearMap:
    """The filter `sum_j k(f_i, f_j) v_j` with `k = exp(-|f_i - f_j|^2 / 2)`; j = i is part of the sum.

    Args:
        features: d N: coordinates of the points divided by standard deviations.
        normalization: "symmetric": by 1 / sqrt(n) before and after filtering; "after": by 1 / n after it, as in the
            paper of 2011; "before": by 1 / n before it; "none".
        method: "lattice", or "exact" for few points.
    """
    kernel = permutohedral_lattice(features) if method == "lattice" else exact_kernel(features)
    if normalization == "none":
        return kernel
    n = kernel(features.new_ones(features.shape[1], 1))[:, 0] + TINY
    if normalization == "symmetric":
        factor = n.sqrt().reciprocal_()
        return kernel.scaled(factor, factor)
    factor = n.reciprocal()
    return kernel.scaled(factor, None) if normalization == "before" else kernel.scaled(None, factor)


def apply_kernel(kernel: LinearMap, values: Tensor) -> Tensor:
    """Filter values N x K; the gradient is filtered by the transposed map."""
    if torch.is_grad_enabled() and values.requires_grad:
        return _Apply.apply(values, kernel)
    return kernel(values)


class _Apply(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor, kernel: LinearMap) -> Tensor:
        ctx.kernel = kernel
        return kernel(values.detach())

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return apply_kernel(ctx.kernel.transposed(), gradient.contiguous()), None
