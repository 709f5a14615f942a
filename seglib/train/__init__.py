"""Training: one loop for all networks, and the recipes of the papers and of the book.

`train(RECIPES["vgg16_one_shape"])` trains here and now; `python -m seglib.train vgg16_one_shape` does it from a
terminal, and `accelerate launch -m seglib.train vgg16_one_shape` on all GPUs that there are. A recipe that starts from
another one, as `unet_scenes` does, wants that one trained first: `python -m seglib.weights unet_scenes` trains all.
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
