"""An experiment of seconds, and results that nobody measured."""

from itertools import count

import numpy as np
from matplotlib.figure import Figure

from seglib.experiments import Experiment, Result
from seglib.experiments.experiment import Axis
from seglib.experiments.measures import plain
from seglib.experiments.result import compile_result
from seglib.train import Recipe, Trained
from tests.train.tiny import scenes_recipe


def recipe(name: str, **changes) -> Recipe:
    return scenes_recipe(name, **({"data_options": {"size": 32, "length": 8}, "steps": 3} | changes))


def measure(trained: Trained, scenes: int) -> dict:
    weight = trained.model.conv_u0d_score.weight.abs().sum().item()
    return {"score": weight, "curve": [weight, float("nan"), float(scenes)]}


def experiment(**changes) -> Experiment:
    values = {
        "name": "tiny",
        "question": "Does it run?",
        "varies": "the learning rate",
        "equal": "all else",
        "control": "slow",
        "reason": "it learns as the other does",
        "measured": "on nothing",
        "claim": "score",
        "variants": {
            "slow": recipe("slow", start="first"),
            "fast": recipe("fast", start="first", learning_rate=1e-1),
        },
        "starts": (recipe("first"),),
        "measure": measure,
        "plot": lambda result: Figure(),
        "axes": {"curve": Axis("place", (0.0, 1.0, 2.0))},
    }
    return Experiment(**(values | changes))


LENGTHS = {
    **{"iou_by_size": 5, "missed_by_size": 5, "trimap_iou": 6, "loss": 10},
    **{"class_iou": 11, "class_accuracy": 11},
    **{"accuracy_by_distance": 24, "iou_by_iteration": 11, "chosen": 5, "curve": 3},
}
NUMBERS = {
    "far_cue": ("reach", "accuracy", "accuracy_without_mark", "theoretical_reach", "effective_reach"),
    "class_balance": ("pixel_accuracy", "mean_accuracy", "mean_iou"),
    "tiny": ("score",),
}


def synthetic(experiment: Experiment, *, seeds: int = 3, references: bool = True) -> Result:
    """A result with made-up numbers, some of them missing, in the form of real ones."""
    random = np.random.default_rng(0)
    numbers = NUMBERS.get(experiment.name, ("mean_iou", "pixel_accuracy", "boundary_f1", "object_iou", "named_right"))
    columns = count()

    def measures() -> dict:
        found = {name: random.random() for name in numbers}
        for name in experiment.axes:
            curve = random.random(LENGTHS[name])
            curve[0] = np.nan if next(columns) % 7 == 0 else curve[0]
            found[name] = curve.tolist()
        return plain(found)

    return compile_result(
        experiment,
        seeds=range(seeds),
        measured={variant: [measures() for _ in range(seeds)] for variant in experiment.variants},
        references=experiment.references(2) if references and experiment.references else {},
        costs=experiment.costs(experiment.variants) if experiment.costs else {},
        about={"recipes": {}, "torch": "0"},
    )
