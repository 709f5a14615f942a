"""Pictures of labels and of costs; what is right, missed, false and misnamed can be told apart, without colour too."""

from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from matplotlib.colors import to_rgb
from matplotlib.text import Text

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


def cost(*seconds):
    """A network that takes so long."""
    return Cost(parameters=1, macs=1, weight_bytes=4, live_bytes=4, allocated_bytes=None, seconds=seconds)


def test_pareto_front_has_whoever_is_not_beaten():
    values = {"good": (3, 1), "quick": (1, 3), "beaten": (3, 3), "between": (2, 2), "half beaten": (3, 2)}
    assert plot.pareto_front(values) == ["quick", "between", "good"]
    assert plot.pareto_front({"one": (1, 1), "other": (1, 1)}) == ["one", "other"]


def test_trade_off_marks_the_front_and_no_name_hides_another():
    costs = {f"network {i}": cost(0.01 * (i + 1), 0.02 * (i + 1)) for i in range(8)}
    scores = {"network 0": 0.5, "network 1": 0.4} | {f"network {i}": 0.7 for i in range(2, 8)}
    figure, axis = plot.trade_off(costs, scores, "quality")
    figure.canvas.draw()
    assert (axis.get_ylabel(), axis.get_xscale()) == ("quality", "log")
    discs = [line for line in axis.lines if line.get_marker() == "o"]
    assert [disc.get_markerfacecolor() != "white" for disc in discs] == [True, False, True] + [False] * 5
    boxes = sorted((Text.get_window_extent(text) for text in axis.texts), key=lambda box: box.y0)
    assert len(boxes) == 8
    assert all(lower.y1 <= upper.y0 + 1 for lower, upper in pairwise(boxes))
    with pytest.raises(KeyError, match="network 1"):
        plot.trade_off(costs, {"network 0": 1.0})
    plt.close(figure)


def test_contact_sheet_has_every_picture_in_its_place():
    red, blue = (torch.tensor(colour).view(3, 1, 1).expand(3, 9, 9).float() for colour in ((1, 0, 0), (0, 0, 1)))
    panels = {"red": red, "blue": blue, "a name that is much too long for its picture": red}
    sheet = plot.contact_sheet(panels, columns=2, size=60)
    assert sheet.shape == (3, 2 * 86, 128)
    assert sheet[:, 50, 30].tolist() == [1, 0, 0]
    assert sheet[:, 50, 98].tolist() == [0, 0, 1]
    assert (sheet[:, :, 60:68] == 1).all()  # the long name ends with its picture
