"""The C++ of pydensecrf as the engine of `DenseCRF(method="pydensecrf")`, where it is installed, to compare with.

One thread of the CPU, float32, no gradients.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class CppKernel:
    """A kernel that pydensecrf builds and filters with: features D N, and the name of its normalisation."""

    features: Tensor
    normalization: str


@dataclass(frozen=True, eq=False)
class CppField:
    """One picture, its pairwise terms (weight, mu and `CppKernel`), and a C++ model for each number of labels."""

    size: tuple[int, ...]
    terms: list[Any]
    models: dict[int, Any] = field(default_factory=dict)

    def step(self, unary: Tensor, q: Tensor) -> Tensor:
        """One parallel update; unary are logits N K, q N K."""
        if unary.requires_grad or any(isinstance(term.weight, Tensor) for term in self.terms):
            raise ValueError('method="pydensecrf" keeps no gradients; use method="lattice"')
        labels = unary.shape[1]
        if labels not in self.models:
            self.models[labels] = self._model(labels)
        model = self.models[labels]
        model.setUnaryEnergy(np.ascontiguousarray(-unary.T.numpy()))
        state, *scratch = model.startInference()
        np.asarray(state)[:] = q.T.numpy()
        model.stepInference(state, *scratch)
        return torch.from_numpy(np.array(state).T.copy())

    def message(self, logits: Tensor, q: Tensor) -> Tensor:
        """Refuse: the C++ does not give its messages away."""
        raise NotImplementedError('method="pydensecrf" has no message(); use method="lattice"')

    def picture(self, q: Tensor) -> Tensor:
        """Rows N K as K and the axes of the picture, a copy."""
        return q.t().clone(memory_format=torch.contiguous_format).view(-1, *self.size)

    def _model(self, labels: int) -> Any:
        import pydensecrf.densecrf as dcrf

        kinds = {
            "symmetric": dcrf.NORMALIZE_SYMMETRIC,
            "after": dcrf.NORMALIZE_AFTER,
            "before": dcrf.NORMALIZE_BEFORE,
            "none": dcrf.NO_NORMALIZATION,
        }
        model = dcrf.DenseCRF(int(np.prod(self.size)), labels)
        for term in self.terms:
            compat = float(term.weight)
            if term.compatibility is not None:  # a matrix is added to the energies, a number taken from them
                mu = term.compatibility.detach().numpy()
                if not np.array_equal(mu, mu.T):  # the C++ takes the mean of it and its transpose
                    raise ValueError('method="pydensecrf" needs a symmetric compatibility; use method="lattice"')
                compat = term.weight * mu.astype(np.float32)
            model.addPairwiseEnergy(
                np.ascontiguousarray(term.kernel.features.numpy()),
                compat=compat,
                kernel=dcrf.DIAG_KERNEL,
                normalization=kinds[term.kernel.normalization],
            )
        return model


def check_installed(device: torch.device, dtype: torch.dtype) -> None:
    """Raise unless pydensecrf can be used here."""
    try:
        import pydensecrf.densecrf  # noqa: F401
    except ImportError as error:
        raise ImportError(
            'method="pydensecrf" needs pydensecrf: pip install "pydensecrf2==1.1" (Python below 3.13, a C++ compiler); '
            'method="lattice" gives the same answer without it'
        ) from error
    if device.type != "cpu" or dtype != torch.float32:
        raise ValueError(f'method="pydensecrf" computes on the CPU in float32, not on {device} in {dtype}')
