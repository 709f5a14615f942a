"""Networks are trained once and found again, failures are named and leave what was done."""

import shutil

import pytest
import torch

from seglib import experiments, train
from seglib.experiments import FailedError, runs
from seglib.experiments.runs import here, is_trained, load, place
from tests.experiments.tiny import experiment, measure, recipe


class Count:
    """Counts trainings, and lets them be."""

    def __init__(self, monkeypatch):
        self.names = []

        def counted(chosen, **options):
            self.names.append((chosen.name, options["seed"]))
            return train.train(chosen, **options)

        monkeypatch.setattr(runs, "train", counted)


def run(folder, chosen=None, seeds=(0, 1, 2), **options):
    return experiments.run(chosen or experiment(), seeds, jobs=1, folder=folder, **options)


def test_trains_each_once_with_its_start_and_finds_it_again(tmp_path, monkeypatch):
    count = Count(monkeypatch)
    first = run(tmp_path)
    assert sorted(count.names) == [(name, seed) for name in ("fast", "first", "slow") for seed in (0, 1, 2)]
    for seed in (0, 1, 2):
        assert count.names.index(("first", seed)) < count.names.index(("fast", seed))
    assert not list(tmp_path.glob("*/checkpoint.pt"))
    count.names.clear()
    assert run(tmp_path).values == first.values
    assert count.names == []
    # Another experiment with one recipe more trains that one only; a fourth seed is trained alone.
    more = experiment(variants=experiment().variants | {"faster": recipe("faster", start="first", learning_rate=0.5)})
    run(tmp_path, more)
    assert sorted(count.names) == [("faster", 0), ("faster", 1), ("faster", 2)]
    count.names.clear()
    run(tmp_path, seeds=(0, 1, 2, 3))
    assert sorted(count.names) == [("fast", 3), ("first", 3), ("slow", 3)]


def test_a_changed_start_is_another_network(tmp_path, monkeypatch):
    count = Count(monkeypatch)
    run(tmp_path)
    count.names.clear()
    run(tmp_path, experiment(starts=(recipe("first", steps=2),)))
    assert len(count.names) == 9


def test_a_start_that_was_removed_is_not_needed_again(tmp_path, monkeypatch):
    count = Count(monkeypatch)
    run(tmp_path)
    for folder in tmp_path.glob("first-*"):
        shutil.rmtree(folder)
    count.names.clear()
    run(tmp_path)
    assert count.names == []


def test_variants_start_from_what_the_start_has_learned(tmp_path):
    run(tmp_path)
    recipes = experiment().recipes()
    first, slow = (load(recipes[n], 1, place(n, 1, recipes, tmp_path)).model.state_dict() for n in ("first", "slow"))
    other = load(recipes["slow"], 2, place("slow", 2, recipes, tmp_path)).model.state_dict()
    key = "d0.conv_d0a_b.weight"
    assert (first[key] - slow[key]).abs().max() < 0.01 < (first[key] - other[key]).abs().max()


def test_loaded_network_is_the_trained_one(tmp_path):
    chosen = recipe(
        "normalised",
        network="deeplab_v1_largefov",
        options={"width": 0.05, "upsample": False},
        batch_norm=True,
        data_options={"size": 33, "length": 8},
    )
    folder = tmp_path / "normalised-0"
    trained = train.train(chosen, folder=folder, progress=False)
    found = load(chosen, 0, folder)
    images = torch.rand(2, 3, 33, 33)
    with torch.no_grad():
        assert torch.equal(found.model(images), trained.model.eval()(images))
    assert found.model(images).shape == (2, 5, 33, 33)
    assert not found.model.training
    assert [entry["loss"] for entry in found.history] == [entry["loss"] for entry in trained.history]


