"""Train the small networks of `seglib.weights` from nothing, measure them, and write weights and manifest.

    python -m seglib.weights                      all of them
    python -m seglib.weights unet_scenes          one, and first whatever it starts from
    python -m seglib.weights --check              compare hashes and metrics with the manifest's

A network that starts from another is trained after it. When the command is killed, the same command goes on where it
was; when all went well, the next one begins anew.
"""

import argparse
import json
import math
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch

from seglib import data, metrics, models, weights
from seglib.names import did_you_mean
from seglib.train import SCENES, Recipe, Trained, train
from seglib.train.chains import in_order, recipe_hash
from seglib.train.checkpoint import CHECKPOINT, MODEL, RECIPE
from seglib.train.curve import Lines, duration
from seglib.train.side_by_side import in_processes

MEASURED = 200  # scenes of the validation set that the metrics and the agreement are of
AGREEMENT = 0.999  # least share of equal labels of half and single precision, or weights are kept in single precision
LARGEST, LARGEST_IN_ALL = 2_000_000, 15_000_000  # bytes: everyone who installs seglib downloads them
TOLERANCE = 1e-3  # of a metric that is measured again: other processors round differently


def main(arguments: Sequence[str] | None = None, *, recipes: Mapping[str, Recipe] | None = None) -> int:
    """Run the command; returns the exit code: 0, 1 when a training failed or a metric differs, 2 for a wrong name."""
    recipes = SCENES if recipes is None else recipes
    parser = _parser()
    options = parser.parse_args(arguments)
    for name in options.names:
        if name not in recipes:
            parser.error(f"there is no recipe {name!r}{did_you_mean(name, recipes)} There are {', '.join(recipes)}")
    if options.jobs < 1:
        parser.error(f"--jobs {options.jobs} must be 1 or more")
    torch.set_num_threads(1)
    if options.check:
        return check(options.names, options.output)
    try:
        return make(options, recipes)
    except KeyboardInterrupt:
        print("interrupted; the same command goes on from here", file=sys.stderr)
        return 130


def make(options: argparse.Namespace, recipes: Mapping[str, Recipe]) -> int:
    """Train, measure and save; returns the exit code."""
    began = time.monotonic()
    hashes = {name: recipe_hash(name, recipes) for name in recipes}
    # A changed recipe has a folder of its own: what it left half done is of no use.
    runs = {name: options.folder / f"{name}-{options.seed}-{hashes[name][:8]}" for name in recipes}
    names = in_order(options.names or list(recipes), recipes, there=lambda name: (runs[name] / MODEL).exists())
    print(f"To train: {', '.join(names)}", flush=True)
    tasks, after = {}, {}
    for name in names:
        recipe = recipes[name]
        start = runs[recipe.start] / MODEL if recipe.start in recipes else None
        tasks[name] = partial(train_one, recipe, options.seed, runs[name], start, resume=not options.no_resume)
        if recipe.start in names:
            after[name] = recipe.start
    failed = []
    for name, result, error in in_processes(tasks, after, jobs=options.jobs):
        if error is None and result is None:
            print(f"{name}: trained, for others to start from", flush=True)
            continue
        if error is None:
            content, entry = result
            entry |= {"recipe_sha256": hashes[name], "first_stages": first_stages(recipes[name], recipes, runs)}
            try:
                entry = weights.save(name, content, entry, options.output)
            except (OSError, RuntimeError) as problem:
                error = f"its weights could not be saved: {problem}"
        if error is not None:
            failed.append(name)
            print(f"{name}: failed: {error}", file=sys.stderr, flush=True)
            continue
        found = entry["metrics"]["mean_iou"]
        print(f"{name}: saved, {entry['bytes'] / 1000:.0f} kB, mean IoU {found:.3f}", flush=True)
    if (options.output / weights.MANIFEST).is_file():
        print(table(weights.manifest(options.output)))
    if failed:
        print(f"failed: {', '.join(failed)}. The same command tries these again", file=sys.stderr)
        return 1
    for name in names:  # or the next `make weights` would find all of them trained
        (runs[name] / CHECKPOINT).unlink(missing_ok=True)
    print(f"{len(names)} trained in {duration(time.monotonic() - began)}")
    return 0


def train_one(
    recipe: Recipe, seed: int, folder: Path, start: Path | None, *, resume: bool
) -> tuple[bytes, dict[str, Any]] | None:
    """Train a recipe and measure it: its weights as a file, and its entry for the manifest; None if it is not kept."""
    torch.set_num_threads(1)  # as many processes as cores, and no more threads
    trained = train(
        recipe,
        seed=seed,
        folder=folder,
        weights=start,
        channels_last=True,  # a quarter faster
        resume=resume,
        progress=False,
        on_step=Lines(recipe),
    )
    return pack(trained) if is_kept(recipe) else None


