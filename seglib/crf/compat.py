"""pydensecrf's names on top of `seglib.crf`: change one import, and a script runs without a compiler.

    import pydensecrf.densecrf as dcrf                        from seglib.crf import compat as dcrf
    from pydensecrf.utils import unary_from_labels            from seglib.crf.compat import unary_from_labels

Signatures, the order of axes and results are those of pydensecrf 1.0 and pydensecrf2 1.1
(https://github.com/lucasb-eyer/pydensecrf, MIT licence), with NumPy arrays for its Eigen matrices. What it wants as C
order and float32 may come in any layout and type here. Kernel types matter for learning only, which neither of the
two offers in Python, so all three give the same answer. Not there: `LogisticUnary` and the second argument of
`setUnaryEnergy`.
"""

import warnings
from collections.abc import Sequence
from enum import IntEnum
from numbers import Number
from typing import Any

import numpy as np
import torch

from seglib.crf.mean_field import DenseCRF as _MeanField
from seglib.crf.mean_field import Pairwise


class NormalizationType(IntEnum):
    """How a kernel is normalised."""

    NO_NORMALIZATION = 0
    NORMALIZE_BEFORE = 1
    NORMALIZE_AFTER = 2
    NORMALIZE_SYMMETRIC = 3


class KernelType(IntEnum):
    """What of a kernel could be learned; the same for inference."""

    CONST_KERNEL = 0
    DIAG_KERNEL = 1
    FULL_KERNEL = 2


NO_NORMALIZATION, NORMALIZE_BEFORE, NORMALIZE_AFTER, NORMALIZE_SYMMETRIC = NormalizationType
CONST_KERNEL, DIAG_KERNEL, FULL_KERNEL = KernelType
_NAMES = {
    NO_NORMALIZATION: "none",
    NORMALIZE_BEFORE: "before",
    NORMALIZE_AFTER: "after",
    NORMALIZE_SYMMETRIC: "symmetric",
}


class Unary:
    """A unary term for `setUnary`."""


class ConstUnary(Unary):
    """Energies, labels x variables."""

    def __init__(self, u: np.ndarray):
        self.energies = _matrix("the unary", u)


class LogisticUnary(Unary):
    """Not offered."""

    def __init__(self, *_: Any, **__: Any):
        raise NotImplementedError("LogisticUnary is not offered: compute L @ f and give it to ConstUnary")


