"""A network as `ArchitectureViewer` draws it: its layers, who reads whom, blocks of layers, stages of blocks.

What a layer is and what it costs comes from `models.describe`. Here is added what a table cannot say. A *read* is an
edge of the real graph, found by following tensors through one forward pass without memory. A *block* is a convolution
with the normalisation, activation and dropout around it, or any other layer; a *stage* is a run of blocks that ends
with pooling, begins with upsampling, or is a module of its own. Two networks are *matched* block by block: by equal
names first, and between those by kind, stride and channels.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from math import inf
from typing import Any

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.func import functional_call
from torch.utils._python_dispatch import TorchDispatchMode

from seglib.models.summary import Summary, SummaryRow
from seglib.receptive_field.mixing import pointwise
from seglib.receptive_field.rules import name_of, rule_for

IMAGE = -1  # what reads the image itself
KINDS = ("conv", "deconv", "pool", "unpool", "upsample", "concat", "sum", "crop", "pointwise", "other")
JOINS = ("concat", "sum")
WEIGHTED = ("conv", "deconv")
FAMILIES = {"conv": "conv", "deconv": "conv", "pool": "pool", "unpool": "up", "upsample": "up", "concat": "join"}
FAMILIES |= {"sum": "join", "crop": "crop"}


@dataclass(frozen=True)
class Read:
    """An edge: the row it comes from, `IMAGE` for the image, and whether it carries the places of maxima."""

    row: int
    switches: bool = False


@dataclass(frozen=True)
class Block:
    """Consecutive rows that are drawn as one.

    Attributes:
        rows: their numbers.
        leader: number of the row that gives the block its name and its look.
    """

    rows: tuple[int, ...]
    leader: int


@dataclass(frozen=True)
class Graph:
    """A network to draw.

    Attributes:
        summary: its layers, from `models.describe`.
        reads: for every row what it reads.
        kinds: for every row one of `KINDS`.
        ups: for every row whether it makes its map finer.
        blocks: in the order of execution.
        stages: for each the numbers of its first block and of the one after its last.
    """

    summary: Summary
    reads: tuple[tuple[Read, ...], ...]
    kinds: tuple[str, ...]
    ups: tuple[bool, ...]
    blocks: tuple[Block, ...]
    stages: tuple[tuple[int, int], ...]

    @property
    def ids(self) -> list[str]:
        """A name for every row that no other has: its label, with #2, #3 ... where a label comes again."""
        seen: Counter[str] = Counter()
        ids = []
        for row in self.summary:
            seen[row.label] += 1
            ids.append(row.label if seen[row.label] == 1 else f"{row.label}#{seen[row.label]}")
        return ids

    def skips(self) -> list[tuple[int, int, str]]:
        """Edges from a block to one of a later stage that pass over others: (from, to, how).

        How is "switches", "concat", "sum" or "skip". What a stage reads of its own, and of the block right before it,
        is no skip. A branch that only prepares a join is looked through: the skip of FCN-8s is from pool4 to the sum,
        by way of score_pool4 and a crop.
        """
        block_of = {row: number for number, block in enumerate(self.blocks) for row in block.rows}
        stage_of = {block: number for number, (a, b) in enumerate(self.stages) for block in range(a, b)}
        found: dict[tuple[int, int, str], None] = {}
        looked_through: set[int] = set()
        for row, reads in reversed(list(enumerate(self.reads))):
            target = block_of[row]
            start = self.stages[stage_of[target]][0]
            for read in reads:
                if read.row == IMAGE or (len(reads) == 1 and (read.row == row - 1 or row in looked_through)):
                    continue
                origin = read.row
                if len(reads) > 1 and not read.switches:
                    branch = self._branch(read.row, block_of, start)
                    looked_through |= set(branch)
                    origin = self.reads[branch[-1]][0].row if branch else read.row
                source = block_of[origin]
                if read.switches or (stage_of[source] != stage_of[target] and source != start - 1):
                    how = "switches" if read.switches else self.kinds[row] if self.kinds[row] in JOINS else "skip"
                    found[source, target, how] = None
        return sorted(found)

    def _branch(self, row: int, block_of: dict[int, int], start: int) -> list[int]:
        """Rows from `row` backwards to one that reads another than the row before it; none if there is no such."""
        branch = []
        while len(self.reads[row]) == 1 and block_of[row] >= start and self.reads[row][0].row != IMAGE:
            branch.append(row)
            if self.reads[row][0].row != row - 1:
                return branch
            row -= 1
        return []


