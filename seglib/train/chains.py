"""Recipes that start from one another: in what order they are trained, and a hash of all that went into a network."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence

from seglib.train.recipe import Recipe

# What a recipe says for its readers; another wording needs no new training.
WORDS = ("source", "deviations")


def recipe_hash(name: str, recipes: Mapping[str, Recipe]) -> str:
    """Hash of all that a recipe computes, with what it starts from; the words for its readers are not in it."""
    recipe = recipes[name]
    values = {field: value for field, value in recipe.to_dict().items() if field not in WORDS}
    start = recipe_hash(recipe.start, recipes) if recipe.start in recipes else None
    return hashlib.sha256(json.dumps([values, start], sort_keys=True).encode()).hexdigest()


def in_order(
    names: Sequence[str], recipes: Mapping[str, Recipe], there: Callable[[str], bool] = lambda name: False
) -> list[str]:
    """The names, each after what it starts from, which comes in too unless it is `there` already."""
    order: list[str] = []

    def add(name: str) -> None:
        if name in order:
            return
        start = recipes[name].start
        if start in recipes and (start in names or not there(start)):
            add(start)
        order.append(name)

    for name in names:
        add(name)
    return order
