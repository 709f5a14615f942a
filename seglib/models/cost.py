"""What networks take on this computer: parameters, multiply-accumulates, memory and time, measured in turns.

    >>> print(measure({"SegNet": segnet, "DeconvNet": deconvnet}, input_size=(360, 480)))  # doctest: +SKIP

Time is measured: forward passes in turns, A B B A ..., so that whatever else the computer does hits all alike.

Memory is counted: after each operation, the bytes of all tensors that somebody still needs, those of the weights
apart. The largest such sum is the least that the pass can do with. What an operation takes for itself while it runs
is not in it (a convolution may unfold its input), nor what an allocator holds back. On a GPU the most that PyTorch had
allocated at any moment is measured beside it, which has the former in it.
"""

import copy
import platform
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from statistics import median

import torch
from torch import Tensor, nn
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from seglib.models._checks import at_least_one
from seglib.models.summary import _note_call


class LiveBytes(TorchDispatchMode):
    """Counts, after each operation, the bytes of all tensors made since it was entered that are still needed.

    Views share their memory and count once. What an operation needs for itself alone is not seen.

    Attributes:
        peak: the largest count so far.
    """

    def __init__(self):
        super().__init__()
        self.peak = 0
        self._storages: dict[StorageWeakRef, int] = {}

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        given = {StorageWeakRef(tensor.untyped_storage()) for tensor in _tensors_in((args, kwargs))}
        result = func(*args, **(kwargs or {}))
        for tensor in _tensors_in(result):
            storage = tensor.untyped_storage()
            reference = StorageWeakRef(storage)
            if reference not in given:  # weights and images were there before
                self._storages[reference] = storage.nbytes()
        self._storages = {reference: n for reference, n in self._storages.items() if not reference.expired()}
        self.peak = max(self.peak, sum(self._storages.values()))
        return result


def live_bytes(
    model: nn.Module,
    input_size: tuple[int, int],
    *,
    in_channels: int | None = None,
    batch: int = 1,
    training: bool = False,
) -> int:
    """Most bytes that a forward pass in eval mode, without gradients, needs at once beside weights and images.

    Nothing is computed: the pass runs on tensors that have a shape and no numbers. The model is left as it is.

    Args:
        model: takes images `N C H W`.
        input_size: `(h, w)` of the images.
        in_channels: of the images; None takes the model's own `in_channels`, or 3.
        batch: images.
        training: count a forward and a backward pass in train mode instead, the gradients of all weights included, but
            nothing of an optimiser.
    """
    return _counted(model, (batch, _channels(model, in_channels), *input_size), training)[0]


def _counted(model: nn.Module, shape: tuple[int, ...], training: bool = False) -> tuple[int, int]:
    """Bytes needed at once for images of this shape, and multiply-accumulates for one of them."""
    memo = {id(tensor): _on_meta(tensor) for tensor in (*model.parameters(), *model.buffers())}
    hollow = copy.deepcopy(model, memo).eval()  # the weights of the copy have no numbers either
    calls: deque = deque()
    for layer in hollow.modules():
        if next(layer.children(), None) is None:
            layer.register_forward_hook(partial(_note_call, calls))
    images = torch.empty(shape, device="meta")
    if training:
        wanted = [parameter for parameter in hollow.train().parameters() if parameter.requires_grad]
        with LiveBytes() as live:
            torch.autograd.grad(hollow(images).square().mean(), wanted)
    else:
        with torch.inference_mode(), LiveBytes() as live:
            hollow(images)
    return live.peak, sum(call.macs for call in calls)


def _on_meta(tensor: Tensor) -> Tensor:
    hollow = torch.empty_like(tensor, device="meta")
    return nn.Parameter(hollow, requires_grad=tensor.requires_grad) if isinstance(tensor, nn.Parameter) else hollow


def _tensors_in(tree) -> list[Tensor]:
    return [leaf for leaf in tree_leaves(tree) if isinstance(leaf, Tensor)]


def _channels(model: nn.Module, in_channels: int | None) -> int:
    return getattr(model, "in_channels", 3) if in_channels is None else in_channels


@dataclass(frozen=True)
class Cost:
    """What one network takes.

    Attributes:
        parameters: all of them, frozen ones too.
        macs: multiply-accumulates for one image, see `describe`.
        weight_bytes: of parameters and buffers.
        live_bytes: counted: most bytes needed at once beside them, for the batch.
        allocated_bytes: measured on a GPU: most bytes allocated at once, weights and images included; None on a CPU.
        seconds: of each forward pass, in the order of the turns.
    """

    parameters: int
    macs: int
    weight_bytes: int
    live_bytes: int
    allocated_bytes: int | None
    seconds: tuple[float, ...]

    @property
    def memory(self) -> int:
        """Weights, and what is needed at once beside them, in bytes."""
        return self.weight_bytes + self.live_bytes

    @property
    def median(self) -> float:
        """Seconds: half of the passes took longer."""
        return median(self.seconds)


