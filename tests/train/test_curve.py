"""The live curve in notebooks, the bar in terminals."""

import io
import sys
import types

import pytest
from PIL import Image

from seglib.train import curve, train
from tests.train.tiny import RECIPE, Blocks


class Kernel:
    """What IPython.display sees in a notebook."""

    def __init__(self):
        self.shown, self.updates = [], []

    def display(self, picture, *, display_id):
        assert display_id
        self.shown.append(picture)
        return types.SimpleNamespace(update=self.updates.append)


@pytest.fixture
def notebook(monkeypatch):
    pytest.importorskip("IPython")
    import IPython
    import IPython.display

    kernel = Kernel()
    monkeypatch.setattr(IPython, "get_ipython", lambda: types.SimpleNamespace(kernel=object()))
    monkeypatch.setattr(IPython.display, "display", kernel.display)
    return kernel


def test_a_notebook_gets_one_picture_that_changes(notebook, capsys, monkeypatch):
    clock = iter(range(0, 1000, 2))
    monkeypatch.setattr(curve.time, "monotonic", lambda: next(clock))
    train(RECIPE, dataset=Blocks())
    assert len(notebook.shown) == 1
    assert len(notebook.updates) == 10  # nine steps more, and the end
    last = notebook.updates[-1]
    assert Image.open(io.BytesIO(last.data)).size == (600, 260)
    assert last.metadata["alt"].startswith("tiny: loss by step. Step 10 of 10, loss 1.099 at first")
    assert capsys.readouterr().err == ""  # no bar besides


def test_pictures_come_at_most_once_a_second(notebook, monkeypatch):
    clock = iter(i / 4 for i in range(10, 1000))
    monkeypatch.setattr(curve.time, "monotonic", lambda: next(clock))
    shown = curve.Curve(RECIPE, [])
    for step in range(1, 10):
        shown.update({"step": step, "loss": 1.0})
    assert len(notebook.shown + notebook.updates) < 5


def test_a_terminal_gets_a_bar_and_no_picture(capsys):
    assert not curve.in_notebook()
    train(RECIPE, dataset=Blocks())
    written = capsys.readouterr().err
    assert "tiny: 100%" in written
    assert "10/10" in written
    assert "loss=" in written


def test_nothing_is_shown_when_nothing_is_wanted(notebook, capsys):
    train(RECIPE, dataset=Blocks(), progress=False)
    assert notebook.shown == []
    assert capsys.readouterr() == ("", "")


def test_a_resumed_curve_begins_at_the_beginning(notebook):
    shown = curve.Curve(RECIPE, [{"loss": 3.0}, {"loss": 2.0}])
    shown.update({"loss": 1.0})
    assert notebook.shown[0].metadata["alt"] == "tiny: loss by step. Step 3 of 10, loss 3 at first, 1 now."


def test_without_ipython_it_is_a_terminal(monkeypatch):
    monkeypatch.delitem(sys.modules, "IPython", raising=False)
    assert not curve.in_notebook()


def test_a_loss_of_zero_can_be_drawn():
    assert curve.draw(RECIPE, [1.0, 0.0, 0.0]).startswith(b"\x89PNG")


@pytest.mark.parametrize(("pause", "said"), [(1000, [100]), (0, [1, 50, 100])])
def test_lines_come_now_and_then(pause, said, capsys):
    lines = curve.Lines(RECIPE.replace(name="unet_scenes", steps=100), seconds=pause)
    for step in (1, 50, 100):
        lines({"step": step, "loss": 0.25, "seconds": step * 36.6})
    expected = {
        1: "unet_scenes: step 1 of 100, loss 0.250, 0:00:37 gone, 1:00:23 to go",
        50: "unet_scenes: step 50 of 100, loss 0.250, 0:30:30 gone, 0:30:30 to go",
        100: "unet_scenes: step 100 of 100, loss 0.250, 1:01:00 gone, 0:00:00 to go",
    }
    assert capsys.readouterr().out.splitlines() == [expected[step] for step in said]
