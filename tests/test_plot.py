"""Pictures of labels and of costs; what is right, missed, false and misnamed can be told apart, without colour too."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from matplotlib.colors import to_rgb

from seglib import plot
from seglib.data import CamVid
from seglib.models import Cost

COLOURS = ((255, 0, 0), (0, 51, 255))


@pytest.fixture
def labellings():
    """Prediction and truth with a corner each that is right, missed, false and misnamed."""
    target, prediction = torch.zeros(40, 40, dtype=torch.int64), torch.zeros(40, 40, dtype=torch.int64)
    for labels, corners in ((target, {(0, 0): 1, (0, 20): 2, (20, 20): 3}), (prediction, {(0, 0): 1, (20, 0): 2, (20, 20): 1})):  # fmt: skip  # noqa: E501
        for (y, x), label in corners.items():
            labels[y + 2 : y + 18, x + 2 : x + 18] = label
    return prediction, target


@pytest.mark.parametrize("zoom", [2, 3])
def test_judged_tells_the_four_outcomes_apart(labellings, zoom):
    painted = plot.judged(torch.full((3, 40, 40), 0.5), *labellings, zoom=zoom).numpy()
    assert painted.shape == (3, 40 * zoom, 40 * zoom)
    assert painted.dtype == np.float32
    assert painted.min() >= 0
    assert painted.max() <= 1
    vermillion = (np.abs(painted.transpose(1, 2, 0) - to_rgb(plot.ERROR)) < 1e-3).all(-1)
    purple = (painted[0] > painted[1] + 0.1) & ~vermillion
    parts = {
        name: np.s_[(y + 5) * zoom : (y + 15) * zoom, (x + 5) * zoom : (x + 15) * zoom]
        for name, (y, x) in {"right": (0, 0), "missed": (0, 20), "false": (20, 0), "misnamed": (20, 20)}.items()
    }
    errors = {name: vermillion[part].mean() for name, part in parts.items()}
    assert errors["right"] == 0
    assert 0 < errors["false"] < errors["missed"] < errors["misnamed"]
    assert {name for name, part in parts.items() if purple[part].any()} == {"right", "false", "misnamed"}


def test_judged_outlines_the_truth(labellings):
    prediction, target = labellings
    painted = plot.judged(torch.ones(3, 40, 40), prediction, target, zoom=2)
    black = painted.sum(0) == 0
    assert black[:, 4].any()  # the left side of the first square
    assert not plot.judged(torch.ones(3, 40, 40), prediction, torch.zeros_like(target)).sum(0).eq(0).any()


def test_judged_takes_arrays_as_well(labellings):
    prediction, target = labellings
    image = torch.rand(3, 40, 40)
    arrays = plot.judged(image.numpy(), prediction.numpy(), target.numpy())
    assert torch.equal(arrays, plot.judged(image, prediction, target))


def test_each_class_has_its_colour_and_what_does_not_count_is_black():
    picture = plot.painted(torch.tensor([[0, 1], [1, 9]]), COLOURS, ignore_index=9)
    assert picture.shape == (3, 2, 2)
    assert picture[:, 0, 0].tolist() == [1, 0, 0]
    assert picture[:, 1, 0].tolist() == pytest.approx([0, 0.2, 1])
    assert picture[:, 1, 1].tolist() == [0, 0, 0]
    assert torch.equal(plot.painted(np.array([[0]]), COLOURS)[:, 0, 0], torch.tensor([1.0, 0, 0]))


@pytest.mark.parametrize("label", [2, -1])
def test_label_without_a_colour_is_named(label):
    with pytest.raises(ValueError, match=f"label {label} has no colour: there are 2"):
        plot.painted(torch.tensor([[label]]), COLOURS)


def test_legend_names_every_class():
    with plt.rc_context(plot.STYLE):
        figure, _ = plot.pictures([torch.rand(3, 8, 8)])
        plot.class_legend(figure, CamVid.classes, CamVid.colours)
        figure.canvas.draw()
    assert [text.get_text() for text in figure.legends[0].get_texts()] == list(CamVid.classes)
    plt.close(figure)


def test_costs_are_drawn_as_multiples():
    values = {"parameters": 10, "macs": 20, "weight_bytes": 40, "live_bytes": 60, "allocated_bytes": None}
    costs = {
        "small": Cost(**values, seconds=(1.0, 2.0, 3.0)),
        "large": Cost(**(values | {"parameters": 85, "weight_bytes": 440}), seconds=(5.0,)),
    }
    figure, axis = plot.cost_ratios(costs, "large", "small")
    figure.canvas.draw()
    assert [text.get_text() for text in axis.texts] == ["8.50", "1.00", "1.00", "5.00", "2.50"]
    assert axis.get_xlabel() == "large as a multiple of small"
    with pytest.raises(KeyError, match="huge"):
        plot.cost_ratios(costs, "huge", "small")
    plt.close(figure)
