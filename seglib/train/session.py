"""What surrounds the loop: setting a run up, saving it, resuming it, and what is left of it at the end."""

import json
import math
import platform
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from torch import Tensor, nn
from torch.utils.data import DataLoader

from seglib import data
from seglib.data.augmentation import Augmentation, augment
from seglib.data.frequencies import median_frequency_weights
from seglib.data.normalisation import MEAN, normalise
from seglib.train import batch_norm
from seglib.train import checkpoint as files
from seglib.train.initialise import build, starts_from, take_over
from seglib.train.loss import first_label
from seglib.train.optimiser import make_optimiser
from seglib.train.recipe import Recipe
from seglib.train.samples import Order, ProcessBatches, Samples, collate

UNLABELLED = 255  # of data sets whose every pixel has a label: what a crop beyond the border is filled with

IDENTITY_IMAGES = 32  # that show batch normalisations what to leave unchanged


@dataclass(kw_only=True)
class Run:
    """A run as it stands; `step`, `history` and `seconds` grow.

    Attributes:
        recipe: what is trained.
        seed: of everything that is drawn.
        accelerator: the processes and their devices.
        network: the network itself, whose state is saved.
        model: the same, wrapped for several processes.
        optimiser: its optimiser.
        order: the samples of each step, of all processes.
        loader: the batches of this process, from `step` on.
        layout: memory format of images and weights.
        first_label: pixel of the first score at stride 8.
        ignore_index: label of pixels that do not count.
        class_weights: of the cross-entropy, on the device, or None.
        identity: what a checkpoint must agree with to be resumed.
        step: how many have been done.
        history: an entry for each of these.
        seconds: that they took.
    """

    recipe: Recipe
    seed: int
    accelerator: Accelerator
    network: nn.Module
    model: nn.Module
    optimiser: torch.optim.Optimizer
    order: Order
    loader: DataLoader
    layout: torch.memory_format
    first_label: int
    ignore_index: int
    class_weights: Tensor | None
    identity: dict[str, Any]
    step: int
    history: list[dict[str, Any]]
    seconds: float

    @property
    def device(self) -> torch.device:
        """Where this process computes."""
        return self.accelerator.device

    @property
    def main(self) -> bool:
        """Whether this is the process that writes and shows."""
        return self.accelerator.is_main_process

    def prepared(self, images: Tensor) -> Tensor:
        """Images as the network wants them: on the device, normalised, in the right layout."""
        images = images.to(self.device, non_blocking=True)
        return normalise(images).contiguous(memory_format=self.layout)


