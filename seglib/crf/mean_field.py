"""Mean field in a fully connected CRF whose pairwise terms are Gaussians.

Philipp Kraehenbuehl and Vladlen Koltun, "Efficient Inference in Fully Connected CRFs with Gaussian Edge Potentials",
NIPS 2011, https://arxiv.org/abs/1210.5644, equations 1 to 5 and algorithm 1; gradients as in Zheng et al., "Conditional
Random Fields as Recurrent Neural Networks", ICCV 2015, https://arxiv.org/abs/1502.03240. Checked against pydensecrf
(https://github.com/lucasb-eyer/pydensecrf, MIT licence, around Kraehenbuehl's C++, BSD licence): the same answers.

    E(x) = sum_i psi_u(x_i) + sum_{i<j} mu(x_i, x_j) sum_m w_m k_m(f_i, f_j)
    k_m(f_i, f_j) = exp(-|f_i - f_j|^2 / 2)                               features in standard deviations
    Q_i(l) <- softmax_l( -psi_u(l) - sum_l' mu(l, l') sum_m w_m sum_j k_m(f_i, f_j) Q_j(l') )

Deviations from the paper, all as in pydensecrf: the term j = i is part of the sum, since a lattice cannot leave it out;
kernels are normalised on both sides unless told otherwise (the paper divides the result, "after").
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from seglib.crf.cpp import CppField, CppKernel, check_installed
from seglib.crf.features import bilateral_features, check_number, check_sigma, position_features
from seglib.crf.inputs import read_image, read_unary
from seglib.crf.kernel import METHODS, NORMALIZATIONS, LinearMap, apply_kernel, gaussian_kernel

SAFE = (1e-20, 1e30)  # sums of exponentials: far from where float32 ends, and from where small ones would be lost


@dataclass(frozen=True, eq=False)
class Pairwise:
    """A pairwise term with features of your own.

    Attributes:
        features: D and then the axes of the image, or D N: anything that pixels can be compared by, each divided by
            its standard deviation. Tensor or NumPy array.
        weight: w, a number or a tensor with one element, which may ask for a gradient.
        compatibility: "potts" or mu, K K; None for that of the CRF.
        normalization: one of "symmetric", "after", "before" and "none"; None for that of the CRF.
    """

    features: Any
    weight: Any = 1.0
    compatibility: Any = None
    normalization: str | None = None


class DenseCRF:
    """A fully connected CRF over the pixels of a picture.

    Refine what a network says with `crf(logits=...)`. Names, here, in the paper and in pydensecrf:

    =========================  ===============  ==================================================
    here                       paper            pydensecrf
    =========================  ===============  ==================================================
    `bilateral` weight         `w1`             `addPairwiseBilateral(compat=)`
    `bilateral` sigma_xy       `theta_alpha`    `addPairwiseBilateral(sxy=)`
    `bilateral` sigma_rgb      `theta_beta`     `addPairwiseBilateral(srgb=)`
    `gaussian` weight          `w2`             `addPairwiseGaussian(compat=)`
    `gaussian` sigma           `theta_gamma`    `addPairwiseGaussian(sxy=)`
    energies                   `psi_u`          `setUnaryEnergy`
    compatibility              `mu`             `compat` as a matrix, there times the weight
    =========================  ===============  ==================================================

    With positions p and colours I, the pairwise term is `w1 exp(-|p_i - p_j|^2 / (2 theta_alpha^2) -
    |I_i - I_j|^2 / (2 theta_beta^2)) + w2 exp(-|p_i - p_j|^2 / (2 theta_gamma^2))`, times mu.

    Args:
        image: the picture. A tensor C H W or H W, or a NumPy array H W C or H W, with C = 1 or 3: integers from 0 to
            255 or floating point from 0 to 1. Several at once: a tensor N C H W, an array N H W C, or a list of
            pictures of any sizes. None where `size` says it all.
        gaussian: (weight, sigma): the smoothness term, on positions only; None to leave it out. sigma in pixels.
        bilateral: (weight, sigma_xy, sigma_rgb): the appearance term; None to leave it out. sigma_xy in pixels,
            sigma_rgb in steps of 256, also for images from 0 to 1. The defaults are those of
            DeepLab's `run_densecrf.sh`; pydensecrf's README has (10, 80, 13), which swallows small objects.
        pairwise: any number of further terms.
        compatibility: "potts", mu = 1 for different labels and 0 for equal ones; or mu itself, K K, row l, column l',
            which may ask for a gradient.
        normalization: how kernels are normalised by `n_i = sum_j k(f_i, f_j)`: "symmetric", by 1/sqrt(n) before and
            after filtering; "after", by 1/n, as in the paper; "before"; "none".
        method: "lattice": the permutohedral lattice; "exact": every pixel with every other, for at most 10 000 pixels;
            "pydensecrf": its C++, where that is installed: on the CPU, without gradients.
        size: without an image: (h, w), or the axes of any other grid. Only if image and bilateral are None.
        device: where to compute; by default where the image is, or on the CPU.
        dtype: float32, or float64 to check gradients. float32 gives pydensecrf's lattice.

    Weights may be tensors of one element that ask for a gradient. On the CPU, answers are the same to the last bit from
    run to run, with any number of threads. Where other programs keep it busy, `torch.set_num_threads(1)` is faster,
    since torch's threads wait for each other awake.

    Raises:
        TypeError: an image that is neither a tensor nor an array, or of no numbers.
        ValueError: a shape, range, sigma, weight, device or name that has no meaning.
    """

    def __init__(
        self,
        image: Any = None,
        *,
        gaussian: tuple[Any, float] | None = (3.0, 3.0),
        bilateral: tuple[Any, float, float] | None = (4.0, 49.0, 5.0),
        pairwise: Sequence[Pairwise] = (),
        compatibility: Any = "potts",
        normalization: str = "symmetric",
        method: str = "lattice",
        size: Sequence[int] | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype = torch.float32,
    ):
        if dtype not in (torch.float32, torch.float64):
            raise ValueError(f"dtype is {dtype}; give torch.float32 or torch.float64")
        if method not in METHODS:
            raise ValueError(f"method is {method!r}; choose one of {', '.join(METHODS)}")
        self.device = _read_device(device or (_first(image).device if _has_device(image) else "cpu"))
        self.dtype, self.method, self.normalization = dtype, method, _check_normalization(normalization)
        self._compatibility = self._read_compatibility(compatibility)
        if method == "pydensecrf":
            check_installed(self.device, dtype)
        images, self.batched = _split(image)
        if images is None:
            if bilateral is not None:
                raise ValueError("bilateral= compares colours; give an image, or bilateral=None and size=(h, w)")
            sizes, pictures = [_read_size(size)], [None]
        else:
            if size is not None:
                raise ValueError("size is that of the image; leave size= out")
            pictures = [read_image(picture, device=self.device, dtype=dtype) for picture in images]
            sizes = [tuple(picture.shape[1:]) for picture in pictures]
        if self.batched and pairwise:
            raise ValueError(f"pairwise= has features of one picture, and there are {len(sizes)}; make a CRF for each")
        spatial: dict[tuple[int, ...], LinearMap] = {}
        field = CppField if method == "pydensecrf" else _Field
        self._fields = [
            field(shape, self._terms(picture, shape, gaussian, bilateral, pairwise, spatial))
            for picture, shape in zip(pictures, sizes, strict=True)
        ]

    def __call__(
        self,
        *,
        energies: Any = None,
        logits: Any = None,
        probabilities: Any = None,
        iterations: int = 10,
        clip: float = 1e-5,
    ) -> Tensor | list[Tensor]:
        """Run mean field and return Q.

        Give one unary by its name, never by position, since the three look alike: K and then the axes of the image, or
        K N with the pixels in one row (x runs fastest); a batch has N K H W or a list. Tensor or NumPy array.

        Args:
            energies: psi_u, costs: -log of probabilities, up to a constant.
            logits: what a network returns before softmax.
            probabilities: from 0 to 1, adding up to 1 over labels.
            iterations: number of updates, 0 or more.
            clip: probabilities below count as this one, since log 0 is infinite (pydensecrf's `unary_from_softmax`
                clips so too).

        Returns:
            Probabilities K H W (or K and the axes of `size`), of the CRF's type and on its device; for a batch N K H W,
            or a list where the pictures came as a list.

        Raises:
            TypeError: not exactly one unary was given.
            ValueError: it does not fit the picture, has values that are NaN or infinite, or is no probability.
        """
        logits = self._read(energies, logits, probabilities, clip)
        iterations = _check_iterations(iterations)
        results = []
        for field, unary in zip(self._fields, logits, strict=True):
            q = _softmax(unary, torch.empty(0))
            for _ in range(iterations):
                q = field.step(unary, q)
            results.append(field.picture(q))
        return self._join(results)

    def iterate(
        self,
        *,
        energies: Any = None,
        logits: Any = None,
        probabilities: Any = None,
        iterations: int = 10,
        clip: float = 1e-5,
    ) -> Iterator[Tensor | list[Tensor]]:
        """Run mean field and yield Q after every update; arguments and results are those of a call."""
        logits = self._read(energies, logits, probabilities, clip)
        return self._updates(logits, _check_iterations(iterations))

    def message(self, q: Any) -> Tensor | list[Tensor]:
        """What the pairwise terms add to the logits: `-sum_l' mu(l, l') sum_m w_m sum_j k_m(f_i, f_j) Q_j(l')`.

        Args:
            q: as a call returns it.
        """
        rows = [
            read_unary({"energies": None, "logits": x, "probabilities": None}, f.size, clip=0.5, **self._where)
            for x, f in zip(q if self.batched else [q], self._fields, strict=True)
        ]
        return self._join(
            [f.picture(f.message(torch.zeros_like(x), x)) for f, x in zip(self._fields, rows, strict=True)]
        )

    @property
    def _where(self) -> dict[str, Any]:
        return {"device": self.device, "dtype": self.dtype}

    def _updates(self, logits: list[Tensor], iterations: int) -> Iterator[Tensor | list[Tensor]]:
        state = [_softmax(unary, torch.empty(0)) for unary in logits]
        for _ in range(iterations):
            state = [field.step(unary, q) for field, unary, q in zip(self._fields, logits, state, strict=True)]
            yield self._join([field.picture(q) for field, q in zip(self._fields, state, strict=True)])

    def _read(self, energies: Any, logits: Any, probabilities: Any, clip: float) -> list[Tensor]:
        given = {"energies": energies, "logits": logits, "probabilities": probabilities}
        if not self.batched:
            return [read_unary(given, self._fields[0].size, clip=clip, **self._where)]
        for kind, unary in given.items():
            if unary is not None and len(unary) != len(self._fields):
                raise ValueError(f"{kind} of {len(unary)} pictures for {len(self._fields)} images; give one for each")
        rows = []
        for i, field in enumerate(self._fields):
            own = {kind: None if unary is None else unary[i] for kind, unary in given.items()}
            rows.append(read_unary(own, field.size, clip=clip, **self._where))
        return rows

    def _join(self, results: list[Tensor]) -> Tensor | list[Tensor]:
        if not self.batched:
            return results[0]
        return torch.stack(results) if self.batched == "tensor" else results

    def _terms(
        self,
        picture: Tensor | None,
        size: tuple[int, ...],
        gaussian: Any,
        bilateral: Any,
        pairwise: Sequence[Pairwise],
        spatial: dict[tuple[int, ...], LinearMap],
    ) -> list["_Term"]:
        terms = []
        if gaussian is not None:
            weight, sigma = _unpack("gaussian", gaussian, ("weight", "sigma"))
            sigma = check_sigma("gaussian sigma", sigma)
            if size not in spatial:  # pictures of one size share it
                like = torch.empty(0, **self._where)
                spatial[size] = self._kernel(position_features(size, sigma, like=like))
            terms.append(_Term(spatial[size], self._weight("gaussian weight", weight), self._compatibility))
        if bilateral is not None:
            weight, sigma_xy, sigma_rgb = _unpack("bilateral", bilateral, ("weight", "sigma_xy", "sigma_rgb"))
            sigma_xy = check_sigma("bilateral sigma_xy", sigma_xy)
            sigma_rgb = check_sigma("bilateral sigma_rgb", sigma_rgb)
            kernel = self._kernel(bilateral_features(picture, sigma_xy, sigma_rgb))
            terms.append(_Term(kernel, self._weight("bilateral weight", weight), self._compatibility))
        for i, term in enumerate(pairwise):
            name = f"pairwise[{i}]"
            if not isinstance(term, Pairwise):
                raise TypeError(f"{name} is a {type(term).__name__}; give seglib.crf.Pairwise(features, weight)")
            features = self._read_features(f"{name}.features", term.features, size)
            kernel = self._kernel(features, term.normalization)
            mu = self._compatibility if term.compatibility is None else self._read_compatibility(term.compatibility)
            terms.append(_Term(kernel, self._weight(f"{name}.weight", term.weight), mu))
        return terms

    def _kernel(self, features: Tensor, normalization: str | None = None) -> LinearMap:
        with torch.no_grad():
            name = _check_normalization(self.normalization if normalization is None else normalization)
            if self.method == "pydensecrf":
                return CppKernel(features, name)
            return gaussian_kernel(features, normalization=name, method=self.method)

    def _weight(self, name: str, value: Any) -> float | Tensor:
        if isinstance(value, Tensor):
            if value.numel() != 1 or not value.isfinite().all():
                raise ValueError(f"{name} is a tensor of shape {tuple(value.shape)}; give one finite number")
            return value if value.requires_grad else value.item()
        number = check_number(name, value)
        if not math.isfinite(number):
            raise ValueError(f"{name} is {value!r}; give a finite number")
        return number

    def _read_features(self, name: str, features: Any, size: tuple[int, ...]) -> Tensor:
        if isinstance(features, np.ndarray):
            features = torch.from_numpy(np.array(features))
        if not isinstance(features, Tensor):
            raise TypeError(f"{name} are a {type(features).__name__}; give a tensor or a NumPy array, D and {size}")
        shape = tuple(features.shape)
        if len(shape) < 2 or shape[0] == 0 or shape[1:] not in (size, (math.prod(size),)):
            raise ValueError(
                f"{name} of shape {shape} do not fit an image of size {size}: give {('D', *size)} or "
                f"{('D', math.prod(size))}"
            )
        features = features.detach().to(**self._where).flatten(1).contiguous()
        if not torch.isfinite(features).all():
            raise ValueError(f"{name} have values that are NaN or infinite")
        return features

    def _read_compatibility(self, given: Any) -> Tensor | None:
        """mu, or None for Potts: softmax does not see that mu = 1 - I instead of -I adds the same to all labels."""
        if isinstance(given, str):
            if given != "potts":
                raise ValueError(f'compatibility is {given!r}; give "potts" or a matrix K K')
            return None
        mu = given if isinstance(given, Tensor) else torch.as_tensor(np.array(given, dtype=np.float64))
        if mu.ndim != 2 or mu.shape[0] != mu.shape[1] or not mu.isfinite().all():
            raise ValueError(f'compatibility of shape {tuple(mu.shape)}; give "potts" or a finite matrix K K')
        return mu.to(**self._where)


@dataclass(frozen=True, eq=False)
class _Term:
    """A kernel, its weight, and mu (None for Potts)."""

    kernel: LinearMap
    weight: float | Tensor
    compatibility: Tensor | None

    def add(self, logits: Tensor, q: Tensor) -> Tensor:
        """The logits N K with this term's message."""
        message = apply_kernel(self.kernel, q)
        if self.compatibility is not None:
            if len(self.compatibility) != q.shape[1]:
                k = len(self.compatibility)
                raise ValueError(f"compatibility is {k} x {k}, but the unary has {q.shape[1]} labels")
            message = -(message @ self.compatibility.T)
        if isinstance(self.weight, Tensor):
            return logits + self.weight.to(message).reshape(()) * message
        if torch.is_grad_enabled() and (message.requires_grad or logits.requires_grad):
            return torch.add(logits, message, alpha=self.weight)
        return torch.add(logits, message, alpha=self.weight, out=message)  # the filter made it: memory to use again


