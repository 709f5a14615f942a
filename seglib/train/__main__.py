"""Train a recipe, and write its weights, recipe and log to a folder.

    python -m seglib.train --list
    python -m seglib.train vgg16_one_shape
    python -m seglib.train segnet_camvid --data-root ~/data --download --mixed-precision bf16
    accelerate launch --num_processes 2 -m seglib.train fcn32s_voc --data-root ~/data --download
    torchrun --nproc-per-node 2 -m seglib.train vgg16_one_shape

A recipe that starts from another one (START in the list) wants that one trained first, with the same seed, or its
weights; `python -m seglib.weights unet_scenes` trains a whole chain of the book's small recipes.

The same command goes on where it was interrupted. On GPUs accelerate and torchrun do the same; on CPUs accelerate
starts one process without MPI, and torchrun as many as you say.
"""

import argparse
import ast
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from seglib.names import did_you_mean
from seglib.train import RECIPES, Recipe, checkpoint, train
from seglib.train.recipe import describe_type, field_type


class _UserError(Exception):
    """Something that the user can mend, in one sentence."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code: 0, or 2 for input that is wrong, or 1 when training fails."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.list:
        print(table())
        return 0
    if options.recipe is None:
        parser.error("name a recipe; --list shows them")
    try:
        recipe = chosen(options)
        folder = options.folder or Path("runs") / f"{recipe.name}-{options.seed}"
        trained = train(
            recipe,
            seed=options.seed,
            folder=folder,
            resume=options.resume,
            mixed_precision=options.mixed_precision,
            channels_last=options.channels_last,
            compile=options.compile,
            workers=options.workers,
            weights=options.weights,
            every=options.every,
        )
    except (_UserError, ValueError, TypeError, OSError) as error:
        return _say(f"error: {error}", 2)
    except FloatingPointError as error:
        return _say(f"error: {error}", 1)
    except RuntimeError as error:
        if not isinstance(error.__cause__, OSError):  # not a download that failed: a mistake of ours
            raise
        return _say(f"error: {error}", 1)
    except KeyboardInterrupt:
        return _say("interrupted; the same command goes on from the last checkpoint", 130)
    if not _first_process():
        return 0
    loss = trained.history[-1]["loss"]
    print(
        f"{folder / checkpoint.MODEL}: {recipe.name}, seed {options.seed}, {len(trained.history)} steps in "
        f"{trained.seconds:.0f} s on {trained.device}, loss {loss:.4g}"
    )
    return 0


def _first_process() -> bool:
    return os.environ.get("RANK", "0") == "0"  # set by torchrun and accelerate


def _say(message: str, code: int) -> int:
    """Say it once, however many processes there are; returns the exit code."""
    if _first_process():
        print(message, file=sys.stderr)
    return code


def chosen(options: argparse.Namespace) -> Recipe:
    """The recipe that is named, with the changes that the command line makes to it."""
    if options.recipe not in RECIPES:
        raise _UserError(
            f"there is no recipe {options.recipe!r}{did_you_mean(options.recipe, RECIPES)} --list shows them all"
        )
    recipe = RECIPES[options.recipe]
    changes: dict[str, Any] = {}
    for assignment in options.set:
        name, equals, text = assignment.partition("=")
        if not equals:
            raise _UserError(f"--set {assignment}: write field=value")
        changes[name] = parsed(name, text)
    if options.steps is not None:
        changes["steps"] = options.steps
    if options.batch_size is not None:
        changes["batch_size"] = options.batch_size
    if options.width is not None:
        changes["options"] = changes.get("options", recipe.options) | {"width": options.width}
    if options.data_root is not None:
        changes["data_options"] = changes.get("data_options", recipe.data_options) | {"root": str(options.data_root)}
    if options.download:
        changes["data_options"] = changes.get("data_options", recipe.data_options) | {"download": True}
    return recipe.replace(**changes)


def parsed(name: str, text: str) -> Any:
    """The value that a text is for a field: a text where the field takes one, else a Python literal."""
    kind = field_type(name)
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        value = text
    probe = {"name": "--set", "network": "unet", "steps": 1, "batch_size": 1, "learning_rate": 1.0, "period": 1.0}
    for candidate in (value, text):
        try:
            return getattr(Recipe(**(probe | {name: candidate})), name)
        except ValueError as error:  # the right type, and out of range
            raise _UserError(f"--set {name}={text}: {error}") from error
        except TypeError:
            continue
    raise _UserError(f"--set {name}={text}: {name} must be {describe_type(kind)}")


def table() -> str:
    """The recipes, one a line: name, network, data, steps, batch."""
    rows = [("RECIPE", "NETWORK", "DATA", "STEPS", "BATCH", "START")]
    rows += [(r.name, r.network, r.data, f"{r.steps:,}", str(r.batch_size), r.start) for r in RECIPES.values()]
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join(
        "  ".join(
            cell.rjust(w) if i in (3, 4) else cell.ljust(w) for i, (cell, w) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m seglib.train",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("recipe", nargs="?", metavar="RECIPE", help="name of a recipe")
    parser.add_argument("--list", action="store_true", help="list the recipes")
    parser.add_argument("--seed", type=int, default=0, help="of first weights, order and chance (default: 0)")
    parser.add_argument("--folder", type=Path, help="where to write (default: runs/RECIPE-SEED)")
    parser.add_argument("--data-root", type=Path, help="folder of the data set, for those that are files")
    parser.add_argument(
        "--download", action="store_true", help="fetch the data set into that folder if it is not there"
    )
    parser.add_argument("--weights", type=Path, help="those of the recipe that this one starts from (safetensors)")
    parser.add_argument("--steps", type=int, help="instead of the recipe's")
    parser.add_argument("--batch-size", type=int, help="instead of the recipe's; images a step and process")
    parser.add_argument("--width", type=float, help="of the network, instead of the recipe's")
    parser.add_argument(
        "--set", action="append", default=[], metavar="FIELD=VALUE", help="any field of the recipe; can be repeated"
    )
    parser.add_argument("--mixed-precision", choices=("no", "bf16", "fp16"), default="no")
    parser.add_argument("--channels-last", action="store_true", help="channels innermost; faster on most GPUs")
    parser.add_argument("--compile", action="store_true", help="compile the network")
    parser.add_argument("--workers", type=int, default=0, help="processes that load data (default: 0, none besides)")
    parser.add_argument("--every", type=int, help="steps from one checkpoint to the next")
    parser.add_argument("--no-resume", dest="resume", action="store_false", help="start again")
    return parser


if __name__ == "__main__":
    sys.exit(main())
