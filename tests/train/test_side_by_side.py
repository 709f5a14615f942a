"""Tasks are Python's own functions here: a new process has nothing else to import for them."""

import multiprocessing
import os
import time
from functools import partial
from pathlib import Path

from seglib.train.side_by_side import in_processes


def test_order_results_and_failures(tmp_path):
    tasks = {
        "inner": partial(Path.mkdir, tmp_path / "outer" / "inner"),  # fails unless outer is there
        "outer": partial(Path.mkdir, tmp_path / "outer"),
        "other": partial(Path.mkdir, tmp_path / "outer" / "other"),
        "wrong": partial(int, "two"),
        "after wrong": partial(Path.mkdir, tmp_path / "never"),
        "killed": partial(os._exit, 9),
        "after that": partial(Path.mkdir, tmp_path / "never"),
        "right": partial(int, "2"),
    }
    after = {"inner": "outer", "other": "outer", "after wrong": "wrong", "after that": "after wrong"}
    found = {name: (result, error) for name, result, error in in_processes(tasks, after, jobs=2)}
    assert found == {
        "outer": (None, None),
        "inner": (None, None),
        "other": (None, None),
        "wrong": (None, "ValueError: invalid literal for int() with base 10: 'two'"),
        "after wrong": (None, "wrong, which it starts from, failed"),
        "after that": (None, "after wrong, which it starts from, failed"),
        "killed": (None, "its process was killed; was there enough memory?"),
        "right": (2, None),
    }
    assert (tmp_path / "outer" / "inner").is_dir()
    assert not (tmp_path / "never").exists()


def test_what_runs_is_ended_with_the_command():
    running = in_processes({"quick": partial(int, "2"), "slow": partial(time.sleep, 60)}, {}, jobs=2)
    assert next(running) == ("quick", 2, None)
    slow = [process for process in multiprocessing.active_children() if process.name == "slow"]
    assert len(slow) == 1
    running.close()
    assert not slow[0].is_alive()