@dataclass(frozen=True, eq=False)
class _Field:
    """One picture: its size and its pairwise terms. Values are N K inside, one row a pixel."""

    size: tuple[int, ...]
    terms: list[_Term]

    def message(self, logits: Tensor, q: Tensor) -> Tensor:
        """The logits N K with all messages."""
        for term in self.terms:
            logits = term.add(logits, q)
        return logits

    def step(self, unary: Tensor, q: Tensor) -> Tensor:
        """One parallel update; q may be overwritten."""
        return _softmax(self.message(unary, q), q)

    def picture(self, q: Tensor) -> Tensor:
        """Rows N K as K and the axes of the picture, a copy."""
        return q.t().clone(memory_format=torch.contiguous_format).view(-1, *self.size)


def _softmax(logits: Tensor, out: Tensor) -> Tensor:
    """Softmax of rows, perhaps in `out`.

    On the CPU, torch.softmax takes twice as long for rows of some 20 values, and ten times as long for rows of less
    than 16. Where no row is near overflow or underflow, which its sum tells, the exponentials need no shift.
    """
    if logits.requires_grad or logits.device.type != "cpu":
        return torch.softmax(logits, dim=1)
    exponentials = torch.exp(logits, out=out if out.shape == logits.shape and not out.requires_grad else None)
    sums = exponentials.sum(1, keepdim=True)
    low, high = torch.aminmax(sums)
    if low > SAFE[0] and high < SAFE[1]:
        return exponentials.div_(sums)
    if logits.shape[1] >= 16:
        return torch.softmax(logits, dim=1, out=exponentials)
    exponentials = torch.sub(logits, logits.amax(1, keepdim=True), out=exponentials).exp_()
    return exponentials.div_(exponentials.sum(1, keepdim=True))


