"""Independent answers: mean field by its definition in NumPy, and pydensecrf."""

import numpy as np
import pytest

from seglib.data.photos import photograph

PARAMETERS = {  # gaussian, bilateral
    "README": ((3, 3), (10, 80, 13)),
    "DeepLab": ((3, 3), (4, 49, 5)),
    "sigma_rgb=3": ((3, 3), (5, 50, 3)),
    "DeepLab v2": ((3, 1), (4, 67, 3)),
    "Gaussian only": ((3, 3), None),
    "bilateral only": (None, (10, 80, 13)),
}
NORMALIZATIONS = ("symmetric", "after", "before", "none")


def pydensecrf():
    """The module, or a skip."""
    return pytest.importorskip("pydensecrf.densecrf", reason="pydensecrf does not build on this Python")


def picture(name: str, size: tuple[int, int]) -> np.ndarray:
    """H W 3, uint8: a photograph, or noise."""
    if name == "noise":
        return np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    return (photograph(name, size=size) * 255).round().byte().permute(1, 2, 0).contiguous().numpy()


def random_energies(labels: int, size: tuple[int, int], seed: int = 0) -> np.ndarray:
    """K H W, float32."""
    return np.random.default_rng(seed).random((labels, *size), dtype=np.float32) * 3


def peer(image, energies, gaussian, bilateral, normalization="symmetric", iterations=10) -> np.ndarray:
    """What pydensecrf says, K H W."""
    dcrf = pydensecrf()
    k, h, w = energies.shape
    kind = {
        "symmetric": dcrf.NORMALIZE_SYMMETRIC,
        "after": dcrf.NORMALIZE_AFTER,
        "before": dcrf.NORMALIZE_BEFORE,
        "none": dcrf.NO_NORMALIZATION,
    }[normalization]
    crf = dcrf.DenseCRF2D(w, h, k)
    crf.setUnaryEnergy(np.ascontiguousarray(energies.reshape(k, -1)))
    if gaussian:
        crf.addPairwiseGaussian(sxy=gaussian[1], compat=gaussian[0], normalization=kind)
    if bilateral:
        weight, xy, rgb = bilateral
        crf.addPairwiseBilateral(sxy=xy, srgb=rgb, rgbim=image, compat=weight, normalization=kind)
    return np.array(crf.inference(iterations)).reshape(k, h, w)


def softmax(x: np.ndarray) -> np.ndarray:
    e = np.exp(x - x.max(0))
    return e / e.sum(0)


def brute_force(image, energies, gaussian, bilateral, normalization="symmetric", iterations=10, mu=None) -> np.ndarray:
    """Mean field by its definition, in float64, K H W; the term j = i is part of the sum."""
    k, h, w = energies.shape
    y, x = (axis.reshape(-1).astype(float) for axis in np.mgrid[:h, :w])
    terms = []
    if gaussian:
        terms.append((gaussian[0], [x / gaussian[1], y / gaussian[1]]))
    if bilateral:
        colours = image.reshape(-1, 3).T.astype(float) / bilateral[2]
        terms.append((bilateral[0], [x / bilateral[1], y / bilateral[1], *colours]))
    kernels = []
    for weight, features in terms:
        distance = sum((f[:, None] - f[None]) ** 2 for f in features)
        kernel = np.exp(-distance / 2)
        n = kernel.sum(1)
        if normalization == "symmetric":
            kernel /= np.sqrt(n)[:, None] * np.sqrt(n)[None]
        elif normalization == "after":
            kernel /= n[:, None]
        elif normalization == "before":
            kernel /= n[None]
        kernels.append(weight * kernel)
    total = sum(kernels)
    mu = 1 - np.eye(k) if mu is None else mu
    unary = energies.reshape(k, -1).astype(float)
    q = softmax(-unary)
    for _ in range(iterations):
        q = softmax(-unary - mu @ (q @ total.T))
    return q.reshape(k, h, w)
