"""What is measured of networks on scenes: IoU overall, by size of objects and along boundaries; and what they cost."""

import math
import platform
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from seglib import data, metrics, models
from seglib.data.normalisation import normalise
from seglib.experiments.experiment import Axis, Measures
from seglib.experiments.recipes import OBJECT_SIZE, SIZE
from seglib.train import Recipe, Trained
from seglib.train.initialise import build

SPLIT = "test"  # scenes that no recipe was chosen by
TOLERANCE = 2  # px, of boundary F1
RADII = (2.0, 4.0, 8.0, 16.0, 32.0, 64.0)  # px, ends of the bins
WIDTHS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0)  # px, of the bands around true boundaries

AXES = {
    "iou_by_size": Axis("radius of the object in px", RADII, log=True),
    "missed_by_size": Axis("radius of the object in px", RADII, log=True),
    "trimap_iou": Axis("band around true boundaries, px", WIDTHS, log=True),
}
WHAT = (
    "mean IoU; IoU of single objects by radius, and how many are missed; boundary F1 within "
    f"{TOLERANCE} px; mean IoU in bands around true boundaries by their width; IoU of objects against background; "
    "share of right names among the pixels of objects that are labelled as some object"
)
WORDS = f"on scenes of the {SPLIT} split, {SIZE} px: {WHAT}"
OBJECT_WORDS = f"on pictures of one object of the {SPLIT} split, {OBJECT_SIZE} px: {WHAT}"


def held_out(recipe: Recipe, length: int) -> data.ShapeScenes:
    """Scenes like those that a recipe trains on, from the split that is measured on; the same for all recipes."""
    return data.load(recipe.data, SPLIT, **(recipe.data_options | {"length": length, "seed": 0}))


def kinds() -> dict[str, Any]:
    """Fresh metrics for scenes."""
    classes = data.ShapeScenes.classes
    return {
        "segmentation": metrics.Segmentation(len(classes), classes=classes),
        "size": metrics.IoUBySize(RADII),
        "boundary": metrics.BoundaryF1(len(classes), tolerance=TOLERANCE, classes=classes),
        "trimap": metrics.TrimapIoU(len(classes), WIDTHS, classes=classes),
    }


def of_scenes(trained: Trained, scenes: int) -> Measures:
    """All measures of a trained network on so many scenes."""
    return summary(metrics.evaluate(trained.model, held_out(trained.recipe, scenes), metrics=kinds()))


def of_predictions(predict: Callable[[Tensor, Tensor], Tensor], dataset: data.ShapeScenes) -> Measures:
    """The same of anything that makes labels `H W` of an image `3 H W` and, since it may know them, the true labels."""
    found = kinds()
    for i in range(len(dataset)):
        image, target = dataset[i]
        count(found, predict(image, target), target, dataset.instances(i))
    return summary({name: metric.compute() for name, metric in found.items()})


def count(found: Mapping[str, Any], prediction: Tensor, target: Tensor, instances: tuple[Tensor, np.ndarray]) -> None:
    """Count one scene in all metrics."""
    for metric in found.values():
        metric.update(prediction, target, *(instances if getattr(metric, "needs", None) == "instances" else ()))


def summary(found: Mapping[str, Any]) -> Measures:
    """Numbers and curves of what the metrics computed."""
    return {
        "mean_iou": found["segmentation"].mean_iou,
        "pixel_accuracy": found["segmentation"].pixel_accuracy,
        "boundary_f1": found["boundary"].mean_f1,
        "iou_by_size": found["size"].iou.tolist(),
        "missed_by_size": found["size"].missed.tolist(),
        "trimap_iou": found["trimap"].mean_iou.tolist(),
    } | place_and_name(found["segmentation"].confusion)


def place_and_name(confusion: np.ndarray) -> Measures:
    """IoU of object against background, and the share of right names among the pixels that are objects in both.

    `confusion` is `K K` pixels, row: truth, column: prediction; class 0 is the background.
    """
    both = confusion[1:, 1:]
    return {
        "object_iou": both.sum() / (confusion.sum() - confusion[0, 0]),
        "named_right": both.trace() / both.sum() if both.any() else math.nan,
    }


def costs(recipes: Mapping[str, Recipe], *, input_size: tuple[int, int], num_classes: int, repeats: int = 15) -> dict:
    """What each network takes for one image: parameters, multiply-accumulates, memory, seconds.

    Seconds are those of one forward pass on one thread, without gradients: the median of several, taken in turns, so
    that whatever else the computer does hits all alike. They depend on the device; their ratios less so.
    """
    networks = {name: network(recipe, num_classes) for name, recipe in recipes.items()}
    seconds = seconds_in_turns(networks, torch.zeros(1, 3, *input_size), repeats)
    found = {}
    for name, model in networks.items():
        about = models.describe(model, in_channels=3, input_size=input_size)
        found[name] = {
            "parameters": about.trainable,
            "macs": about.macs,
            "activation_bytes": about.memory,
            "seconds": seconds[name],
        }
    return found


def network(recipe: Recipe, num_classes: int) -> nn.Module:
    """The recipe's network as it is used in the end, with random weights, in eval mode."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return build(recipe.replace(start="default", batch_norm=False), num_classes).eval()


def seconds_in_turns(networks: Mapping[str, nn.Module], images: Tensor, repeats: int) -> dict[str, float]:
    """Median seconds of a forward pass on one thread."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    taken: dict[str, list[float]] = {name: [] for name in networks}
    try:
        with torch.inference_mode():
            for turn in range(repeats + 1):  # the first is for the caches
                for name, model in networks.items():
                    began = time.perf_counter()
                    model(normalise(images))
                    if turn:
                        taken[name].append(time.perf_counter() - began)
    finally:
        torch.set_num_threads(threads)
    return {name: median(each) for name, each in taken.items()}


def processor() -> str:
    """The name of this computer's processor, as far as it can be told."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, "") or platform.processor() or platform.machine()


def plain(value: Any, digits: int = 6) -> Any:
    """Numbers as JSON has them: rounded, and None for what is not one."""
    if isinstance(value, Mapping):
        return {key: plain(item, digits) for key, item in value.items()}
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, Iterable) and not isinstance(value, str):
        return [plain(item, digits) for item in value]
    if isinstance(value, float | np.floating):
        return round(float(value), digits) if math.isfinite(value) else None
    return value