def start(
    recipe: Recipe,
    *,
    seed: int,
    dataset: Any,
    folder: Path | None,
    resume: bool,
    mixed_precision: str,
    channels_last: bool,
    compile: bool | str,
    workers: int,
    weights: dict[str, Tensor] | Path | str | None,
) -> Run:
    """Set up a run, at its first step or where its checkpoint left it; arguments and errors as for `train`."""
    if weights is not None and not starts_from(recipe):
        raise ValueError(
            f'recipe {recipe.name!r} has start="{recipe.start}", so it would not use the weights that are given: leave '
            "weights= (--weights) out, or name the recipe that trained them: start=NAME (--set start=NAME)"
        )
    accelerator = make_accelerator(mixed_precision)
    device, processes = accelerator.device, accelerator.num_processes
    before = None
    # The first process goes first, so that what must be downloaded is downloaded once.
    with own_random_numbers(device), accelerator.main_process_first():
        dataset = load_data(recipe) if dataset is None else dataset
        identity = describe(recipe, seed, dataset, accelerator)
        path = None if folder is None else folder / files.CHECKPOINT
        if path is not None and resume and path.exists():
            before = files.load_checkpoint(path, identity)
        ignore_index = UNLABELLED if dataset.ignore_index is None else dataset.ignore_index
        samples = Samples(dataset, seed=seed, augment=augmentation(recipe, ignore_index))
        torch.manual_seed(seed)
        network = build(recipe if before is None else recipe.replace(start="default"), len(dataset.classes))
        if before is not None:
            network.load_state_dict(before["model"])
        elif starts_from(recipe):
            taken = take_over(network, trained_weights(recipe, seed, folder, weights), fresh=recipe.fresh)
            if recipe.batch_norm:
                keys = [(0, index) for index in range(min(IDENTITY_IMAGES, len(dataset)))]
                images, _ = collate(samples.__getitems__(keys))
                batch_norm.start_as_identity(network, normalise(images), taken)
    step = 0 if before is None else before["step"]
    if len(set(accelerator.gather(torch.tensor([step], device=device)).tolist())) > 1:
        raise files.CheckpointError(f"the processes see different checkpoints in {folder}; put it on a shared disk")

    if processes > 1 and device.type == "cuda":
        network = nn.SyncBatchNorm.convert_sync_batchnorm(network)
    layout = torch.channels_last if channels_last else torch.contiguous_format
    network = network.to(device, memory_format=layout)
    if compile:
        network.compile(backend=compile if isinstance(compile, str) else "inductor")
    model, optimiser = accelerator.prepare(network, make_optimiser(recipe, network))
    model.train()
    if before is not None:
        optimiser.load_state_dict(before["optimiser"])
        if accelerator.scaler is not None:
            accelerator.scaler.load_state_dict(before["scaler"])

    order = Order(len(dataset), size=recipe.batch_size * processes, seed=seed)
    batches = ProcessBatches(
        order, start=step, stop=recipe.steps, process=accelerator.process_index, processes=processes
    )
    loader = DataLoader(
        samples,
        batch_sampler=batches,
        collate_fn=collate,
        num_workers=workers,
        pin_memory=device.type == "cuda",
    )
    return Run(
        recipe=recipe,
        seed=seed,
        accelerator=accelerator,
        network=network,
        model=model,
        optimiser=optimiser,
        order=order,
        loader=loader,
        layout=layout,
        first_label=first_label(network),
        ignore_index=ignore_index,
        class_weights=class_weights(recipe, dataset, device),
        identity=identity,
        step=step,
        history=[] if before is None else json.loads(before["history"]),
        seconds=0.0 if before is None else before["seconds"],
    )


def make_accelerator(mixed_precision: str) -> Accelerator:
    """The processes that this one belongs to, and its device: a GPU if there is one."""
    AcceleratorState._reset_state()  # or a notebook could not train with another precision than before
    gpu = torch.cuda.is_available() or torch.backends.mps.is_available() or torch.xpu.is_available()
    # accelerate takes several processes without a GPU for one each, unless it is told that there is none.
    return Accelerator(mixed_precision=mixed_precision, cpu=not gpu)


@contextmanager
def own_random_numbers(device: torch.device) -> Iterator[None]:
    """Leave the caller's random numbers as they were."""
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        yield


def load_data(recipe: Recipe) -> Any:
    """The data set that the recipe names."""
    return data.load(recipe.data, recipe.split, **recipe.data_options)


def augmentation(recipe: Recipe, ignore_index: int) -> Augmentation | None:
    """What the recipe does to each image and its target, or None."""
    if recipe.crop is None and recipe.scale is None and not recipe.flip:
        return None
    # Filled with the mean, which becomes 0: what a network pads with.
    return augment(crop=recipe.crop, flip=recipe.flip, scale=recipe.scale, ignore_index=ignore_index, fill=MEAN)


def class_weights(recipe: Recipe, dataset: Any, device: torch.device) -> Tensor | None:
    """The recipe's class weights, counted where it says so."""
    weights = recipe.class_weights
    if weights is None:
        return None
    if weights == "median_frequency":
        weights = tuple(median_frequency_weights(dataset).tolist())
    if len(weights) != len(dataset.classes):
        raise ValueError(
            f"recipe {recipe.name!r} has {len(weights)} class_weights, and the data has {len(dataset.classes)} classes"
        )
    return torch.tensor(weights, dtype=torch.float32, device=device)