def read_graph(model: nn.Module, summary: Summary) -> Graph:
    """The graph of a model, `summary` being what `describe` says of it for the same image.

    Raises:
        ValueError: the model does another thing each time it is called.
    """
    reads = follow(model, summary)
    rows = summary.rows
    kinds = tuple(kind_of(row, [rows[r.row] for r in read if not r.switches and r.row != IMAGE], len(read), summary)
                  for row, read in zip(rows, reads, strict=True))  # fmt: skip
    ups = tuple(is_up(row, read, rows) for row, read in zip(rows, reads, strict=True))
    blocks = tuple(make_blocks(rows, reads, kinds))
    return Graph(summary, reads, kinds, ups, blocks, make_stages(rows, kinds, ups, blocks))


# Who reads whom ---------------------------------------------------------------------------------------------------


class _Follower(TorchDispatchMode):
    """Keeps for every tensor the rows that made it; operations inside a layer belong to the layer."""

    def __init__(self, rows: Sequence[SummaryRow], names: dict[int, str]):
        super().__init__()
        self.rows, self.names = rows, names
        self.reads: list[tuple[Read, ...]] = []
        self.sources: dict[int, tuple[Read, ...]] = {}
        self.alive: list[Tensor] = []  # tensors are known by id, so that no id may be used twice
        self.modules: list[nn.Module] = []
        self.inside = 0  # layers at work

    def bind(self, tensor: Tensor, sources: tuple[Read, ...]) -> None:
        self.alive.append(tensor)
        self.sources[id(tensor)] = sources

    def sources_of(self, tree: Any) -> tuple[Read, ...]:
        found: dict[Read, None] = {}
        for tensor in _tensors(tree):
            # the places of maxima are the only whole numbers that travel between layers
            for read in self.sources.get(id(tensor), ()):
                found[Read(read.row, read.switches or not tensor.is_floating_point())] = None
        return tuple(found)

    def take(self, name: str, kind: str, shape: tuple[int, ...], reads: tuple[Read, ...]) -> tuple[Read, ...] | None:
        """Make the next row of this, if that is what comes next."""
        number = len(self.reads)
        if number < len(self.rows):
            row = self.rows[number]
            if (row.name, row.type, row.shape) == (name, kind, shape):
                self.reads.append(reads)
                return (Read(number),)
        return None

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        reads = () if self.inside or func.namespace != "aten" else self.sources_of([args, kwargs])
        if reads and rule_for(func) is None:
            with self:
                result = func.decompose(*args, **kwargs)
            if result is not NotImplemented:
                return result
        result = func(*args, **kwargs)
        results = _tensors(result)
        if reads and results:
            prefix = self.names.get(id(self.modules[-1]), "")
            op = name_of(func).rstrip("_")
            alone = len(reads) == 1 and (rule_for(func) is pointwise or _same_size(results[0], args))
            row = None
            if not alone:
                row = self.take(f"{prefix}.{op}" if prefix else op, op, tuple(results[0].shape[1:]), reads)
            for tensor in results:
                self.bind(tensor, row or reads)
        return result

    def enter(self, module: nn.Module, args: tuple, kwargs: dict) -> None:
        self.modules.append(module)
        self.inside += _is_layer(module)

    def leave(self, module: nn.Module, args: tuple, kwargs: dict, output: Any) -> None:
        self.modules.pop()
        if not _is_layer(module):
            return
        self.inside -= 1
        results = _tensors(output)
        if self.inside or not results:
            return
        reads = self.sources_of([args, kwargs])
        name = self.names[id(module)]
        row = self.take(name, type(module).__name__, tuple(results[0].shape[1:]), reads)
        for tensor in results:
            self.bind(tensor, row or reads)


