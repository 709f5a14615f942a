"""The training loop: one recipe, one seed, on one CPU or GPU or many.

`accelerate` brings the parts of the work to the devices; `accelerate launch` or `torchrun` start the processes, on CPUs
`torchrun` alone (accelerate starts a single one there, unless it finds MPI). What a step computes depends on recipe,
seed, step and the images of all processes together, and on nothing that went before but the weights and the optimiser's
averages. So a run can be killed and resumed, or spread over processes:

- The order of samples and their augmentation are drawn from seed, epoch and index (`samples.py`).
- Before each step the random numbers of dropout are seeded anew, so no generator's state need be kept.
- The learning rate is a function of the step (`optimiser.py`).
- The loss is divided by the labelled pixels of all processes, not of each (`loss.py`).

Two things do know of processes. Dropout draws other masks in two processes than in one with twice the batch. Batch
normalisation counts the images of its own process; on several GPUs it is made to count all (SyncBatchNorm, which
PyTorch has for GPUs only), and evaluation uses the averages of the first process. And on a GPU the order of the sums
inside a kernel is not fixed, so there a resumed run agrees up to rounding, on a CPU bit for bit.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from seglib.train import session
from seglib.train.curve import progress_for
from seglib.train.loss import pixel_loss, targets_for
from seglib.train.optimiser import set_learning_rate
from seglib.train.recipe import Recipe
from seglib.train.samples import derived_seed


@dataclass(frozen=True, kw_only=True)
class Trained:
    """What `train` gives back.

    Attributes:
        model: the network, on the CPU, in eval mode; with `upsample=False` in its recipe it now upsamples, as the
            papers that train at stride 8 do when they test.
        recipe: the recipe.
        seed: the seed.
        history: one dict a step: step (counted from 1), loss, learning_rate, seconds (since the start, without what
            an interruption cost), and after each `every` steps validation.
        seconds: how long the training took.
        device: what it ran on, in words.
    """

    model: nn.Module
    recipe: Recipe
    seed: int
    history: list[dict[str, Any]]
    seconds: float
    device: str


def train(
    recipe: Recipe,
    *,
    seed: int = 0,
    dataset: Any = None,
    folder: Path | str | None = None,
    resume: bool = True,
    mixed_precision: str = "no",
    channels_last: bool = False,
    compile: bool | str = False,
    workers: int = 0,
    weights: dict[str, Tensor] | Path | str | None = None,
    progress: bool = True,
    validate: Callable[[nn.Module], Any] | None = None,
    every: int | None = None,
    on_step: Callable[[dict[str, Any]], None] | None = None,
) -> Trained:
    """Train a recipe.

    Args:
        recipe: what to train, and how.
        seed: of the first weights, the order of samples, augmentation and dropout.
        dataset: a data set to use instead of the one that the recipe names: `len(dataset)`, `dataset[i] -> (image
            float32 3 H W from 0 to 1, target int64 H W)`, `classes`, `ignore_index` (or None).
        folder: for checkpoints, weights, recipe and log; None writes nothing. All nodes must see the same folder.
        resume: go on from the folder's checkpoint, if it has one; False starts again.
        mixed_precision: "no", "bf16" or "fp16".
        channels_last: keep images and weights with their channels innermost, which GPUs with tensor cores are fast at.
        compile: compile the network; a text names the backend.
        workers: processes that load the data, for each process that trains; 0 loads it in the latter.
        weights: those of the recipe that this one starts from: a state dict or a file of safetensors; None looks for
            `<recipe>-<seed>/model.safetensors` beside the folder.
        progress: show a bar (in a notebook, a curve).
        validate: called after each `every` steps and the last, by the first process, with the network on its device,
            in eval mode and without gradients; what it returns goes into the history, so it must be JSON.
        every: steps from one checkpoint and validation to the next; None is a twentieth of them, 1000 at most.
        on_step: called after each step, by the first process, with the step's entry of the history.

    Raises:
        FloatingPointError: the loss is not finite; names step, learning rate and samples.
        CheckpointError: the folder's checkpoint is damaged or of another run.
        ValueError: recipe and data, or the recipe that it starts from, do not fit; weights for a recipe that starts
            from no other; `every` below 1.
    """
    folder = None if folder is None else Path(folder)
    every = min(1000, math.ceil(recipe.steps / 20)) if every is None else every
    if every < 1:
        raise ValueError(f"every={every} must be 1 step or more, or None for a twentieth of them")
    run = session.start(
        recipe,
        seed=seed,
        dataset=dataset,
        folder=folder,
        resume=resume,
        mixed_precision=mixed_precision,
        channels_last=channels_last,
        compile=compile,
        workers=workers,
        weights=weights,
    )
    bar = progress_for(recipe, run.history, show=progress and run.main)
    began = time.perf_counter() - run.seconds
    try:
        with session.own_random_numbers(run.device):
            for images, targets in run.loader:
                entry = take_step(run, images, targets)
                run.seconds = time.perf_counter() - began
                run.history.append(entry | {"seconds": round(run.seconds, 3)})
                due = run.step % every == 0 or run.step == recipe.steps
                if due and validate is not None:
                    session.validate(run, validate)
                if run.main:
                    bar.update(run.history[-1])
                if due and folder is not None:
                    session.save(run, folder)
                if run.main and on_step is not None:
                    on_step(run.history[-1])
    finally:
        bar.close()
    trained = Trained(
        model=session.finished_model(run),
        recipe=recipe,
        seed=seed,
        history=run.history,
        seconds=run.seconds,
        device=session.describe_device(run),
    )
    if folder is not None:
        session.save_results(run, folder, trained.model, device=trained.device)
    return trained


def take_step(run: session.Run, images: Tensor, targets: Tensor) -> dict[str, Any]:
    """One update of the weights by this process's part of the batch; what to note of it."""
    recipe, accelerator = run.recipe, run.accelerator
    rate = set_learning_rate(run.optimiser, recipe, run.step)
    torch.manual_seed(derived_seed(run.seed, "step", run.step, accelerator.process_index))
    logits = run.model(run.prepared(images))
    targets = targets_for(logits, targets.to(run.device), first=run.first_label)
    loss, labelled = pixel_loss(logits, targets, weights=run.class_weights, ignore_index=run.ignore_index)

    sums = accelerator.reduce(torch.stack([loss.detach(), labelled]), "sum")
    # A batch without any label has the loss 0 and no gradient, rather than 0 / 0.
    divisor = torch.where(sums[1] > 0, sums[1], 1.0) if recipe.loss == "mean" else 1.0
    value = (sums[0] / divisor).item()
    if not math.isfinite(value):
        indices = [index for _, index in run.order.step(run.step)]
        raise FloatingPointError(
            f"{recipe.name}: the loss of step {run.step + 1} is {value}, at learning rate {rate:.3g}, on the samples "
            f"{indices} (of all processes). This step has not changed the weights; lower the learning rate, clip the "
            "gradient, or look at these samples"
        )

    run.optimiser.zero_grad()
    # DistributedDataParallel averages gradients over the processes; times their number, that is the sum.
    accelerator.backward(loss * accelerator.num_processes / divisor)
    if recipe.clip is not None:
        accelerator.clip_grad_norm_(run.model.parameters(), recipe.clip)
    run.optimiser.step()
    run.step += 1
    return {"step": run.step, "loss": value, "learning_rate": rate}
