"""A run that is killed, again and again, ends as one that is not."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from seglib.train import CheckpointError, Recipe, checkpoint, train
from tests.train.tiny import RECIPE, Blocks, sha256, without_seconds


def run_and_wait(folder: Path, job: dict) -> int:
    command = [sys.executable, "-m", "tests.train.command", str(folder), json.dumps(job)]
    return subprocess.run(command, check=False, timeout=600).returncode


def test_a_killed_run_resumes_bit_for_bit(tmp_path):
    # Order, augmentation, dropout, averages and schedule all have to go on where they were.
    job = {"recipe": {"steps": 12, "flip": True, "crop": [24, 24], "schedule": "poly"}, "dataset": {}}
    killed = tmp_path / "killed" / "0"
    # Each checkpoint flushes the file and its folder: at the third time, step 8's is written and not in its place.
    assert run_and_wait(killed.parent, job | {"die": ["write", 3]}) == -signal.SIGKILL
    assert {path.name for path in killed.iterdir()} == {checkpoint.CHECKPOINT, f"{checkpoint.CHECKPOINT}.partial"}
    assert b'"step": 4' in (killed / checkpoint.CHECKPOINT).read_bytes()
    assert b'"step": 5' not in (killed / checkpoint.CHECKPOINT).read_bytes()
    assert run_and_wait(killed.parent, job) == 0

    recipe = RECIPE.replace(**job["recipe"])
    whole = train(recipe, seed=3, dataset=Blocks(), folder=tmp_path / "whole", every=4, progress=False)
    log = json.loads((killed / checkpoint.LOG).read_text())
    assert without_seconds(log) == without_seconds(whole.history)
    assert (killed / checkpoint.MODEL).read_bytes() == (tmp_path / "whole" / checkpoint.MODEL).read_bytes()
    files = {checkpoint.CHECKPOINT, checkpoint.LOG, checkpoint.MODEL, checkpoint.RECIPE}
    assert {path.name for path in killed.iterdir()} == files  # no unfinished one is left

    # Another seed is another run: without this, the comparison above would prove nothing.
    other = train(recipe, seed=4, dataset=Blocks(), progress=False)
    assert sha256(other.model) != sha256(whole.model)


def stopped(folder: Path, recipe: Recipe = RECIPE, *, at: int = 6, **options) -> None:
    """A run that is stopped after step `at`, with a checkpoint of every second step."""

    def stop(entry: dict) -> None:
        if entry["step"] == at:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(recipe, dataset=Blocks(), folder=folder, every=2, progress=False, on_step=stop, **options)


def test_a_finished_run_is_given_back_without_training(tmp_path):
    first = train(RECIPE, dataset=Blocks(), folder=tmp_path, progress=False)
    steps = []
    again = train(RECIPE, dataset=Blocks(), folder=tmp_path, progress=False, on_step=steps.append)
    assert steps == []
    assert sha256(again.model) == sha256(first.model)
    assert again.history == first.history


def test_resume_false_starts_again(tmp_path):
    stopped(tmp_path)
    steps = []
    train(RECIPE, dataset=Blocks(), folder=tmp_path, resume=False, progress=False, on_step=steps.append)
    assert [entry["step"] for entry in steps] == list(range(1, 11))


@pytest.mark.parametrize("precision", ["no", "bf16"])
@pytest.mark.parametrize("batch_norm", [False, True])
def test_resuming_equals_one_go_with_every_option(tmp_path, precision, batch_norm):
    recipe = RECIPE.replace(batch_norm=batch_norm)
    options = {"mixed_precision": precision, "channels_last": True}
    stopped(tmp_path, recipe, **options)
    resumed = train(recipe, dataset=Blocks(), folder=tmp_path, progress=False, **options)
    whole = train(recipe, dataset=Blocks(), progress=False, **options)
    assert without_seconds(resumed.history) == without_seconds(whole.history)
    assert sha256(resumed.model) == sha256(whole.model)


@pytest.mark.parametrize(
    ("changes", "options", "named"),
    [
        ({"learning_rate": 0.5}, {}, "recipe.learning_rate was 0.003 and is 0.5"),
        ({"options": RECIPE.options | {"fc_channels": 8}}, {}, "recipe.options.fc_channels was 32 and is 8"),
        ({}, {"seed": 9}, "seed was 0 and is 9"),
        ({}, {"mixed_precision": "bf16"}, "mixed_precision was 'no' and is 'bf16'"),
        ({}, {"dataset": Blocks(samples=6)}, "samples was 7 and is 6"),
    ],
)
def test_a_checkpoint_of_another_run_is_refused_and_kept(tmp_path, changes, options, named):
    stopped(tmp_path)
    before = (tmp_path / checkpoint.CHECKPOINT).read_bytes()
    with pytest.raises(CheckpointError) as error:
        train(RECIPE.replace(**changes), **({"dataset": Blocks()} | options), folder=tmp_path, progress=False)
    assert named in str(error.value)
    assert str(tmp_path / checkpoint.CHECKPOINT) in str(error.value)
    assert "resume=False" in str(error.value)
    assert (tmp_path / checkpoint.CHECKPOINT).read_bytes() == before


def test_a_stage_that_is_resumed_does_not_start_from_the_one_before_again(tmp_path):
    coarse = RECIPE.replace(name="coarse", network="fcn16s", batch_norm=True)
    fine = RECIPE.replace(name="fine", start="coarse", batch_norm=True)
    weights = train(coarse, dataset=Blocks(), progress=False).model.state_dict()
    stopped(tmp_path, fine, weights=weights)
    resumed = train(fine, dataset=Blocks(), folder=tmp_path, progress=False)  # the weights are not asked for
    whole = train(fine, dataset=Blocks(), progress=False, weights=weights)
    assert without_seconds(resumed.history) == without_seconds(whole.history)
    assert sha256(resumed.model) == sha256(whole.model)


def test_where_the_data_lie_does_not_make_another_run(tmp_path, monkeypatch):
    monkeypatch.setattr("seglib.data.load", lambda name, split, root: Blocks())
    first = train(RECIPE.replace(data_options={"root": "/here"}), folder=tmp_path, progress=False)
    again = train(RECIPE.replace(data_options={"root": "/there"}), folder=tmp_path, progress=False)
    assert again.history == first.history
    assert "/here" not in (tmp_path / checkpoint.RECIPE).read_text()
