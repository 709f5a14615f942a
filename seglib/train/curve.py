"""What a run shows while it goes on: a bar in a terminal, a curve in a notebook, lines where several run at once."""

import io
import math
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

from tqdm import tqdm

from seglib.train.recipe import Recipe


def in_notebook() -> bool:
    """Whether this is a Jupyter kernel (Colab's and VS Code's too), where pictures can be shown and replaced."""
    if "IPython" not in sys.modules:
        return False
    shell = sys.modules["IPython"].get_ipython()
    return shell is not None and getattr(shell, "kernel", None) is not None


def progress_for(recipe: Recipe, history: Sequence[dict[str, Any]], *, show: bool) -> "Bar | Curve | Silence":
    """The progress that fits the place; `history` is what an interrupted run has behind it."""
    if not show:
        return Silence()
    return Curve(recipe, history) if in_notebook() else Bar(recipe, history)


class Silence:
    """Shows nothing."""

    def update(self, entry: dict[str, Any]) -> None:
        """One step further."""

    def close(self) -> None:
        """The run is over, or has been stopped."""


class Bar(Silence):
    """A bar in the terminal, with the loss; in a file a line now and then."""

    def __init__(self, recipe: Recipe, history: Sequence[dict[str, Any]]):
        seconds = 0.1 if sys.stderr.isatty() else 30
        self._bar = tqdm(
            total=recipe.steps, initial=len(history), desc=recipe.name, unit="step", mininterval=seconds, smoothing=0.1
        )

    def update(self, entry: dict[str, Any]) -> None:
        """One step further."""
        self._bar.set_postfix(loss=f"{entry['loss']:.4g}", refresh=False)
        self._bar.update()

    def close(self) -> None:
        """Leave the bar as it stands."""
        self._bar.close()


class Curve(Silence):
    """The loss of every step, drawn again at most once a second, in one place of the notebook."""

    def __init__(self, recipe: Recipe, history: Sequence[dict[str, Any]]):
        self.recipe = recipe
        self._losses = [entry["loss"] for entry in history]
        self._drawn, self._handle = -math.inf, None

    def update(self, entry: dict[str, Any]) -> None:
        """One step further."""
        self._losses.append(entry["loss"])
        if time.monotonic() - self._drawn > 1:
            self._show()

    def close(self) -> None:
        """Draw what came since the last picture."""
        if self._losses:
            self._show()

    def _show(self) -> None:
        from IPython.display import Image, display

        words = {"alt": describe(self.recipe, self._losses)}  # Colab's IPython has no argument alt, which would do this
        picture = Image(data=draw(self.recipe, self._losses), format="png", metadata=words)
        if self._handle is None:
            self._handle = display(picture, display_id=True)
        else:
            self._handle.update(picture)
        self._drawn = time.monotonic()


class Lines:
    """Says every half minute how far a training is; several bars at once would overwrite each other."""

    def __init__(self, recipe: Recipe, seconds: float = 30):
        self.name, self.steps, self.seconds = recipe.name, recipe.steps, seconds
        self._said = time.monotonic()  # the first steps say little of how long the rest takes

    def __call__(self, entry: Mapping[str, Any]) -> None:
        """After a step."""
        step = entry["step"]
        if time.monotonic() - self._said < self.seconds and step < self.steps:
            return
        self._said = time.monotonic()
        left = entry["seconds"] / step * (self.steps - step)
        print(
            f"{self.name}: step {step} of {self.steps}, loss {entry['loss']:.3f}, "
            f"{duration(entry['seconds'])} gone, {duration(left)} to go",
            flush=True,
        )


def duration(seconds: float) -> str:
    """Hours, minutes and seconds: 0:01:30."""
    minutes, seconds = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{seconds:02}"


def describe(recipe: Recipe, losses: Sequence[float]) -> str:
    """The curve in words, for those who do not see it."""
    return (
        f"{recipe.name}: loss by step. Step {len(losses)} of {recipe.steps}, "
        f"loss {losses[0]:.4g} at first, {losses[-1]:.4g} now."
    )


def draw(recipe: Recipe, losses: Sequence[float]) -> bytes:
    """PNG of the loss by step, thin, and of its mean over the last twentieth of the steps, thick."""
    from matplotlib.figure import Figure  # not pyplot, which would show the figure a second time

    window = max(1, len(losses) // 20)
    sums = [0.0]
    for loss in losses:
        sums.append(sums[-1] + loss)
    means = [(sums[i] - sums[max(0, i - window)]) / min(i, window) for i in range(1, len(sums))]
    figure = Figure(figsize=(6, 2.6), layout="constrained", dpi=100)
    axis = figure.subplots()
    axis.plot(range(1, len(losses) + 1), losses, color="#999999", linewidth=0.6)
    axis.plot(range(1, len(losses) + 1), means, color="#D55E00", linewidth=2)
    axis.set(xlim=(0, recipe.steps), xlabel="step", ylabel="loss", title=describe(recipe, losses).split(". ")[1])
    if min(losses) > 0:
        axis.set_yscale("log")
    axis.spines[["top", "right"]].set_visible(False)
    file = io.BytesIO()
    figure.savefig(file, format="png")
    return file.getvalue()
