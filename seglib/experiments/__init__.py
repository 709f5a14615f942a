"""Experiments: what the book claims, put to networks that differ in one thing, with a control and several seeds.

`load("skips")` is a result as it was measured, `print` shows it, and `EXPERIMENTS["skips"].plot(result)` draws it;
`python -m seglib.experiments skips` measures it anew.
"""

import json
from collections.abc import Sequence
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

import torch

from seglib.experiments import (
    class_balance,
    context_module,
    crf_iterations,
    deconvnet_segnet,
    deeplab_rates,
    far_cue,
    object_size,
    pooling_or_dilation,
    runs,
    skips,
    sum_or_concat,
    upsampling,
)
from seglib.experiments.experiment import Axis, Experiment
from seglib.experiments.measures import processor
from seglib.experiments.result import LEAST_SEEDS, Difference, Result, compile_result
from seglib.experiments.runs import FailedError
from seglib.names import did_you_mean
from seglib.train.chains import recipe_hash

RESULTS: Traversable = resources.files(__name__) / "results"
SCENES = 200  # that a network is measured on
RUNS = Path("runs/experiments")

EXPERIMENTS: dict[str, Experiment] = {
    module.EXPERIMENT.name: module.EXPERIMENT
    for module in (
        object_size,
        skips,
        upsampling,
        sum_or_concat,
        deconvnet_segnet,
        far_cue,
        pooling_or_dilation,
        deeplab_rates,
        context_module,
        crf_iterations,
        class_balance,
    )
}


def experiment(name: str) -> Experiment:
    """An experiment by its name; ValueError with the names that there are."""
    if name not in EXPERIMENTS:
        hint = did_you_mean(name, EXPERIMENTS)
        raise ValueError(f"there is no experiment {name!r}{hint} There are {', '.join(EXPERIMENTS)}")
    return EXPERIMENTS[name]


def load(name: str, folder: Traversable | None = None) -> Result:
    """A result as it was measured.

    Args:
        name: one of `EXPERIMENTS`.
        folder: where results lie; seglib's own if not given.

    Raises:
        ValueError: there is no such experiment.
        FileNotFoundError: it has not been carried out.
        RuntimeError: the file is damaged.
    """
    experiment(name)
    file = (RESULTS if folder is None else folder) / f"{name}.json"
    if not file.is_file():
        raise FileNotFoundError(
            f"{file} is missing; `python -m seglib.experiments {name}` trains its networks and measures it, "
            "which can take hours"
        )
    try:
        values = json.loads(file.read_bytes())
    except ValueError as error:
        raise RuntimeError(
            f"{file} is damaged ({error}). `python -m seglib.experiments {name}` makes it anew"
        ) from error
    return Result(values)


def run(
    name: str | Experiment,
    seeds: Sequence[int] = (0, 1, 2),
    *,
    jobs: int = 2,
    folder: Path | str = RUNS,
    quick: bool = False,
) -> Result:
    """Train what is missing, measure, and compare; nothing but the runs is written.

    Args:
        name: one of `EXPERIMENTS`, or an experiment of your own.
        seeds: of first weights and order of scenes.
        jobs: trainings at once, in a process and on a thread each; 1 trains here.
        folder: where trained networks are kept and found again.
        quick: two steps of two pictures only, to see that everything runs; the numbers mean nothing.

    Raises:
        ValueError: no such experiment; fewer than three seeds, or one twice.
        FailedError: a training or measurement failed; what was trained is kept.
    """
    chosen = experiment(name) if isinstance(name, str) else name
    seeds = tuple(seeds)
    if len(set(seeds)) < len(seeds) or any(seed < 0 for seed in seeds):
        raise ValueError(f"seeds={seeds} must differ, and be 0 or more")
    if len(seeds) < (1 if quick else LEAST_SEEDS):
        raise ValueError(f"seeds={seeds}: an experiment takes {LEAST_SEEDS} or more, or its spread means nothing")
    if jobs < 1:
        raise ValueError(f"jobs={jobs} must be 1 or more")
    chosen = runs.quick(chosen) if quick else chosen
    scenes = runs.FEW if quick else SCENES
    measured = runs.carry_out(chosen, seeds, jobs=jobs, folder=Path(folder), scenes=scenes)
    references = {} if chosen.references is None else chosen.references(scenes)
    costs = {} if chosen.costs is None else chosen.costs(chosen.variants)
    recipes = chosen.recipes()
    about = {
        "scenes": scenes,
        "device": processor(),
        "torch": torch.__version__,
        "training_seconds": round(runs.training_seconds(chosen, seeds, Path(folder)), 1),
        "recipes": {
            name: {"sha256": recipe_hash(name, recipes), "recipe": recipe.to_dict()} for name, recipe in recipes.items()
        },
        "recipe_of": {variant: recipe.name for variant, recipe in chosen.variants.items()},
    }
    return compile_result(chosen, seeds=seeds, measured=measured, references=references, costs=costs, about=about)


__all__ = [
    "EXPERIMENTS",
    "RESULTS",
    "Axis",
    "Difference",
    "Experiment",
    "FailedError",
    "Result",
    "experiment",
    "load",
    "run",
]
