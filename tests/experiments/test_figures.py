"""Figures draw from results in the form of real ones, without warnings (which are errors), and can be told apart."""

from functools import cache

import matplotlib.pyplot as plt
import pytest

from seglib.experiments import EXPERIMENTS, figures, measures
from tests.experiments.tiny import synthetic


@pytest.fixture(autouse=True)
def _no_clock(monkeypatch):
    monkeypatch.setattr(measures, "seconds_in_turns", lambda networks, images, repeats: dict.fromkeys(networks, 0.01))


made_up = cache(lambda name: synthetic(EXPERIMENTS[name]))


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_draws(name):
    before = dict(plt.rcParams)
    figure = EXPERIMENTS[name].plot(made_up(name))
    figure.canvas.draw()
    assert dict(plt.rcParams) == before, "the caller's settings are left alone"
    legends = [axis.get_legend() for axis in figure.axes if axis.get_legend()]
    named = {text.get_text() for legend in legends for text in legend.get_texts()}
    named |= {label.get_text() for axis in figure.axes for label in axis.get_yticklabels()}
    named |= {axis.get_title() for axis in figure.axes}
    shown = {text.removesuffix(" (control)") for text in named}
    assert set(EXPERIMENTS[name].variants) & shown, "somewhere it says what is what"


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_series_have_a_second_cue_beside_colour(name):
    figure = EXPERIMENTS[name].plot(made_up(name))
    for axis in figure.axes:
        legend = axis.get_legend()
        if legend is None:
            continue
        looks = [(line.get_marker(), line.get_linestyle()) for line in legend.get_lines()]
        assert len(set(looks)) == len(looks), f"{name}: two series differ by colour alone"


def test_a_backend_loaded_with_the_first_figure_goes_on_showing_what_is_drawn():
    # Jupyter's backend switches this on when the first figure makes matplotlib load it.
    with plt.rc_context({"interactive": False}):
        with figures.book_style():
            plt.ion()
        assert plt.isinteractive()
