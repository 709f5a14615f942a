"""`python -m seglib.train`: what it runs, resumes and refuses."""

import json
import re

import pytest

import seglib.train.__main__
from seglib import data
from seglib.train import RECIPES, checkpoint
from seglib.train.__main__ import main
from seglib.train.recipe import STARTS
from tests.train.tiny import RECIPE, Blocks
from tools import ROOT

LOAD = data.load  # itself, which the tests below replace


@pytest.fixture(autouse=True)
def tiny(monkeypatch, tmp_path):
    monkeypatch.setitem(RECIPES, "tiny", RECIPE)
    monkeypatch.setattr("seglib.data.load", lambda name, split, **options: Blocks(**options))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_list_names_every_recipe(capsys):
    assert main(["--list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[1:]] == list(RECIPES)
    assert next(line for line in lines if line.startswith("fcn16s_voc")).split() == [
        "fcn16s_voc", "fcn16s", "voc", "100,000", "1", "fcn32s_voc",
    ]  # fmt: skip


def test_a_run_writes_its_folder_and_says_where(tiny, capsys):
    assert main(["tiny", "--seed", "7", "--steps", "3"]) == 0
    folder = tiny / "runs" / "tiny-7"
    assert len(json.loads((folder / checkpoint.LOG).read_text())) == 3
    assert str(checkpoint.MODEL) in capsys.readouterr().out
    facts = json.loads((folder / checkpoint.RECIPE).read_text())
    assert (facts["seed"], facts["recipe"]["steps"]) == (7, 3)


def test_options_change_the_recipe(tiny):
    arguments = ["tiny", "--folder", "here", "--steps", "2", "--batch-size", "1", "--width", "0.03125"]
    sets = ["learning_rate=1e-4", "crop=(16, 24)", "flip=True", "class_weights=[1, 2, 3]", "optimiser=sgd", "clip=None"]
    for assignment in [*sets, "data_options={'samples': 4}", "source=12"]:
        arguments += ["--set", assignment]
    assert main(arguments) == 0
    facts = json.loads((tiny / "here" / checkpoint.RECIPE).read_text())
    recipe = RECIPE.from_dict(facts["recipe"])
    assert recipe == RECIPE.replace(
        steps=2,
        batch_size=1,
        options=RECIPE.options | {"width": 1 / 32},
        learning_rate=1e-4,
        crop=(16, 24),
        flip=True,
        class_weights=(1, 2, 3),
        optimiser="sgd",
        data_options={"samples": 4},
        source="12",
    )
    assert facts["samples"] == 4


def test_the_root_of_the_data_is_passed_on(tiny, monkeypatch):
    asked = {}
    monkeypatch.setattr("seglib.data.load", lambda name, split, **options: asked.update(options) or Blocks())
    assert main(["tiny", "--steps", "1", "--data-root", "pictures"]) == 0
    assert asked == {"root": "pictures"}
    # Fetching them is not another run.
    assert main(["tiny", "--steps", "1", "--data-root", "pictures", "--download"]) == 0
    assert asked == {"root": "pictures", "download": True}


def test_a_second_run_resumes_unless_told_not_to(tiny, capsys):
    assert main(["tiny", "--steps", "2", "--folder", "here"]) == 0
    first = (tiny / "here" / checkpoint.LOG).read_text()
    assert main(["tiny", "--steps", "2", "--folder", "here"]) == 0
    assert (tiny / "here" / checkpoint.LOG).read_text() == first
    assert main(["tiny", "--steps", "3", "--folder", "here"]) == 2
    assert "recipe.steps was 2 and is 3" in capsys.readouterr().err
    assert main(["tiny", "--steps", "3", "--folder", "here", "--no-resume"]) == 0
    assert len(json.loads((tiny / "here" / checkpoint.LOG).read_text())) == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["fcn8s_vok"], "there is no recipe 'fcn8s_vok'; did you mean 'fcn8s_voc'?"),
        (["tiny", "--set", "steps"], "--set steps: write field=value"),
        (["tiny", "--set", "stepz=3"], "a recipe has no field 'stepz'; did you mean 'steps'?"),
        (["tiny", "--set", "steps=many"], "steps must be a whole number"),
        (["tiny", "--set", "steps=0"], "steps=0 must be 1 or more"),
        (["tiny", "--set", "optimiser=lamb"], 'optimiser must be "sgd" or "adam" or "rmsprop"'),
        (["tiny", "--set", "crop=5"], "crop must be 2 whole numbers in a tuple or None"),
        (["tiny", "--set", "schedule=step"], "period=None must be a number of steps"),
        (["tiny", "--set", "network=fcn9s"], "there is no network 'fcn9s'"),
        (["tiny", "--set", "options={'depth': 3}"], "its options are"),
        (["tiny", "--set", "data_options={'samplez': 3}"], "samplez"),
        (["tiny", "--set", "start=fcn16s_tiny"], "run `python -m seglib.train fcn16s_tiny --seed 0` first"),
        (["tiny", "--weights", "nowhere", "--set", "start=a"], "there is no nowhere/model.safetensors"),
        (["tiny", "--weights", "nowhere"], "would not use the weights that are given: leave weights= (--weights) out"),
        (["tiny", "--set", "network=nope:foo"], "network='nope:foo' must be package.module:function"),
        (["tiny", "--set", "learning_rate=1e999"], "learning_rate=inf must be finite"),
        (["tiny", "--every", "0"], "every=0 must be 1 step or more"),
    ],
)
def test_wrong_input_is_one_sentence(arguments, message, capsys):
    assert main(arguments) == 2
    written = capsys.readouterr().err
    assert written.startswith("error: ")
    assert message in written
    assert len(written.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["fcn32s_voc"], "voc needs root= (--data-root FOLDER)"),
        (["segnet_camvid", "--download"], "camvid needs root= (--data-root FOLDER)"),
        (["vgg16_one_shape", "--data-root", "x"], "one_shape has no option root= (--data-root); its options are"),
    ],
)
def test_a_data_set_gets_a_folder_if_it_has_files_and_only_then(arguments, message, monkeypatch, capsys):
    monkeypatch.setattr("seglib.data.load", LOAD)
    assert main(arguments) == 2
    assert capsys.readouterr().err.startswith(f"error: {message}")


