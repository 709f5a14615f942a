"""Carry out experiments: train what is missing, measure, and write `seglib/experiments/results/<name>.json`.

    python -m seglib.experiments skips            one, with three seeds
    python -m seglib.experiments                  all of them
    python -m seglib.experiments --list           what there is
    python -m seglib.experiments skips --quick    two steps of everything, and no result

Networks that several experiments share are trained once. When the command is killed, the same command goes on.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from seglib import experiments
from seglib.experiments import Experiment, FailedError
from seglib.experiments.result import LEAST_SEEDS
from seglib.train.checkpoint import save_json


def main(arguments: Sequence[str] | None = None, *, known: Mapping[str, Experiment] | None = None) -> int:
    """Run the command; returns the exit code: 0, or 1 when an experiment failed, or 2 for wrong arguments."""
    known = experiments.EXPERIMENTS if known is None else known
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.list:
        print(listing(known, options.output))
        return 0
    for name in options.names:
        if name not in known:
            try:
                experiments.experiment(name)
            except ValueError as error:
                parser.error(str(error))
    seeds = options.seeds or ([0] if options.quick else [0, 1, 2])
    if len(set(seeds)) < len(seeds) or min(seeds) < 0:
        parser.error(f"--seeds {' '.join(map(str, seeds))}: they must differ, and be 0 or more")
    if len(seeds) < LEAST_SEEDS and not options.quick:
        parser.error(f"--seeds {' '.join(map(str, seeds))}: an experiment takes {LEAST_SEEDS} or more")
    if options.jobs < 1:
        parser.error(f"--jobs {options.jobs} must be 1 or more")
    torch.set_num_threads(1)
    try:
        failed = [name for name in options.names or known if not carry_out(known[name], seeds, options)]
    except KeyboardInterrupt:
        print("interrupted; the same command goes on from here", file=sys.stderr)
        return 130
    if failed:
        print(f"failed: {', '.join(failed)}. The same command tries these again", file=sys.stderr)
        return 1
    return 0


def carry_out(experiment: Experiment, seeds: Sequence[int], options: argparse.Namespace) -> bool:
    """Run one experiment and write its result, unless it was a quick one; whether it went well."""
    print(f"{experiment.name}: {experiment.question}", flush=True)
    try:
        result = experiments.run(experiment, seeds, jobs=options.jobs, folder=options.folder, quick=options.quick)
    except FailedError:
        return False  # each failure has been named
    print(f"\n{result}\n", flush=True)
    if options.quick:
        print("quick: these numbers mean nothing, and nothing was written", flush=True)
        return True
    options.output.mkdir(parents=True, exist_ok=True)
    file = options.output / f"{experiment.name}.json"
    save_json(file, result.values)
    print(f"written: {file}\n", flush=True)
    return True


def listing(known: Mapping[str, Experiment], folder: Path) -> str:
    """Every experiment with its question, and whether there is a result."""
    width = max(map(len, known))
    return "\n".join(
        f"{name:<{width}}  {'measured' if (folder / f'{name}.json').is_file() else '-':<8}  {each.question}"
        for name, each in known.items()
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m seglib.experiments", description=__doc__.split("\n\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="experiments (default: all)")
    parser.add_argument(
        "--seeds", type=int, nargs="+", metavar="SEED", help="three or more (default: 0 1 2; with --quick: 0)"
    )
    parser.add_argument(
        "--jobs", type=int, default=2, help="trainings at once, one thread each; 1 trains in this process (default: 2)"
    )
    parser.add_argument(
        "--folder",
        type=Path,
        default=experiments.RUNS,
        help=f"for trained networks, which are found again there (default: {experiments.RUNS})",
    )
    parser.add_argument(
        "--output",
        type=Path,
        default=Path(experiments.__file__).parent / "results",
        help="for the results (default: seglib's own)",
    )
    parser.add_argument("--list", action="store_true", help="name the experiments and train nothing")
    parser.add_argument("--quick", action="store_true", help="two steps of everything, to see that it runs; no result")
    return parser


if __name__ == "__main__":
    sys.exit(main())
