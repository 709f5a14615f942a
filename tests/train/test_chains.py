"""What recipes start from: their order, and the hash of all that goes into a network."""

from seglib.train import SCENES
from seglib.train.chains import in_order, recipe_hash
from tests.train.tiny import scenes_recipe as tiny

LAST, FIRST = tiny("last", start="first"), tiny("first", steps=3)
KNOWN = {"last": LAST, "first": FIRST}


def test_hash_knows_what_it_starts_from_but_not_the_words():
    before = recipe_hash("last", KNOWN)
    words = LAST.replace(source="elsewhere", deviations="none")
    assert recipe_hash("last", KNOWN | {"last": words}) == before
    first = FIRST.replace(steps=5)
    assert recipe_hash("last", KNOWN | {"first": first}) != before


def test_order_puts_each_after_what_it_starts_from():
    recipes = {
        "c": tiny("c", start="b"),
        "d": tiny("d"),
        "b": tiny("b", start="a"),
        "a": tiny("a", start="he"),
    }
    assert in_order(["c", "d", "b", "a"], recipes) == ["a", "b", "c", "d"]
    assert in_order(["c"], recipes) == ["a", "b", "c"]
    assert in_order(["c"], recipes, there=lambda name: name == "b") == ["c"]
    assert in_order(["b", "c"], recipes, there=lambda name: True) == ["b", "c"]


def test_order_of_the_book_s_own():
    order = in_order(list(SCENES), SCENES)
    assert sorted(order) == sorted(SCENES)
    for name, recipe in SCENES.items():
        assert recipe.start not in SCENES or order.index(recipe.start) < order.index(name)