def _split(image: Any) -> tuple[Sequence[Any] | None, str]:
    """Pictures one by one, and how they came: "" for one alone, "tensor" or "list"."""
    if image is None:
        return None, ""
    if isinstance(image, (list, tuple)):
        if not image:
            raise ValueError("image is an empty list; give at least one picture")
        return image, "list"
    if isinstance(image, (Tensor, np.ndarray)) and image.ndim == 4:
        if len(image) == 0:
            raise ValueError(f"image of shape {tuple(image.shape)} has no pictures")
        return list(image), "tensor"
    return [image], ""


def _first(image: Any) -> Any:
    return image[0] if isinstance(image, (list, tuple)) and image else image


def _has_device(image: Any) -> bool:
    return isinstance(_first(image), Tensor)


def _read_size(size: Sequence[int] | None) -> tuple[int, ...]:
    if size is None:
        raise ValueError("without an image, give size=(h, w)")
    try:
        lengths = tuple(int(length) for length in size)
    except (TypeError, ValueError):
        lengths = ()
    if not lengths or min(lengths) < 1 or lengths != tuple(size):
        raise ValueError(f"size is {size!r}; give whole numbers of 1 or more, such as (h, w)")
    return lengths


def _read_device(device: torch.device | str) -> torch.device:
    try:
        return torch.device(device)
    except RuntimeError as error:
        raise ValueError(f'device is {device!r}; give "cpu", "cuda" or another that PyTorch knows') from error


def _unpack(name: str, value: Any, parts: tuple[str, ...]) -> tuple[Any, ...]:
    try:
        values = tuple(value)
    except TypeError:
        values = ()
    if len(values) != len(parts):
        raise ValueError(f"{name} is {value!r}; give ({', '.join(parts)}), or None to leave the term out")
    return values


def _check_normalization(name: str) -> str:
    if name not in NORMALIZATIONS:
        raise ValueError(f"normalization is {name!r}; choose one of {', '.join(NORMALIZATIONS)}")
    return name


def _check_iterations(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 0:
        raise ValueError(f"iterations is {value!r}; give a whole number of 0 or more")
    return int(value)