@pytest.mark.parametrize(
    "text", [seglib.train.__doc__, seglib.train.__main__.__doc__, (ROOT / "README.md").read_text(encoding="utf-8")]
)
def test_recipes_of_the_documentation_can_start(text):
    commands = re.findall(r"seglib\.train (\w+)(.*)|RECIPES\[\"(\w+)\"\]", text)
    assert commands
    for shell, options, python in commands:
        recipe = RECIPES[shell or python]
        assert recipe.start in STARTS
        assert ("--data-root" in options) == (recipe.data in ("camvid", "voc", "pets"))


def test_a_loss_that_is_not_finite_is_one_sentence(capsys):
    arguments = ["tiny", "--set", "data_options={'broken': 1}", "--set", "batch_size=7"]
    assert main(arguments) == 1
    assert "error: tiny: the loss of step 1 is nan" in capsys.readouterr().err


def test_a_download_that_fails_is_one_sentence_and_a_mistake_is_none(monkeypatch, capsys):
    def offline(*_, **__):
        raise RuntimeError("weights could not be downloaded") from OSError("no route to host")

    monkeypatch.setattr("seglib.data.load", offline)
    assert main(["tiny"]) == 1
    assert "could not be downloaded" in capsys.readouterr().err

    def mistake(*_, **__):
        raise RuntimeError("a bug")

    monkeypatch.setattr("seglib.data.load", mistake)
    with pytest.raises(RuntimeError, match="a bug"):
        main(["tiny"])


def test_no_recipe_is_a_question(capsys):
    with pytest.raises(SystemExit) as error:
        main([])
    assert error.value.code == 2
    assert "--list shows them" in capsys.readouterr().err


def test_an_interruption_says_how_to_go_on(monkeypatch, capsys):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("seglib.data.load", interrupt)
    assert main(["tiny"]) == 130
    assert "goes on from the last checkpoint" in capsys.readouterr().err