class DenseCRF:
    """A CRF over any variables with features of your own.

    Args:
        nvar: number of variables.
        nlabels: number of labels.
    """

    def __init__(self, nvar: int, nlabels: int):
        self._nvar, self._nlabel = int(nvar), int(nlabels)
        if self._nvar < 1 or self._nlabel < 1:
            raise ValueError(f"{nvar} variables and {nlabels} labels: there is at least one of each")
        self._energies = torch.zeros(self._nlabel, self._nvar)
        self._has_unary = False
        self._terms: list[Pairwise] = []
        self._built: _MeanField | None = None

    def addPairwiseEnergy(  # noqa: N802
        self,
        features: np.ndarray,
        compat: Any,
        kernel: KernelType = DIAG_KERNEL,
        normalization: NormalizationType = NORMALIZE_SYMMETRIC,
    ) -> None:
        """Add a term: features D x variables, in standard deviations; compat a weight, a diagonal or a matrix."""
        features = _matrix("features", features)
        if features.shape[1] != self._nvar:
            raise ValueError(f"Bad shape for pairwise energy (Need (?, {self._nvar}), got {features.shape})")
        KernelType(kernel)
        weight, compatibility = self._compatibility(compat)
        self._terms.append(Pairwise(features, weight, compatibility, _NAMES[NormalizationType(normalization)]))
        self._built = None

    def setUnary(self, u: Unary) -> None:  # noqa: N802
        """Set the unary term."""
        if not isinstance(u, ConstUnary):
            raise NotImplementedError(f"setUnary takes a ConstUnary here, not a {type(u).__name__}")
        self.setUnaryEnergy(u.energies)

    def setUnaryEnergy(self, u: np.ndarray, f: np.ndarray | None = None) -> None:  # noqa: N802
        """Set the energies, labels x variables."""
        if f is not None:
            raise NotImplementedError("setUnaryEnergy(L, f), a logistic unary, is not offered: give L @ f")
        energies = _matrix("the unary", u)
        if energies.shape != (self._nlabel, self._nvar):
            raise ValueError(f"Bad shape for unary energy (Need {(self._nlabel, self._nvar)}, got {energies.shape})")
        self._energies = torch.from_numpy(energies.copy())
        self._has_unary = True

    def inference(self, niter: int) -> np.ndarray:
        """Probabilities, labels x variables, after so many updates."""
        return self._model()(energies=self._energies, iterations=niter).numpy()

    def startInference(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:  # noqa: N802
        """Q before the first update, and two arrays for `stepInference`, which are not used."""
        q = self.inference(0) if self._has_unary else np.zeros((self._nlabel, self._nvar), dtype=np.float32)
        return q, np.zeros(0, dtype=np.float32), np.zeros(0, dtype=np.float32)

    def stepInference(self, Q: np.ndarray, tmp1: Any, tmp2: Any) -> None:  # noqa: N802
        """One update of Q, in place."""
        message = self._model().message(torch.from_numpy(Q))
        Q[...] = torch.softmax(message - self._energies, dim=0).numpy()

    def klDivergence(self, Q: np.ndarray) -> float:  # noqa: N802
        """The sum of entropy, unary and pairwise terms, as pydensecrf has it: each pair counted twice, and i = j."""
        q = torch.from_numpy(_matrix("Q", Q))
        pairwise = -(q * self._model().message(q)).double().sum()
        unary = (q * self._energies).double().sum()
        return float((q * q.clamp(min=1e-20).log()).double().sum() + unary + pairwise)

    def _model(self) -> _MeanField:
        if self._built is None:
            self._built = _MeanField(size=(self._nvar,), gaussian=None, bilateral=None, pairwise=self._terms)
        return self._built

    def _compatibility(self, compat: Any) -> tuple[float, Any]:
        """Weight and mu; pydensecrf adds `compat @ (k Q)` to the energies, and -w (k Q) for a number w."""
        if isinstance(compat, Number):
            return float(compat), "potts"
        matrix = np.asarray(compat, dtype=np.float32)
        if matrix.ndim not in (1, 2):
            raise ValueError("LabelCompatibility of dimension >2 not meaningful.")
        if matrix.shape != (self._nlabel,) * matrix.ndim:
            raise ValueError(f"compat of shape {matrix.shape} for {self._nlabel} labels; give a number, K or K x K")
        return 1.0, np.diag(matrix) if matrix.ndim == 1 else 0.5 * (matrix + matrix.T)


class DenseCRF2D(DenseCRF):
    """A CRF over the pixels of an image. Width comes before height.

    Args:
        w: width in pixels.
        h: height in pixels.
        nlabels: number of labels.
    """

    def __init__(self, w: int, h: int, nlabels: int):
        super().__init__(int(w) * int(h), nlabels)
        self._w, self._h = int(w), int(h)

    def addPairwiseGaussian(  # noqa: N802
        self,
        sxy: Any,
        compat: Any,
        kernel: KernelType = DIAG_KERNEL,
        normalization: NormalizationType = NORMALIZE_SYMMETRIC,
    ) -> None:
        """Add the smoothness term; sxy is a number, or (sx, sy), in pixels."""
        self.addPairwiseEnergy(self._positions(sxy), compat, kernel, normalization)

    def addPairwiseBilateral(  # noqa: N802
        self,
        sxy: Any,
        srgb: Any,
        rgbim: np.ndarray,
        compat: Any,
        kernel: KernelType = DIAG_KERNEL,
        normalization: NormalizationType = NORMALIZE_SYMMETRIC,
    ) -> None:
        """Add the appearance term; srgb is a number, or one for each channel; rgbim is H W 3, uint8."""
        image = np.asarray(rgbim)
        if image.ndim != 3 or image.shape[:2] != (self._h, self._w):
            raise ValueError(f"Bad shape for pairwise bilateral (Need {(self._h, self._w, 3)}, got {image.shape})")
        if image.shape[2] != 3:
            raise ValueError(
                "addPairwiseBilateral only works for RGB images. For other types, use `create_pairwise_bilateral` to "
                "construct your own pairwise energy and add it through `addPairwiseEnergy`."
            )
        if image.dtype != np.uint8:
            raise ValueError(f"rgbim is of {image.dtype}; give uint8, such as (255 * image).astype(np.uint8)")
        colours = image.reshape(-1, 3).T.astype(np.float32) / _column("srgb", srgb, 3)
        self.addPairwiseEnergy(np.concatenate([self._positions(sxy), colours]), compat, kernel, normalization)

    def _positions(self, sxy: Any) -> np.ndarray:
        y, x = np.mgrid[: self._h, : self._w].astype(np.float32).reshape(2, -1)
        return np.stack([x, y]) / _column("sxy", sxy, 2)


def unary_from_labels(labels: np.ndarray, n_labels: int, gt_prob: float, zero_unsure: bool = True) -> np.ndarray:
    """Energies of a label picture that is right with some probability.

    Args:
        labels: whole numbers, any shape.
        n_labels: how many labels there are, without 0 where `zero_unsure`.
        gt_prob: probability that a label is right, between 0 and 1.
        zero_unsure: 0 means that the label is not known, and labels start at 1; else they start at 0.

    Returns:
        n_labels x pixels, float32.

    Raises:
        AssertionError: gt_prob is not between 0 and 1 (pydensecrf asserts it, so that is what scripts may catch).
        IndexError: a label that there is not.
    """
    if not 0 < gt_prob < 1:
        raise AssertionError(f"`gt_prob` must be in (0,1), not {gt_prob}")
    labels = np.asarray(labels).reshape(-1)
    index = labels - 1 if zero_unsure else labels
    known = labels != 0 if zero_unsure else np.ones(labels.shape, dtype=bool)
    if known.any() and not (index[known].min() >= 0 and index[known].max() < n_labels):
        lowest = 1 if zero_unsure else 0
        raise IndexError(
            f"labels go from {labels[known].min()} to {labels[known].max()}, but {n_labels} labels go from {lowest} to "
            f"{n_labels - 1 + lowest}"
        )
    others = -np.log((1.0 - gt_prob) / (n_labels - 1)) if n_labels > 1 else np.inf
    energies = np.full((n_labels, len(labels)), others, dtype=np.float32)
    energies[index[known], np.flatnonzero(known)] = -np.log(gt_prob)
    energies[:, ~known] = -np.log(1.0 / n_labels)
    return energies


def unary_from_softmax(sm: np.ndarray, scale: float | None = None, clip: float | None = 1e-5) -> np.ndarray:
    """Energies of probabilities.

    Args:
        sm: labels and then any axes.
        scale: mixes in the uniform distribution, so that 1 becomes about `scale`; above 0, at most 1.
        clip: the smallest probability; None for no limit.

    Returns:
        labels x pixels, float32.

    Raises:
        AssertionError: scale is not above 0 and at most 1.
    """
    sm = np.asarray(sm)
    if scale is not None:
        if not 0 < scale <= 1:
            raise AssertionError(f"`scale` needs to be in (0,1], not {scale}")
        sm = scale * sm + (1 - scale) * (np.ones(sm.shape) / sm.shape[0])
    if clip is not None:
        sm = np.clip(sm, clip, 1.0)
    return -np.log(sm).reshape([sm.shape[0], -1]).astype(np.float32)


def compute_unary(labels: np.ndarray, M: int, GT_PROB: float = 0.5) -> np.ndarray:
    """The old name of `unary_from_labels`."""
    warnings.warn("compute_unary is deprecated, use unary_from_labels", DeprecationWarning, stacklevel=2)
    return unary_from_labels(labels, M, GT_PROB)


def softmax_to_unary(sm: np.ndarray, GT_PROB: float = 1) -> np.ndarray:
    """The old name of `unary_from_softmax`."""
    warnings.warn("softmax_to_unary is deprecated, use unary_from_softmax", DeprecationWarning, stacklevel=2)
    return unary_from_softmax(sm, None if GT_PROB == 1 else GT_PROB, clip=None)


def create_pairwise_gaussian(sdims: Sequence[float], shape: Sequence[int]) -> np.ndarray:
    """Features of positions, axes x points, axes in the order of `shape`; sdims has a standard deviation for each."""
    return _grid(sdims, shape)


def create_pairwise_bilateral(sdims: Sequence[float], schan: Any, img: np.ndarray, chdim: int = -1) -> np.ndarray:
    """Features of positions and channels, (axes + channels) x points.

    Args:
        sdims: a standard deviation for each axis of the picture, in pixels.
        schan: one for all channels, or one for each.
        img: the picture, with any number of axes.
        chdim: which axis has the channels; -1 if none has.
    """
    img = np.asarray(img)
    channels = (img[None] if chdim == -1 else np.moveaxis(img, chdim, 0)).astype(np.float32)
    if isinstance(schan, Number):
        channels /= schan
    else:
        for i, deviation in enumerate(schan):
            channels[i] /= deviation
    return np.concatenate([_grid(sdims, channels.shape[1:]), channels.reshape(len(channels), -1)])


def _grid(sdims: Sequence[float], shape: Sequence[int]) -> np.ndarray:
    if len(sdims) != len(shape):
        raise ValueError(f"{len(sdims)} standard deviations for the {len(shape)} axes of shape {tuple(shape)}")
    mesh = np.indices(shape, dtype=np.float32).reshape(len(shape), -1)
    for axis, deviation in zip(mesh, sdims, strict=True):
        axis /= deviation
    return mesh


def _column(name: str, value: Any, length: int) -> np.ndarray:
    """Standard deviations, one below the other; float32 as in C++."""
    values = np.asarray((value,) * length if isinstance(value, Number) else value, dtype=np.float32)
    if values.shape != (length,) or not (values > 0).all() or not np.isfinite(values).all():
        raise ValueError(f"{name} is {value!r}; give a number above 0, or {length} of them")
    return values[:, None]


def _matrix(name: str, array: Any) -> np.ndarray:
    matrix = np.ascontiguousarray(array, dtype=np.float32)
    if matrix.ndim != 2:
        raise ValueError(f"{name} has {matrix.ndim} axes, wants 2: labels or features, then variables")
    return matrix
