"""Trains the tiny recipe in a process of its own, or in several; can kill itself as a power cut would.

    python -m tests.train.command FOLDER '{"recipe": {...}, "dataset": {...}, "die": ["step", 5]}' ...

Each job is trained into FOLDER/<its number>; an error's text goes to FOLDER/<its number>.error.
"""

import json
import os
import signal
import sys
import warnings
from pathlib import Path

import torch

from seglib.train import checkpoint, train
from tests.train.tiny import RECIPE, Blocks


def main() -> None:
    warnings.simplefilter("error")
    torch.set_num_threads(1)
    folder, *jobs = sys.argv[1:]
    for number, job in enumerate(map(json.loads, jobs)):
        run(Path(folder) / str(number), **job)


def run(folder: Path, *, recipe: dict, dataset: dict, die: tuple[str, int] | None = None, every: int = 4) -> None:
    def on_step(entry: dict) -> None:
        if die == ["step", entry["step"]]:
            os.kill(os.getpid(), signal.SIGKILL)

    if die and die[0] == "write":
        count, sync = 0, checkpoint.os.fsync

        def fsync(handle: int) -> None:
            nonlocal count
            sync(handle)
            count += 1
            if count == die[1]:  # the new file is complete and not yet in its place
                os.kill(os.getpid(), signal.SIGKILL)

        checkpoint.os.fsync = fsync
    recipe = RECIPE.from_dict(RECIPE.to_dict() | recipe)
    try:
        train(recipe, seed=3, dataset=Blocks(**dataset), folder=folder, every=every, progress=False, on_step=on_step)
    except FloatingPointError as error:
        if os.environ.get("RANK", "0") == "0":
            folder.with_suffix(".error").write_text(str(error))


if __name__ == "__main__":
    main()
