"""Two processes on gloo do what one does with twice the batch."""

import json
import os
import subprocess
import sys

import pytest
import torch

from seglib.train import checkpoint, train
from tests.train.tiny import RECIPE, Blocks

# Without dropout, whose masks are each process's own. Sample i lacks i/10 of its labels, so the processes differ in how
# many they have: the mean of their means would not be the mean.
COMMON = {"dropout": 0.0, "steps": 8, "learning_rate": 0.01}
JOBS = {
    "mean": {"optimiser": "sgd", "class_weights": [0.2, 1.0, 3.0], "flip": True},
    "sum": {"optimiser": "sgd", "loss": "sum", "learning_rate": 1e-6, "momentum": 0.99, "crop": [24, 24]},
    "unlabelled": {"optimiser": "sgd", "clip": 0.3},
    "broken": {"optimiser": "sgd"},
}
DATA = {"unlabelled": {"samples": 12}, "broken": {"broken": 2}}  # samples 11 and 12 have no label left


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    folder = tmp_path_factory.mktemp("two")
    jobs = [json.dumps({"recipe": COMMON | JOBS[name], "dataset": DATA.get(name, {})}) for name in JOBS]
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    environment = os.environ | {"ACCELERATE_USE_CPU": "true", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [*launch, "-m", "tests.train.command", str(folder), *jobs],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.parametrize("name", ["mean", "sum", "unlabelled"])
def test_two_processes_equal_one_with_twice_the_batch(two, name):
    folder = two / str(list(JOBS).index(name))
    log = json.loads((folder / checkpoint.LOG).read_text())
    weights = checkpoint.load_model(folder / checkpoint.MODEL)
    assert json.loads((folder / checkpoint.RECIPE).read_text())["processes"] == 2

    recipe = RECIPE.replace(**(COMMON | JOBS[name]), batch_size=2 * RECIPE.batch_size)
    options = {"seed": 3, "dataset": Blocks(**DATA.get(name, {})), "progress": False}
    one = train(recipe, **options)
    assert [entry["step"] for entry in log] == [entry["step"] for entry in one.history]
    assert [entry["loss"] for entry in log] == pytest.approx([entry["loss"] for entry in one.history], rel=2e-5)
    for key, tensor in one.model.state_dict().items():
        torch.testing.assert_close(
            weights[key], tensor, rtol=1e-3, atol=2e-5, msg=lambda text, key=key: f"{key}: {text}"
        )

    # It learns something, and half the batch is something else: else the agreement would mean little.
    half = train(recipe.replace(batch_size=RECIPE.batch_size), **options)
    assert abs(half.history[-1]["loss"] / one.history[-1]["loss"] - 1) > 1e-3


def test_a_loss_that_is_not_finite_names_the_samples_of_all_processes(two):
    message = (two / f"{list(JOBS).index('broken')}.error").read_text()
    recipe = RECIPE.replace(**(COMMON | JOBS["broken"]), batch_size=2 * RECIPE.batch_size)
    with pytest.raises(FloatingPointError) as error:
        train(recipe, seed=3, dataset=Blocks(broken=2), progress=False)
    assert message == str(error.value)