def test_failed_training_is_named_and_the_rest_is_kept(tmp_path, monkeypatch, capsys):
    broken = experiment(
        variants=experiment().variants | {"broken": recipe("broken", start="first", class_weights=(1.0,))}
    )
    with pytest.raises(
        FailedError, match=r"tiny: broken, seed 0: ValueError: recipe 'broken' has 1 class_weights.*kept"
    ):
        run(tmp_path, broken, seeds=(0, 1, 2))
    assert "tiny: broken, seed 0: failed: broken, seed 0, which it comes after, failed" in capsys.readouterr().err
    count = Count(monkeypatch)
    run(tmp_path)
    assert count.names == []


def test_killed_training_goes_on(tmp_path, monkeypatch):
    """The checkpoint of the second step is what the next run begins with."""
    steps = []

    class Killed(BaseException):
        pass

    def until_two(self, entry):
        steps.append(entry["step"])
        if entry["step"] == 2 and len(steps) == 2:
            raise Killed

    monkeypatch.setattr(runs.Lines, "__call__", until_two)
    with pytest.raises(Killed):
        run(tmp_path)
    assert not any(is_trained(folder) for folder in tmp_path.iterdir())
    run(tmp_path)
    assert steps[:3] == [1, 2, 3]


def test_measures_are_of_each_variant_and_seed(tmp_path):
    found = run(tmp_path)
    recipes = experiment().recipes()
    for seed in (0, 1, 2):
        trained = load(recipes["fast"], seed, place("fast", seed, recipes, tmp_path))
        expected = measure(trained, experiments.SCENES)
        assert found.per_seed("fast", "score")[seed] == pytest.approx(expected["score"], abs=1e-6)
    assert found.values["recipes"].keys() == {"first", "slow", "fast"}
    assert found.values["recipe_of"] == {"slow": "slow", "fast": "fast"}
    assert found.values["training_seconds"] > 0


def test_one_variant_can_be_measured_in_its_own_way(tmp_path):
    by_hand = {"slow": measure, "fast": twice}
    plain, doubled = run(tmp_path), run(tmp_path, experiment(measure=by_hand))
    assert doubled.mean("slow", "score") == plain.mean("slow", "score")
    assert doubled.mean("fast", "score") == pytest.approx(2 * plain.mean("fast", "score"), abs=1e-5)


def twice(trained, scenes):
    return measure(trained, scenes) | {"score": 2 * measure(trained, scenes)["score"]}


def test_processes_give_the_same_as_one(tmp_path):
    chosen = experiment(variants={"slow": recipe("slow")}, starts=(), control="slow")
    alone = runs.carry_out(chosen, [0], jobs=1, folder=tmp_path / "one", scenes=3)
    together = runs.carry_out(chosen, [0], jobs=2, folder=tmp_path / "two", scenes=3)
    assert alone == together


def test_here_keeps_the_order_and_says_what_failed():
    tasks = {"c": lambda: 3, "b": lambda: 1 / 0, "a": lambda: 1, "d": lambda: 4}
    found = list(here(tasks, {"c": "b", "b": "a"}))
    assert found == [
        ("a", 1, None),
        ("b", None, "ZeroDivisionError: division by zero"),
        ("c", None, "b, which it comes after, failed"),
        ("d", 4, None),
    ]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"seeds": (0, 1)}, r"seeds=\(0, 1\): an experiment takes 3 or more"),
        ({"seeds": (0, 1, 1)}, "must differ"),
        ({"seeds": (0, 1, -1)}, "0 or more"),
        ({"jobs": 0}, "jobs=0 must be 1 or more"),
        ({"name": "skip"}, r"there is no experiment 'skip'; did you mean 'skips'\? There are object_size, skips"),
    ],
)
def test_bad_input_is_refused_before_anything_is_trained(tmp_path, options, message):
    with pytest.raises(ValueError, match=message):
        experiments.run(**({"name": "skips", "folder": tmp_path / "none"} | options))
    assert not (tmp_path / "none").exists()


def test_pairs_name_variants():
    with pytest.raises(ValueError, match="tiny: pairs= names fats, which is no variant"):
        experiment(pairs=(("fats", "slow"),))
