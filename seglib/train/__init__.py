"""Training: one loop for all networks, and the recipes of the papers and of the book.

`train(RECIPES["unet_scenes"])` trains here and now; `python -m seglib.train unet_scenes` does it from a terminal, and
`accelerate launch -m seglib.train unet_scenes` on all GPUs that there are.
"""

from seglib.train.checkpoint import CheckpointError
from seglib.train.initialise import initialise
from seglib.train.loop import Trained, train
from seglib.train.loss import targets_for
from seglib.train.optimiser import learning_rate
from seglib.train.papers import PAPER_RECIPES
from seglib.train.recipe import Recipe
from seglib.train.scenes import SCENES

RECIPES: dict[str, Recipe] = {**PAPER_RECIPES, **SCENES}

__all__ = [
    "RECIPES",
    "CheckpointError",
    "Recipe",
    "Trained",
    "initialise",
    "learning_rate",
    "targets_for",
    "train",
]