def follow(model: nn.Module, summary: Summary) -> tuple[tuple[Read, ...], ...]:
    """For every row of the summary what it reads; the model stays as it is."""
    rows = [row for row in summary if row.type != "Parameter"]
    follower = _Follower(rows, {id(module): name for name, module in model.named_modules()})
    state = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    example = next((t for t in state.values() if t.is_floating_point()), torch.empty(0))
    training = [module for module in model.modules() if module.training]
    with ExitStack() as stack:
        stack.callback(lambda: [setattr(module, "training", True) for module in training])
        for module in model.modules():
            for register, hook in (
                (module.register_forward_pre_hook, follower.enter),
                (partial(module.register_forward_hook, always_call=False), follower.leave),
            ):
                stack.callback(register(hook, with_kwargs=True).remove)
        model.eval()
        with FakeTensorMode(allow_non_fake_inputs=True), torch.inference_mode():
            image = torch.empty(2, *summary.input_size, dtype=example.dtype, device=example.device)
            state = {name: torch.empty(t.shape, dtype=t.dtype, device=t.device) for name, t in state.items()}
            follower.bind(image, (Read(IMAGE),))
            with follower:
                functional_call(model, state, (image,))
    if len(follower.reads) != len(rows):
        lost = rows[len(follower.reads)].name
        raise ValueError(f"{summary.name}: its graph could not be followed to {lost}; does it do the same each time?")
    return (*follower.reads, *(() for row in summary if row.type == "Parameter"))


def _is_layer(module: nn.Module) -> bool:
    return next(module.children(), None) is None


def _tensors(tree: Any) -> list[Tensor]:
    if isinstance(tree, Tensor):
        return [tree]
    if isinstance(tree, dict):
        tree = list(tree.values())
    return [tensor for branch in tree for tensor in _tensors(branch)] if isinstance(tree, (list, tuple)) else []


def _same_size(result: Tensor, args: Any) -> bool:
    """Whether an operation on one tensor leaves its size as it is: a slice that takes all."""
    given = _tensors(args)
    return len(given) == 1 and given[0].shape == result.shape


# What a row is ------------------------------------------------------------------------------------------------------


def kind_of(row: SummaryRow, sources: Sequence[SummaryRow], reads: int, summary: Summary) -> str:
    """One of `KINDS`."""
    name = row.type.lower()
    if not row.shape:
        return "other"  # parameters that nothing calls
    if "unpool" in name:
        return "unpool"
    if row.macs or "conv" in name:
        return "deconv" if "transpose" in name else "conv"
    if "pool" in name:
        return "pool"
    if reads > 1:
        channels = sum(source.shape[0] for source in sources if source.shape)
        return "concat" if "cat" in name or (len(sources) == reads and channels == row.shape[0]) else "sum"
    jump, shape = ((1, 1), summary.input_size) if not sources else (sources[0].jump, sources[0].shape)
    if row.jump[0] and row.jump[0] < jump[0]:
        return "upsample"
    if row.shape == shape:
        return "pointwise"
    return "crop" if name in ("slice", "pad", "constant_pad_nd", "reflection_pad2d") or "pad" in name else "other"


def is_up(row: SummaryRow, reads: Sequence[Read], rows: Sequence[SummaryRow]) -> bool:
    """Whether a row's map is finer than the one it reads."""
    before = [rows[read.row].jump[0] for read in reads if not read.switches and read.row != IMAGE]
    return bool(before and row.jump[0]) and row.jump[0] < min(before)


