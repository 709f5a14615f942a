"""Linear readings of maps against least squares."""

import pytest
import torch

from seglib.probing import linear_reading


def data(noise=0.0, rows=400):
    random = torch.Generator().manual_seed(0)
    features = torch.randn(rows, 5, generator=random, dtype=torch.double) * torch.tensor([1.0, 10, 0.1, 3, 1]) + 4
    truth = features @ torch.tensor([1.0, -2, 30, 0, 0.5], dtype=torch.double) + 7
    return features, truth + noise * truth.std() * torch.randn(rows, generator=random, dtype=torch.double)


def test_linear_relation_is_read_to_the_end():
    features, truth = data()
    assert linear_reading(features[:200], truth[:200], features[200:], truth[200:], ridge=1e-9) == pytest.approx(1)


def test_noise_takes_its_share():
    features, truth = data(noise=1.0, rows=20_000)
    half = slice(10_000, None)
    found = linear_reading(features[:10_000], truth[:10_000], features[half], truth[half])
    assert found == pytest.approx(0.5, abs=0.02)  # half of the variance is noise


def test_nothing_is_read_where_nothing_is():
    random = torch.Generator().manual_seed(1)
    features = torch.randn(2000, 3, generator=random)
    other = torch.randn(2000, generator=random)
    assert linear_reading(features[:1000], other[:1000], features[1000:], other[1000:]) == pytest.approx(0, abs=0.02)


def test_equals_least_squares_of_torch():
    features, truth = data(noise=0.3)
    found = linear_reading(features[:300], truth[:300], features[300:], truth[300:], ridge=1e-12)
    design = torch.cat([features, torch.ones(len(features), 1, dtype=torch.double)], 1)
    weight = torch.linalg.lstsq(design[:300], truth[:300]).solution
    error = (design[300:] @ weight - truth[300:]).square().mean()
    assert found == pytest.approx(1 - (error / truth[300:].var(correction=0)).item(), abs=1e-9)


def test_constant_feature_does_no_harm():
    features, truth = data()
    features[:, 1] = 2
    assert torch.tensor(linear_reading(features[:200], truth[:200], features[200:], truth[200:])).isfinite()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"known": torch.zeros(4)}, "N F"),
        ({"new": torch.zeros(4, 3)}, "M F"),
        ({"wanted": torch.zeros(5)}, "one number for each row"),
        ({"truth": torch.zeros(4)}, "nothing to explain"),
        ({"ridge": 0}, "ridge=0"),
    ],
)
def test_bad_values_are_refused_with_a_reason(change, words):
    given = {"known": torch.rand(4, 2), "wanted": torch.rand(4), "new": torch.rand(4, 2), "truth": torch.rand(4)}
    ridge = change.pop("ridge", 1e-3)
    with pytest.raises(ValueError, match=words):
        linear_reading(*(given | change).values(), ridge=ridge)
