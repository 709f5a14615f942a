"""The results in the package are those of today's recipes, with a control and three seeds or more."""

import pytest
import torch

from seglib import experiments
from seglib.experiments import EXPERIMENTS, Result
from seglib.experiments.result import LEAST_SEEDS
from seglib.train.chains import recipe_hash


def test_every_experiment_has_its_result_and_there_is_nothing_else():
    assert {f"{name}.json" for name in EXPERIMENTS} == {file.name for file in experiments.RESULTS.iterdir()}


@pytest.mark.parametrize("name", EXPERIMENTS)
class TestResult:
    @pytest.fixture
    def result(self, name) -> Result:
        return experiments.load(name)

    def test_is_of_today_s_recipes(self, name, result):
        known = EXPERIMENTS[name].recipes()
        stated = {each: entry["sha256"] for each, entry in result.values["recipes"].items()}
        today = {each: recipe_hash(each, known) for each in known}
        assert stated == today, f"a recipe has changed: python -m seglib.experiments {name}"
        named = {variant: recipe.name for variant, recipe in EXPERIMENTS[name].variants.items()}
        assert result.values["recipe_of"] == named, f"python -m seglib.experiments {name}"

    def test_has_three_seeds_and_a_control(self, name, result):
        assert len(set(result.seeds)) >= LEAST_SEEDS
        assert result.control in (*result.variants, *result.references)
        for variant in result.variants:
            assert len(result.per_seed(variant, result.claim)) == len(result.seeds)
            assert result.per_seed(variant, result.claim).std() >= 0  # numbers, all of them
        pairs = [(each["variant"], each["against"]) for each in result.values["differences"]]
        assert pairs == list(EXPERIMENTS[name].pairs), f"python -m seglib.experiments {name}"

    def test_is_no_quick_one(self, result):
        assert result.values["scenes"] == experiments.SCENES

    def test_prints_and_draws(self, name, result):
        assert result.differences
        assert str(result).startswith(f"{name}: ")
        EXPERIMENTS[name].plot(result).canvas.draw()

    def test_mean_and_spread_are_those_of_the_seeds(self, result):
        for variant in result.variants:
            values = torch.tensor(result.per_seed(variant, result.claim))
            stated = result.values["variants"][variant]
            assert stated["mean"][result.claim] == pytest.approx(values.mean().item(), abs=2e-6)
            assert stated["standard_deviation"][result.claim] == pytest.approx(values.std().item(), abs=2e-6)