def is_kept(recipe: Recipe) -> bool:
    """Whether a network comes with seglib; a recipe of another name only trains what others start from."""
    return recipe.name == f"{recipe.network}_{recipe.data}"


def first_stages(recipe: Recipe, recipes: Mapping[str, Recipe], runs: Mapping[str, Path]) -> dict[str, float]:
    """Seconds of the trainings that a recipe goes on from and whose networks are not kept, by their names."""
    seconds: dict[str, float] = {}
    while (recipe := recipes.get(recipe.start)) is not None:
        if not is_kept(recipe):
            seconds[recipe.name] = round(json.loads((runs[recipe.name] / RECIPE).read_bytes())["seconds"], 1)
    return seconds


def total_seconds(entries: Mapping[str, Mapping]) -> float:
    """What all these networks took to train, one after the other, a first stage that several share counted once."""
    stages: dict[str, float] = {}
    for entry in entries.values():
        stages |= entry["first_stages"]
    return sum(stages.values()) + sum(entry["seconds"] for entry in entries.values())


def pack(trained: Trained) -> tuple[bytes, dict[str, Any]]:
    """The weights as a file, in half precision where that predicts the same, and all that the manifest says of them.

    The metrics are those of the network as it comes out of the file.

    Raises:
        ValueError: the file would be too large.
    """
    recipe = trained.recipe
    dataset = scenes(recipe.to_dict(), "val", MEASURED)
    # A network may be trained on scores at stride 8; whoever loads it gets labels for pixels.
    options = {option: value for option, value in recipe.options.items() if option != "upsample"}
    model = models.create(recipe.network, num_classes=len(dataset.classes), **options).eval()
    for half in (True, False):
        content = weights.encode(trained.model, half=half)
        model.load_state_dict(weights.decode(content))
        agreement = weights.agreement(trained.model.eval(), model, _images(dataset))
        if agreement >= AGREEMENT:
            break
    if len(content) > LARGEST:
        raise ValueError(
            f"{recipe.name} takes {len(content) / 1e6:.2f} MB and may have {LARGEST / 1e6:g}: give it a smaller width"
        )
    entry = {
        "network": recipe.network,
        "num_classes": len(dataset.classes),
        "classes": list(dataset.classes),
        "options": options,
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "precision": "half" if half else "single",
        "agreement": _rounded(agreement),
        "recipe": recipe.to_dict(),
        "seed": trained.seed,
        "device": trained.device,
        "seconds": round(trained.seconds, 1),
        "torch": torch.__version__,
        "metrics": measure(model, dataset),
    }
    return content, json.loads(json.dumps(entry))  # as it will be read


def measure(model: torch.nn.Module, dataset: data.ShapeScenes | data.RoadScenes) -> dict[str, Any]:
    """What the manifest says of a network: IoU overall, by class and by the size of objects, accuracy, boundaries."""
    classes, ignore = dataset.classes, dataset.ignore_index
    kinds = {
        "segmentation": metrics.Segmentation(len(classes), ignore_index=ignore, classes=classes),
        "boundary": metrics.BoundaryF1(len(classes), tolerance=2, ignore_index=ignore, classes=classes),
    }
    by_size = hasattr(dataset, "instances")  # road scenes have classes of rare and thin things in place of radii
    if by_size:
        kinds["size"] = metrics.IoUBySize(size_edges(*dataset.radius), ignore_index=ignore)
    found = metrics.evaluate(model, dataset, metrics=kinds)
    overall, size = found["segmentation"], found.get("size")
    measured = {
        "scenes": len(dataset),
        "split": dataset.split,
        "mean_iou": _rounded(overall.mean_iou),
        "pixel_accuracy": _rounded(overall.pixel_accuracy),
        "iou": {name: _rounded(iou) for name, iou in zip(overall.classes, overall.iou, strict=True)},
        "boundary_f1": _rounded(found["boundary"].mean_f1),
        "boundary_tolerance": 2,
    }
    if by_size:
        measured["iou_by_size"] = {
            "edges": size.edges.tolist(),
            "iou": [_rounded(iou) for iou in size.iou],
            "missed": [_rounded(part) for part in size.missed],
            "count": size.count.tolist(),
        }
    else:
        measured["mean_accuracy"] = _rounded(overall.mean_accuracy)
    return measured


