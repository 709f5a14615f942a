"""The chart of shares along a network's layers."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from seglib import plot


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def test_mean_spread_and_stripes_of_every_run():
    runs = {"one": np.random.rand(4, 3, 2), "other": np.random.rand(2, 3, 2) - 1}
    figure, axes = plot.along_layers(runs, ["pool", "conv", "pool2"], ["a", "b"], stripes="pool")
    assert len(figure.axes) == 2
    for axis, (title, numbers) in zip(axes, runs.items(), strict=True):
        assert axis.get_title() == title
        lines = [container.lines[0].get_ydata() for container in axis.containers]
        assert np.allclose(lines, numbers.mean(0).T)
        assert len(axis.patches) == 2
    assert axes[0].get_ylim()[0] < runs["other"].min()
    assert [text.get_text() for text in axes[0].get_legend().get_texts()] == ["a", "b"]
    assert [label.get_text() for label in axes[-1].get_xticklabels()] == ["pool", "conv", "pool2"]