def make_blocks(rows: Sequence[SummaryRow], reads: Sequence[Sequence[Read]], kinds: Sequence[str]) -> Iterator[Block]:
    """Rows in groups, each a layer with what belongs to it."""
    group: list[int] = []
    readers = Counter(read.row for own in reads for read in own)

    def close() -> Block:
        weighted = [row for row in group if kinds[row] in WEIGHTED]
        lead = weighted[0] if weighted else group[-1] if kinds[group[0]] == "crop" else group[0]
        return Block(tuple(group), lead)

    for number, row in enumerate(rows):
        follows = bool(group) and [read.row for read in reads[number]] == [group[-1]]
        has_weights = any(kinds[other] in WEIGHTED for other in group)
        if kinds[number] == "pointwise":
            # a normalisation behind a pool or a join belongs to the convolution that comes; so does one behind a
            # convolution that others read too, as in a DenseNet
            own = has_weights and readers[group[-1]] == 1
            joins = follows and (own or "norm" not in row.type.lower())
        elif kinds[number] in WEIGHTED:
            joins = follows and all(kinds[other] == "pointwise" for other in group)
        else:
            joins = follows and kinds[number] == "crop" == kinds[group[-1]]
        if group and not joins:
            yield close()
            group = []
        group.append(number)
    if group:
        yield close()


def make_stages(
    rows: Sequence[SummaryRow], kinds: Sequence[str], ups: Sequence[bool], blocks: Sequence[Block]
) -> tuple[tuple[int, int], ...]:
    """Runs of blocks, each as (first, one after the last)."""
    moves = ("pool", "unpool", "upsample", "concat", "sum", "crop", "other")
    first_part = [rows[block.leader].name.partition(".")[::2] for block in blocks]
    containers = [name if rest else "" for name, rest in first_part]
    # a module that pools or upsamples is a way from one stage to the next, and none itself
    passages = {name for name, block in zip(containers, blocks, strict=True)
                if kinds[block.leader] == "pool" or ups[block.leader]}  # fmt: skip
    places = [None if kinds[b.leader] in moves or ups[b.leader] or (c and c in passages) else c
              for c, b in zip(containers, blocks, strict=True)]  # fmt: skip
    starts, here = [0], places[0] if places else None
    for number in range(1, len(blocks)):
        before, now = (kinds[blocks[n].leader] for n in (number - 1, number))
        opens = ups[blocks[number].leader]
        closed = before == "pool" and now != "pool"
        lonely = places[number : number + 2] != [places[number]] * 2
        elsewhere = places[number] is not None and here is not None and places[number] != here and not lonely
        if opens or closed or elsewhere:
            starts.append(number)
            here = None
        here = places[number] if places[number] is not None else here
    return tuple(zip(starts, [*starts[1:], len(blocks)], strict=True))


# Two networks ---------------------------------------------------------------------------------------------------------


def match(one: Graph, other: Graph) -> list[tuple[int, int]]:
    """Pairs of blocks that stand for each other, in order.

    Blocks of equal name are pairs. Between two such pairs blocks of one family are (both convolve, pool, upsample or
    join) if they have the same stride or as many channels: as many as possible, the more alike before the less.
    """
    leaders = [[graph.summary.rows[block.leader] for block in graph.blocks] for graph in (one, other)]
    kinds = [[graph.kinds[block.leader] for block in graph.blocks] for graph in (one, other)]
    names = [[row.label for row in rows] for rows in leaders]
    unique = [{name for name, count in Counter(labels).items() if count == 1} for labels in names]

    def same_name(a: int, b: int) -> float:
        return float(names[0][a] == names[1][b] and names[0][a] in unique[0] & unique[1])

    def alike(a: int, b: int) -> float:
        first, second = leaders[0][a], leaders[1][b]
        if "other" in (kinds[0][a], kinds[1][b]):
            return 0.0
        families = [FAMILIES["upsample"] if graph.ups[graph.blocks[n].leader] else FAMILIES[k[n]]
                    for graph, k, n in ((one, kinds[0], a), (other, kinds[1], b))]  # fmt: skip
        channels = first.shape[0] == second.shape[0]
        if families[0] != families[1] or not (channels or first.jump == second.jump):
            return 0.0
        return 0.4 + (first.jump == second.jump) + 0.5 * channels + 0.25 * (first.kernel == second.kernel)

    anchors = _best_pairs(range(len(names[0])), range(len(names[1])), same_name)
    pairs, before = [], (-1, -1)
    for anchor in [*anchors, (len(names[0]), len(names[1]))]:
        pairs += _best_pairs(range(before[0] + 1, anchor[0]), range(before[1] + 1, anchor[1]), alike)
        pairs.append(anchor)
        before = anchor
    return pairs[:-1]


