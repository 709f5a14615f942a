"""What is said of a name that is not known, by all that take names."""

import pytest

from seglib import data, experiments, models, pretrained
from seglib.names import did_you_mean
from seglib.train import Recipe
from seglib.train.__main__ import main
from seglib.weights import make
from seglib.widgets import ArchitectureViewer


def test_the_name_that_looks_most_like_it_is_proposed():
    assert did_you_mean("fcn_8s", ["unet", "fcn8s"]) == "; did you mean 'fcn8s'?"


@pytest.mark.parametrize("name", ["", "zzz", None, 8])
def test_without_one_the_sentence_ends(name):
    assert did_you_mean(name, ["unet", "fcn8s"]) == "."


@pytest.mark.parametrize(
    ("ask", "sentences"),
    [
        (lambda: models.create(None, num_classes=2), "there is no network None. There are fcn32s, "),
        (lambda: models.describe("zzz"), "there is no network 'zzz'. There are fcn32s, "),
        (lambda: pretrained.segment("x.jpg", "zzz"), "no network 'zzz' for segmentation. There are "),
        (lambda: data.load("zzz"), "there is no data set 'zzz'. There are scenes, "),
        (lambda: experiments.experiment("zzz"), "there is no experiment 'zzz'. There are object_size, "),
        (lambda: Recipe.from_dict({"zzz": 1}), "a recipe has no field 'zzz'. Its fields are name, "),
        (lambda: ArchitectureViewer("zzz"), "there is no network 'zzz'. There are fcn32s, "),
    ],
)
def test_what_there_is_follows_in_a_sentence_of_its_own(ask, sentences):
    with pytest.raises(ValueError) as error:  # noqa: PT011
        ask()
    assert sentences in str(error.value)


def test_so_it_does_at_the_commands(capsys):
    assert main(["zzz"]) == 2
    assert "there is no recipe 'zzz'. --list shows them all" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        make.main(["zzz"])
    assert "there is no recipe 'zzz'. There are vgg16_one_shape, " in capsys.readouterr().err
