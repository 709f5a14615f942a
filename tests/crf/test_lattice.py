"""The lattice as a linear map."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from seglib.crf import lattice as lattice_module
from seglib.crf.exact import exact_kernel
from seglib.crf.kernel import apply_kernel, gaussian_kernel
from seglib.crf.lattice import permutohedral_lattice


def points(d: int, n: int, spread: float = 3.0, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(d, n, generator=generator) * spread


@pytest.mark.parametrize("d", [1, 2, 3, 5, 8])
def test_barycentric_weights_and_vertices(d):
    features = points(d, 200)
    lattice = permutohedral_lattice(features)
    assert lattice.corners.shape == lattice.barycentric.shape == (200, d + 1)
    torch.testing.assert_close(lattice.barycentric.sum(1), torch.ones(200))
    assert lattice.barycentric.min() > -1e-5
    assert lattice.corners.max() == lattice.vertices - 1
    assert lattice.starts[-1] == 200 * (d + 1)
    counts = torch.bincount(lattice.corners.flatten().long(), minlength=lattice.vertices)
    assert torch.equal(lattice.starts.diff()[:-1].long(), counts)


@pytest.mark.parametrize("d", [1, 2, 3, 5])
def test_neighbours_are_mutual_and_none_is_itself(d):
    lattice = permutohedral_lattice(points(d, 300, spread=1.0))
    m = lattice.vertices
    for itself, lower, upper in (direction.long().T for direction in lattice.neighbours):
        assert torch.equal(itself, torch.arange(m + 1))
        assert lower[m] == upper[m] == m
        has = lower[:m] < m
        assert has.any()
        assert torch.equal(upper[lower[:m][has]], torch.arange(m)[has])
        assert (upper[:m] < m).sum() == has.sum()
        assert not (lower[:m] == torch.arange(m)).any()


@pytest.mark.parametrize("normalization", ["symmetric", "after", "before", "none"])
def test_transposed_map_is_the_transpose(normalization):
    kernel = gaussian_kernel(points(3, 61).double(), normalization=normalization)
    identity = torch.eye(61, dtype=torch.float64)
    torch.testing.assert_close(kernel(identity).T, kernel.transposed()(identity))
    torch.testing.assert_close(kernel.transposed().transposed()(identity), kernel(identity))


@pytest.mark.parametrize("d", [2, 5])
def test_wide_spaces_without_packed_keys_give_the_same(d, monkeypatch):
    features = points(d, 150)
    values = torch.rand(150, 3)
    packed = permutohedral_lattice(features)
    monkeypatch.setattr(lattice_module, "KEY_BITS", 4)
    rows = permutohedral_lattice(features)
    assert packed.vertices == rows.vertices
    torch.testing.assert_close(packed(values), rows(values))


def test_many_dimensions_need_no_packed_keys():
    features = points(16, 80, spread=5.0)
    values = torch.rand(80, 2)
    out = permutohedral_lattice(features)(values)
    assert out.shape == (80, 2)
    assert torch.isfinite(out).all()


def test_blurs_a_dense_cloud_like_the_gaussian():
    y, x = torch.meshgrid(torch.arange(40.0), torch.arange(40.0), indexing="ij")
    features = torch.stack([x.flatten(), y.flatten()]) / 5
    values = torch.rand(1600, 2, generator=torch.Generator().manual_seed(0))
    lattice = gaussian_kernel(features, normalization="after")(values)
    exact = gaussian_kernel(features, normalization="after", method="exact")(values)
    assert (lattice - exact).abs().max() < 0.02
    assert torch.equal(exact_kernel(features).matrix.diagonal(), torch.ones(1600))


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 4), st.integers(1, 40), st.integers(0, 100))
def test_one_point_of_weight_one_comes_back_positive(d, n, seed):
    lattice = permutohedral_lattice(points(d, n, seed=seed))
    impulse = torch.zeros(n, 1)
    impulse[0] = 1
    out = lattice(impulse)
    assert out[0] > 0
    assert out.min() > -1e-4
    alpha = 1 / (1 + 2.0**-d)
    assert out[0] <= 2 ** (d + 1) * alpha


def test_gradient_is_the_transposed_map():
    kernel = gaussian_kernel(points(3, 30).double(), normalization="before")
    values = torch.rand(30, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda v: apply_kernel(kernel, v), values)
    assert torch.autograd.gradgradcheck(lambda v: apply_kernel(kernel, v), values)
    with pytest.raises(ValueError, match="apply_kernel"):
        kernel(values)


def test_too_many_standard_deviations_are_refused():
    with pytest.raises(ValueError, match="larger sigmas"):
        permutohedral_lattice(torch.tensor([[0.0, 1e9]]))
    assert math.isfinite(float(permutohedral_lattice(torch.tensor([[0.0, 1e4]]))(torch.ones(2, 1)).sum()))