def check(names: Sequence[str], folder: Path) -> int:
    """Compare hashes, and metrics measured now with those in the manifest; returns the exit code."""
    try:
        entries = weights.manifest(folder)
    except (FileNotFoundError, RuntimeError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    wrong, measured = [], {}
    for name in names or sorted(entries):
        try:
            network, _, kind = name.rpartition("_")
            state, entry = weights.load(network, kind, folder=folder)
            model = models.create(network, num_classes=entry["num_classes"], **entry["options"]).eval()
            model.load_state_dict(state)
            stated = entry["metrics"]
            now = measure(model, scenes(entry["recipe"], stated["split"], stated["scenes"]))
        except (OSError, RuntimeError, TypeError, ValueError) as error:
            wrong.append(f"{name}: {error}")
            continue
        measured[name] = entry | {"metrics": now}
        wrong += [f"{name}: {difference}" for difference in differences(stated, now)]
    stated = {name: entries[name] for name in measured}
    print(f"In the manifest\n{table(stated)}\nMeasured now\n{table(measured)}")
    for line in wrong:
        print(line, file=sys.stderr)
    print(f"{len(measured)} of {len(names or entries)} checked; {len(wrong)} differences")
    return 1 if wrong else 0


def differences(stated: Any, now: Any, path: str = "") -> list[str]:
    """Where two metrics, or lists and dicts of them, lie more than the tolerance apart."""
    if isinstance(stated, dict) and isinstance(now, dict) and stated.keys() == now.keys():
        return [line for key in stated for line in differences(stated[key], now[key], f"{path}.{key}".lstrip("."))]
    if isinstance(stated, list) and isinstance(now, list) and len(stated) == len(now):
        pairs = enumerate(zip(stated, now, strict=True))
        return [line for i, pair in pairs for line in differences(*pair, f"{path}[{i}]")]
    numbers = all(isinstance(value, int | float) for value in (stated, now))
    if stated == now or (numbers and abs(stated - now) <= TOLERANCE):
        return []
    return [f"{path} is {now} now and {stated} in the manifest"]


def scenes(recipe: Mapping[str, Any], split: str, length: int) -> data.ShapeScenes | data.RoadScenes:
    """Scenes like those that a recipe trains on, from another split."""
    return data.load(recipe["data"], split, **(recipe["data_options"] | {"length": length}))


def size_edges(least: float, largest: float) -> list[float]:
    """Ends of the bins of radii, in pixels: powers of two around all that there are."""
    return [2.0**i for i in range(math.floor(math.log2(least)), math.ceil(math.log2(largest)) + 1)]


def table(entries: Mapping[str, Mapping]) -> str:
    """The metrics of all networks, IoU by size in the last columns; below, the time of all on one core."""
    width = max([7, *map(len, entries)])
    lines, sizes = [], None
    for name, entry in sorted(entries.items()):
        found = entry["metrics"]
        size = found.get("iou_by_size", {"edges": [], "iou": []})
        if size["edges"] != sizes:
            sizes = size["edges"]
            bins = "".join(f"{f'{a:g}-{b:g}px':>10}" for a, b in pairwise(sizes))
            lines.append(f"{'weights':<{width}} {'kB':>5} {'time':>8} {'mIoU':>6} {'pixels':>7} {'edges':>6}{bins}")
        by_size = "".join(f"{'-' if iou is None else format(iou, '.3f'):>10}" for iou in size["iou"])
        lines.append(
            f"{name:<{width}} {entry['bytes'] / 1000:>5.0f} {duration(entry['seconds']):>8} {found['mean_iou']:>6.3f} "
            f"{found['pixel_accuracy']:>7.3f} {found['boundary_f1']:>6.3f}{by_size}"
        )
    lines.append(f"{'with their first stages':<{width + 6}} {duration(total_seconds(entries)):>8}")
    return "\n".join(lines)


def _images(dataset: data.ShapeScenes, batch: int = 10) -> Iterator[torch.Tensor]:
    for first in range(0, len(dataset), batch):
        yield data.normalise(torch.stack([dataset[i][0] for i in range(first, min(first + batch, len(dataset)))]))


def _rounded(value: float) -> float | None:
    """Six digits; None, for JSON knows no NaN, where nothing could be measured."""
    return None if np.isnan(value) else round(float(value), 6)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m seglib.weights", description=__doc__.split("\n\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="recipes of seglib.train.scenes (default: all)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2, help="trainings at once, one thread each (default: 2)")
    parser.add_argument(
        "--folder", type=Path, default=Path("runs/weights"), help="for checkpoints (default: runs/weights)"
    )
    parser.add_argument(
        "--output", type=Path, default=Path(weights.__file__).parent, help="for the weights (default: seglib's own)"
    )
    parser.add_argument("--no-resume", action="store_true", help="begin anew where a run was interrupted")
    parser.add_argument("--check", action="store_true", help="train nothing; compare hashes and metrics")
    return parser