def trained_weights(
    recipe: Recipe, seed: int, folder: Path | None, weights: dict[str, Tensor] | Path | str | None
) -> dict[str, Tensor]:
    """Those of the recipe that this one starts from: given, in a file, or beside the folder."""
    if isinstance(weights, dict):
        return weights
    if weights is None and folder is None:
        raise ValueError(
            f"recipe {recipe.name!r} starts from what {recipe.start!r} has trained: train that first, and give "
            "weights=trained.model.state_dict(), or a file of safetensors"
        )
    path = folder.parent / f"{recipe.start}-{seed}" if weights is None else Path(weights)
    path = path / files.MODEL if path.suffix != ".safetensors" else path
    if not path.is_file():
        raise ValueError(
            f"recipe {recipe.name!r} starts from what {recipe.start!r} has trained, and there is no {path}: run "
            f"`python -m seglib.train {recipe.start} --seed {seed}` first, or name the weights: weights=, --weights"
        )
    return files.load_model(path)


def describe(recipe: Recipe, seed: int, dataset: Any, accelerator: Accelerator) -> dict[str, Any]:
    """What makes a run the one it is; where its data lie does not."""
    values = recipe.to_dict()
    for where in ("root", "download"):
        values["data_options"].pop(where, None)
    return {
        "recipe": values,
        "seed": seed,
        "processes": accelerator.num_processes,
        "mixed_precision": accelerator.mixed_precision,
        "samples": len(dataset),
        "classes": list(dataset.classes),
    }


@contextmanager
def as_tested(network: nn.Module) -> Iterator[nn.Module]:
    """The network in eval mode, with scores of the image's size, for as long as this lasts."""
    upsample = getattr(network, "upsample", None)
    network.eval()
    if upsample is False:
        network.upsample = True
    try:
        with torch.no_grad():
            yield network
    finally:
        network.train()
        if upsample is False:
            network.upsample = False


def validate(run: Run, measure: Callable[[nn.Module], Any]) -> None:
    """Let the first process measure the network, and note the result; the others wait for it."""
    if run.main:
        with as_tested(run.network) as network:
            result = plain(measure(network))
        run.history[-1]["validation"] = result
    run.accelerator.wait_for_everyone()


def plain(value: Any) -> Any:
    """`value` as JSON has it: not-a-number, such as the score of a class that did not occur, becomes None."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if hasattr(value, "tolist"):  # NumPy's and PyTorch's
        return plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if value is None or isinstance(value, str | int | float):
        return value
    raise TypeError(f"validate returned {value!r}, which JSON cannot keep: numbers, texts, lists and dicts can be kept")


def save(run: Run, folder: Path) -> None:
    """Write a checkpoint; the first process does."""
    if not run.main:
        return
    folder.mkdir(parents=True, exist_ok=True)
    scaler = run.accelerator.scaler
    state = {
        "run": json.loads(json.dumps(run.identity)),
        "step": run.step,
        "model": run.network.state_dict(),
        "optimiser": run.optimiser.state_dict(),
        "scaler": None if scaler is None else scaler.state_dict(),
        "history": json.dumps(run.history),
        "seconds": run.seconds,
    }
    files.save_checkpoint(folder / files.CHECKPOINT, state)


def finished_model(run: Run) -> nn.Module:
    """A fresh network with the trained weights: on the CPU, without wrappers, as it is used from now on."""
    with torch.device("meta"):  # all weights come from the trained one, so none need be drawn
        model = build(run.recipe.replace(start="default"), len(run.identity["classes"]))
    state = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in run.network.state_dict().items()}
    model.load_state_dict(state, assign=True)
    if getattr(model, "upsample", None) is False:
        model.upsample = True
    return batch_norm.fold(model)


def describe_device(run: Run) -> str:
    """What the run was trained on, for its record."""
    if run.device.type == "cuda":
        name = torch.cuda.get_device_name(run.device)
    else:
        name = f"{run.device.type.upper()} ({platform.machine()}, {torch.get_num_threads()} threads)"
    processes = run.accelerator.num_processes
    return name if processes == 1 else f"{processes} x {name}"


def save_results(run: Run, folder: Path, model: nn.Module, *, device: str) -> None:
    """Write weights, recipe and log of a finished run; the first process does, and the others wait."""
    if run.main:
        folder.mkdir(parents=True, exist_ok=True)
        files.save_model(folder / files.MODEL, model)
        facts = {"device": device, "seconds": round(run.seconds, 1), "torch": torch.__version__}
        files.save_json(folder / files.RECIPE, run.identity | facts)
        files.save_json(folder / files.LOG, run.history)
    run.accelerator.wait_for_everyone()
