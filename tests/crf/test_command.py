"""`python -m seglib.crf`."""

import re
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from seglib.crf.__main__ import main

VALUES = (3, 200)


@pytest.fixture
def files(tmp_path):
    """A picture of two halves, and labels with noise."""
    image = np.zeros((20, 30, 3), np.uint8)
    image[:, 15:] = 200
    truth = np.where(image[..., 0] > 0, VALUES[1], VALUES[0]).astype(np.uint8)
    noisy = np.where(np.random.default_rng(0).random(truth.shape) < 0.15, sum(VALUES) - truth, truth).astype(np.uint8)
    Image.fromarray(image).save(tmp_path / "image.png")
    Image.fromarray(noisy).save(tmp_path / "labels.png")
    return tmp_path, truth, noisy


def read(path):
    with Image.open(path) as picture:
        picture.load()
    return picture


def run(folder, *more, image="image.png", labels="labels.png", output="out.png"):
    return main([str(folder / image), str(folder / labels), "-o", str(folder / output), *map(str, more)])


def test_noise_goes(files, capsys):
    folder, truth, noisy = files
    assert run(folder, "--picture", folder / "both.png", "--device", "cpu") == 0
    refined = np.asarray(read(folder / "out.png"))
    assert (refined == truth).mean() > 0.99 > (noisy == truth).mean()
    assert read(folder / "both.png").size == (90, 20)
    captured = capsys.readouterr()
    assert "2 labels" in captured.out
    assert "mean field" in captured.err
    assert sorted(path.name for path in folder.iterdir()) == ["both.png", "image.png", "labels.png", "out.png"]


def test_palette_and_unknown_pixels(files):
    folder, truth, noisy = files
    noisy = noisy.copy()
    noisy[5:9, 3:8] = 255
    picture = Image.fromarray(noisy)
    picture.putpalette([i for value in range(256) for i in (value, 0, 255 - value)])
    picture.save(folder / "labels.png")
    assert run(folder, "--ignore", 255, "--quiet", "--device", "cpu", "--normalization", "after") == 0
    result = read(folder / "out.png")
    assert result.mode == "P"
    assert result.getpalette()[:6] == [0, 0, 255, 1, 0, 254]
    assert set(np.unique(np.asarray(result))) <= set(VALUES)
    assert (np.asarray(result) == truth).mean() > 0.99


def test_no_iterations_and_no_terms_change_nothing(files):
    folder, _, noisy = files
    assert run(folder, "--iterations", 0, "--quiet", "--device", "cpu") == 0
    assert np.array_equal(np.asarray(read(folder / "out.png")), noisy)
    assert run(folder, "--no-gaussian", "--no-bilateral", "--quiet", "--device", "cpu") == 0
    assert np.array_equal(np.asarray(read(folder / "out.png")), noisy)


def broken(folder):
    data = (folder / "image.png").read_bytes()
    (folder / "image.png").write_bytes(data[: len(data) // 2])


def text(folder):
    (folder / "labels.png").write_text("not a picture")


def other_size(folder):
    Image.new("L", (20, 30)).save(folder / "labels.png")


def colours(folder):
    Image.new("RGB", (30, 20)).save(folder / "labels.png")


def one_label(folder):
    Image.new("L", (30, 20)).save(folder / "labels.png")


@pytest.mark.parametrize(
    ("spoil", "more", "names", "message"),
    [
        (None, (), {"image": "none.png"}, "none.png does not exist"),
        (None, (), {"labels": "."}, "is a folder"),
        (None, (), {"output": "out.jpg"}, "name the result .png"),
        (None, (), {"output": "no/where.png"}, "make it first"),
        (None, ("--gt-prob", 1), {}, "gt-prob 1.0"),
        (None, ("--iterations", -1), {}, "iterations -1"),
        (None, ("--gaussian", 3, 0), {}, "gaussian sigma is 0"),
        (None, ("--device", "abacus"), {}, "--device abacus"),
        (None, ("--picture", "both.zip"), {}, "both.zip"),
        (broken, (), {}, "cannot be read as a picture"),
        (text, (), {}, "cannot be read as a picture"),
        (other_size, (), {}, "20 x 30 and .* 30 x 20"),
        (colours, (), {}, "mode RGB"),
        (one_label, (), {}, "1 labels"),
    ],
)
def test_mistakes_are_named_and_leave_nothing_behind(files, capsys, spoil, more, names, message):
    folder = files[0]
    if spoil:
        spoil(folder)
    if "--device" not in more:
        more = (*more, "--device", "cpu")
    before = {path.name for path in folder.iterdir()}
    assert run(folder, "--quiet", *more, **names) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert re.search(message, error)
    assert {path.name for path in folder.iterdir()} == before
    assert not (folder / "out.png").exists()


def test_module_runs(files):
    folder = files[0]
    command = [sys.executable, "-m", "seglib.crf", str(folder / "gone.png"), str(folder / "labels.png")]
    result = subprocess.run([*command, "-o", str(folder / "out.png")], capture_output=True, text=True, check=False)
    assert result.returncode == 2
    assert "gone.png does not exist" in result.stderr