def _best_pairs(left: range, right: range, score: Any) -> list[tuple[int, int]]:
    """Pairs in rising order with the largest sum of scores; none of score 0."""
    best = [[0.0] * (len(right) + 1) for _ in range(len(left) + 1)]
    for i in reversed(range(len(left))):
        for j in reversed(range(len(right))):
            pair = score(left[i], right[j])
            both = pair + best[i + 1][j + 1] if pair else 0.0
            best[i][j] = max(best[i + 1][j], best[i][j + 1], both)
    pairs, i, j = [], 0, 0
    while i < len(left) and j < len(right):
        pair = score(left[i], right[j])
        if pair and best[i][j] == pair + best[i + 1][j + 1]:
            pairs.append((left[i], right[j]))
            i, j = i + 1, j + 1
        elif best[i][j] == best[i + 1][j]:
            i += 1
        else:
            j += 1
    return pairs


# For the page -------------------------------------------------------------------------------------------------------


def to_page(graph: Graph, title: str, code: dict[str, Any] | None) -> dict[str, Any]:
    """The graph as small JSON: one list for every property, what repeats said once.

    Reads are left out where a row reads the row before it alone. Sizes of fields are heights in pixels, -1 for the
    whole image. Kernels, shapes, types and fields are numbers of entries in `words`.
    """
    words: dict[str, list] = {"type": [], "shape": [], "kernel": [], "sees": [], "jump": []}

    def word(kind: str, value: Any) -> int:
        if value not in words[kind]:
            words[kind].append(value)
        return words[kind].index(value)

    rows = graph.summary.rows
    reads = {}
    for number, read in enumerate(graph.reads):
        if read != (Read(number - 1),):
            reads[str(number)] = [[r.row, 1] if r.switches else [r.row] for r in read]
    return {
        "title": title,
        "code": code,
        "input": list(graph.summary.input_size),
        "words": words,
        "id": graph.ids,
        "type": [word("type", row.type) for row in rows],
        "shape": [word("shape", list(row.shape)) for row in rows],
        "kernel": [word("kernel", kernel_text(row)) for row in rows],
        "sees": [word("sees", heights(row)) for row in rows],
        "jump": [word("jump", str(row.jump[0])) for row in rows],
        "kind": [KINDS.index(kind) for kind in graph.kinds],
        "up": [number for number, up in enumerate(graph.ups) if up],
        "trainable": [row.trainable for row in rows],
        "frozen": [row.frozen for row in rows],
        "macs": [row.macs for row in rows],
        "memory": [row.memory for row in rows],
        "reads": reads,
        "blocks": [[block.leader, len(block.rows)] for block in graph.blocks],
        "stages": [a for a, _ in graph.stages],
        "skips": [list(skip) for skip in graph.skips()],
        "output": {
            "stride": str(graph.summary.output_stride),
            "sees": sorted({h if h != inf else -1 for h, _ in graph.summary.receptive_field}),
        },
    }


def kernel_text(row: SummaryRow) -> str:
    """Kernel, stride, padding and dilation in words, those that differ from 1 and 0 only."""
    if row.kernel is None or len(row.kernel) != 2:
        return ""

    def pair(values: tuple[int, ...]) -> str:
        return str(values[0]) if len(set(values)) == 1 else " × ".join(map(str, values))

    text = f"{row.kernel[0]} × {row.kernel[1]}"
    for name, usual in (("stride", 1), ("padding", 0), ("dilation", 1)):
        values = getattr(row, name)
        if values and set(values) != {usual}:
            text += f", {name} {pair(values)}"
    return text


def heights(row: SummaryRow) -> list[int]:
    """Distinct heights of the field, at most the smallest and the largest of many; -1 for the whole image."""
    found = sorted({-1 if height == inf else int(height) for height, _ in row.sizes})
    return found if len(found) <= 2 else [found[0], found[-1], len(found)]
