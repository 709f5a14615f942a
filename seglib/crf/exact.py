"""The Gaussian filter by its definition, every point with every other: the oracle for the lattice, on small images."""

from dataclasses import dataclass

import torch
from torch import Tensor

MOST_POINTS = 10_000  # 400 MB in float32


@dataclass(frozen=True, eq=False)
class ExactKernel:
    """The linear map `diag(after) exp(-|f_i - f_j|^2 / 2) diag(before)` as a matrix; call it with values N x K.

    Attributes:
        matrix: N N, with the factors.
        plain: N N, without them.
        before: N or None: factors of the values that come in.
        after: N or None: factors of the values that come out.
    """

    plain: Tensor
    matrix: Tensor
    before: Tensor | None = None
    after: Tensor | None = None

    def __call__(self, values: Tensor) -> Tensor:
        """Filter values N K."""
        return self.matrix @ values

    def scaled(self, before: Tensor | None, after: Tensor | None) -> "ExactKernel":
        """The map with other factors: `before` and `after` are N, or None for 1."""
        matrix = self.plain if before is None else self.plain * before
        return ExactKernel(self.plain, matrix if after is None else matrix * after[:, None], before, after)

    def transposed(self) -> "ExactKernel":
        """The transposed map."""
        return ExactKernel(self.plain, self.matrix.T, self.after, self.before)


def exact_kernel(features: Tensor) -> ExactKernel:
    """Build the matrix of some points.

    Args:
        features: d N, floating point: coordinates of the points divided by standard deviations.

    Raises:
        ValueError: there are more than 10 000 points.
    """
    n = features.shape[1]
    if n > MOST_POINTS:
        raise ValueError(
            f'method="exact" compares every pixel with every other, and {n} pixels are more than {MOST_POINTS}; '
            'use method="lattice", or a smaller image'
        )
    points = features.T.contiguous()
    distances = torch.cdist(points, points, compute_mode="donot_use_mm_for_euclid_dist")
    matrix = distances.square_().mul_(-0.5).exp_()
    return ExactKernel(matrix, matrix)