@dataclass(frozen=True, repr=False)
class Costs(Mapping[str, Cost]):
    """What several networks take; `print` shows a table, and a name gives a network's `Cost`.

    Attributes:
        costs: by the networks' names.
        device: what they ran on, in words.
        images: number, channels, height and width.
    """

    costs: dict[str, Cost]
    device: str
    images: tuple[int, int, int, int]

    def __getitem__(self, name: str) -> Cost:
        return self.costs[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.costs)

    def __len__(self) -> int:
        return len(self.costs)

    def __repr__(self) -> str:
        n, *image = self.images
        repeats = len(next(iter(self.costs.values())).seconds)
        on_gpu = any(cost.allocated_bytes is not None for cost in self.values())
        heads = ["", "parameters", "MACs", "weights", "maps", "allocated", "time (least, most)"]
        lines = [heads if on_gpu else [head for head in heads if head != "allocated"]]
        for name, cost in self.items():
            allocated = [] if cost.allocated_bytes is None else [f"{cost.allocated_bytes / 1e6:.0f} MB"]
            lines.append(
                [
                    name,
                    f"{cost.parameters / 1e6:.2f} M",
                    f"{cost.macs / 1e9:.2f} G",
                    f"{cost.weight_bytes / 1e6:.1f} MB",
                    f"{cost.live_bytes / 1e6:.1f} MB",
                    *allocated,
                    f"{_ms(cost.median)} ms ({_ms(min(cost.seconds))}, {_ms(max(cost.seconds))})",
                ]
            )
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        table = []
        for first, *rest in lines:
            cells = (cell.rjust(width) for cell, width in zip(rest, widths[1:], strict=True))
            table.append("  ".join([first.ljust(widths[0]), *cells]))
        size = " x ".join(map(str, image))
        return "\n".join(
            [
                f"{self.device}; {n} image{'s' * (n > 1)} of {size}, {repeats} passes each, in turns",
                *table,
                "maps: counted, the most that is needed at once beside the weights"
                + ("; allocated: measured, all together, with what operations take for themselves" if on_gpu else ""),
            ]
        )


def measure(
    networks: Mapping[str, nn.Module],
    *,
    input_size: tuple[int, int],
    in_channels: int | None = None,
    batch: int = 1,
    repeats: int = 5,
    device: torch.device | str | None = None,
) -> Costs:
    """Measure forward passes of networks, in eval mode and without gradients, in turns.

    Args:
        networks: by the names that they shall have in the table. They are moved to the device and stay there; each of
            their modules is left in the mode that it was in. Those on the meta device have no weights and get random
            ones: the quickest way to a large network that shall not predict anything.
        input_size: `(h, w)` of the images, which are random.
        in_channels: of the images; None takes the first network's own `in_channels`, or 3.
        batch: images in one pass.
        repeats: passes of each network that are timed, after one that is not.
        device: None for a GPU if there is one, else the CPU with as many threads as PyTorch has.

    Raises:
        ValueError: no network; batch or repeats below 1; or a network does not take such images.
    """
    if not networks:
        raise ValueError("no network is given: networks={name: module}")
    at_least_one("batch", batch)
    at_least_one("repeats", repeats)
    if device is None:
        device = "cuda" if torch.cuda.is_available() else "cpu"
    device = torch.device(device)
    channels = _channels(next(iter(networks.values())), in_channels)
    counted = {name: _counted(model, (batch, channels, *input_size)) for name, model in networks.items()}
    modes = {module: module.training for model in networks.values() for module in model.modules()}
    taken: dict[str, list[float]] = {name: [] for name in networks}
    allocated: dict[str, int | None] = {}
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []), torch.inference_mode():
        torch.manual_seed(0)
        images = torch.randn(batch, channels, *input_size).to(device)
        try:
            for name, model in networks.items():
                _to(model.eval(), device)
                allocated[name] = _allocated(model, images)  # the pass that is not timed
            for turn in range(repeats):
                for name in networks if turn % 2 else reversed(networks):
                    taken[name].append(_seconds(lambda model=networks[name]: model(images), device))
        finally:
            for module, training in modes.items():
                module.training = training
    costs = {
        name: Cost(
            parameters=sum(parameter.numel() for parameter in model.parameters()),
            macs=counted[name][1],
            weight_bytes=sum(tensor.nbytes for tensor in (*model.parameters(), *model.buffers())),
            live_bytes=counted[name][0],
            allocated_bytes=allocated[name],
            seconds=tuple(taken[name]),
        )
        for name, model in networks.items()
    }
    return Costs(costs, _words(device), tuple(images.shape))


def _to(model: nn.Module, device: torch.device) -> None:
    if not any(tensor.is_meta for tensor in (*model.parameters(), *model.buffers())):
        model.to(device)
        return
    model.to_empty(device=device)
    for tensor in (*model.parameters(), *model.buffers()):
        tensor.detach().zero_()  # what no module sets below: uninitialised memory may hold anything
    for module in model.modules():
        if hasattr(module, "reset_parameters"):
            module.reset_parameters()


def _allocated(model: nn.Module, images: Tensor) -> int | None:
    """Run once; on a GPU, the most bytes that were allocated for this network, its weights and images included."""
    if images.device.type != "cuda":
        model(images)
        return None
    model(images)  # libraries take memory once
    with peak_on_gpu(images.device) as peak:
        model(images)
    return peak[0] + images.nbytes + sum(tensor.nbytes for tensor in (*model.parameters(), *model.buffers()))


@contextmanager
def peak_on_gpu(device: torch.device) -> Iterator[list[int]]:
    """Fills the list with the most bytes that were allocated at once, beyond those that were before."""
    peak: list[int] = []
    torch.cuda.synchronize(device)
    torch.cuda.reset_peak_memory_stats(device)
    before = torch.cuda.memory_allocated(device)
    yield peak
    torch.cuda.synchronize(device)
    peak.append(torch.cuda.max_memory_allocated(device) - before)


def _seconds(work: Callable[[], object], device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    began = time.perf_counter()
    work()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - began


def _words(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    threads = torch.get_num_threads()
    return f"{device.type.upper()} ({platform.machine()}, {threads} thread{'s' * (threads > 1)})"


def _ms(seconds: float) -> str:
    return f"{1000 * seconds:.{0 if seconds >= 0.1 else 1}f}"
