"""Training what is missing and measuring it, in processes side by side or here.

A trained network lies in `<recipe>-<seed>-<hash>`, where the hash is that of its recipe with all that it starts from:
experiments that share a recipe share the network, a changed recipe has a folder of its own, and what a killed run had
done is found again.
"""

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from seglib.experiments.experiment import Experiment, Measures
from seglib.experiments.measures import plain
from seglib.train import Recipe, Trained, train
from seglib.train import checkpoint as files
from seglib.train.chains import in_order, recipe_hash
from seglib.train.curve import Lines
from seglib.train.initialise import build
from seglib.train.side_by_side import in_processes

FEW = 3  # pictures that a quick run measures


class FailedError(RuntimeError):
    """A training or a measurement failed; the message says which and why."""


def carry_out(
    experiment: Experiment, seeds: Sequence[int], *, jobs: int, folder: Path, scenes: int
) -> dict[str, list[Measures]]:
    """Train whatever is not there yet, and measure all; the measures of each variant, one for each seed.

    Raises:
        FailedError: something failed; what was trained is kept.
    """
    recipes = experiment.recipes()
    places = {(name, seed): place(name, seed, recipes, folder) for name in recipes for seed in seeds}
    needed = [recipe.name for recipe in experiment.variants.values()]
    tasks: dict[str, Callable[[], Any]] = {}
    after: dict[str, str] = {}
    for seed in seeds:
        done = {name for name in recipes if is_trained(places[name, seed])}
        missing = in_order([name for name in needed if name not in done], recipes, there=done.__contains__)
        for name in missing:
            recipe = recipes[name]
            start = places[recipe.start, seed] if recipe.start in recipes else None
            tasks[f"{name}, seed {seed}"] = partial(train_one, recipe, seed, places[name, seed], start)
            if recipe.start in missing:
                after[f"{name}, seed {seed}"] = f"{recipe.start}, seed {seed}"
        for variant, recipe in experiment.variants.items():
            task = f"{experiment.name}: {variant}, seed {seed}"
            tasks[task] = partial(
                measure_one, experiment.measure_of(variant), recipe, seed, places[recipe.name, seed], scenes
            )
            if recipe.name in missing:
                after[task] = f"{recipe.name}, seed {seed}"
    # What most others wait for comes first, or one process would be left with a chain of stages at the end.
    tasks = dict(sorted(tasks.items(), key=lambda task: -_followers(task[0], after)))
    found, errors = {}, []
    for task, result, error in in_processes(tasks, after, jobs=jobs) if jobs > 1 else here(tasks, after):
        if error is None:
            found[task] = result
            print(f"{task}: {'done' if result is None else 'measured'}", flush=True)
        else:
            errors.append(f"{task}: {error}")
            print(f"{task}: failed: {error}", file=sys.stderr, flush=True)
    if errors:
        raise FailedError(f"{experiment.name}: {'; '.join(errors)}. What was trained is kept in {folder}")
    return {
        variant: [found[f"{experiment.name}: {variant}, seed {seed}"] for seed in seeds]
        for variant in experiment.variants
    }


def _followers(task: str, after: Mapping[str, str]) -> int:
    """How many tasks wait for one in turn, and for what comes after it."""
    return sum(1 + _followers(other, after) for other, before in after.items() if before == task)


def here(tasks: Mapping[str, Callable[[], Any]], after: Mapping[str, str]) -> Iterator[tuple[str, Any, str | None]]:
    """Like `in_processes`, one task after the other in this process."""
    waiting, failed = dict(tasks), set()
    while waiting:
        task = next(task for task in waiting if after.get(task) not in waiting)
        work = waiting.pop(task)
        if after.get(task) in failed:
            failed.add(task)
            yield task, None, f"{after[task]}, which it comes after, failed"
            continue
        try:
            result = work()
        except Exception as error:
            failed.add(task)
            yield task, None, f"{type(error).__name__}: {error}"
        else:
            yield task, result, None


def place(name: str, seed: int, recipes: Mapping[str, Recipe], folder: Path) -> Path:
    """Where a trained network lies."""
    return folder / f"{name}-{seed}-{recipe_hash(name, recipes)[:8]}"


def is_trained(folder: Path) -> bool:
    """Whether a training has been finished: its log is written last."""
    return (folder / files.LOG).exists()


def training_seconds(experiment: Experiment, seeds: Sequence[int], folder: Path) -> float:
    """How long all its networks took to train, their starts included, on a thread each."""
    recipes = experiment.recipes()
    places = (place(name, seed, recipes, folder) for name in recipes for seed in seeds)
    return sum(json.loads((each / files.RECIPE).read_bytes())["seconds"] for each in places if is_trained(each))


def train_one(recipe: Recipe, seed: int, folder: Path, start: Path | None) -> None:
    """Train a recipe on one thread, from where it was interrupted."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        train(
            recipe,
            seed=seed,
            folder=folder,
            weights=None if start is None else start / files.MODEL,
            channels_last=True,  # a quarter faster
            progress=False,
            on_step=Lines(recipe.replace(name=f"{recipe.name}, seed {seed}")),
        )
    finally:
        torch.set_num_threads(threads)
    (folder / files.CHECKPOINT).unlink(missing_ok=True)


def measure_one(
    measure: Callable[[Trained, int], Measures], recipe: Recipe, seed: int, folder: Path, scenes: int
) -> Measures:
    """What is measured of a trained network, as plain numbers."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return plain(measure(load(recipe, seed, folder), scenes))
    finally:
        torch.set_num_threads(threads)


def load(recipe: Recipe, seed: int, folder: Path) -> Trained:
    """The network that lies in a folder, as `train` gave it back."""
    about = json.loads((folder / files.RECIPE).read_bytes())
    with torch.device("meta"):
        model = build(recipe.replace(start="default", batch_norm=False), len(about["classes"]))
    model.load_state_dict(files.load_model(folder / files.MODEL), assign=True)
    if getattr(model, "upsample", None) is False:
        model.upsample = True
    return Trained(
        model=model.eval(),
        recipe=recipe,
        seed=seed,
        history=json.loads((folder / files.LOG).read_bytes()),
        seconds=about["seconds"],
        device=about["device"],
    )


def quick(experiment: Experiment) -> Experiment:
    """The same experiment with two steps of two pictures for each recipe: to see that everything runs."""

    def shortened(recipe: Recipe) -> Recipe:
        options = recipe.data_options | {"length": 4}
        return recipe.replace(steps=2, batch_size=2, warmup=0, data_options=options)

    return replace(
        experiment,
        variants={variant: shortened(recipe) for variant, recipe in experiment.variants.items()},
        starts=tuple(shortened(recipe) for recipe in experiment.starts),
    )
