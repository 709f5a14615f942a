"""What can be read from the maps of a network: linear readings, fitted on some pictures and judged on others."""

import torch
from torch import Tensor


def linear_reading(known: Tensor, wanted: Tensor, new: Tensor, truth: Tensor, *, ridge: float = 1e-3) -> float:
    """Fit a number linearly to features, and say how much of it the fit explains elsewhere.

    The weights `w` minimise `|known w - wanted|^2 + ridge N |w|^2`, with every feature brought to mean 0 and spread 1,
    and the mean of `wanted` added again. Returned is the coefficient of determination on the other data,

        1 - mean((new w - truth)^2) / var(truth)

    Args:
        known: features to fit on, `N F`: one row for each place, one column for each channel.
        wanted: what shall be read there, `N`.
        new: features of other places, `M F`.
        truth: what should be read there, `M`.
        ridge: of the penalty, above 0.

    Returns:
        1 where all is explained, 0 for what the mean alone explains, below 0 for worse than that.

    Raises:
        ValueError: the shapes do not fit, there is nothing to explain, or the ridge is not positive.
    """
    if known.ndim != 2 or new.ndim != 2 or known.shape[1] != new.shape[1]:
        raise ValueError(f"features are N F and M F, got {tuple(known.shape)} and {tuple(new.shape)}")
    if wanted.shape != known.shape[:1] or truth.shape != new.shape[:1]:
        raise ValueError(
            f"give one number for each row, {len(known)} and {len(new)}; got {tuple(wanted.shape)} and "
            f"{tuple(truth.shape)}"
        )
    if not ridge > 0:
        raise ValueError(f"ridge={ridge} must be above 0")
    known, wanted, new, truth = (tensor.detach().double().cpu() for tensor in (known, wanted, new, truth))
    variance = truth.var(correction=0)
    if variance == 0:
        raise ValueError("truth is the same everywhere: there is nothing to explain")
    centre, spread = known.mean(0), known.std(0, correction=0).clamp(min=1e-9)
    known, new = (known - centre) / spread, (new - centre) / spread
    penalty = ridge * len(known) * torch.eye(known.shape[1], dtype=torch.double)
    weight = torch.linalg.solve(known.T @ known + penalty, known.T @ (wanted - wanted.mean()))
    error = (new @ weight + wanted.mean() - truth).square().mean()
    return 1 - (error / variance).item()
