"""What a network is made of and what it costs, layer by layer: `describe("fcn8s")`.

Multiply-accumulates (MACs) are those of the weights of convolutions, transposed convolutions and fully connected
layers, for one image: one product and one sum count as one, zeros of the padding are multiplied too. Biases,
normalisation, pooling, unpooling and interpolation count nothing. FLOPs, as many tools print them, are twice the MACs.
"""

from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from html import escape
from math import prod

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd
from torch.nn.modules.dropout import _DropoutNd

from seglib import models
from seglib.models._paper import Paper
from seglib.models._upsampling import BilinearUpsampling

# At the top, not in `describe`: torch has loaded what tracing needs by itself, so that this adds 0.04 s.
from seglib.receptive_field import LayerRow, layer_table
from seglib.receptive_field.table import cells

VIEWS = ("slice", "select", "split", "split_with_sizes", "unbind", "view", "permute", "transpose", "expand", "unfold")


@dataclass(frozen=True)
class SummaryRow(LayerRow):
    """One layer: its geometry as in `layer_table`, and what it costs for one image.

    Attributes:
        trainable: parameters that learn; those of a layer called twice are in its first row.
        frozen: parameters with `requires_grad=False`.
        macs: multiply-accumulates of its weights.
        memory: bytes of what it gives out, 0 if it works in place or gives a view of its input.
        label: the layer's name in the paper, which is the last part of its dotted name; all of it where layers share
            that part.
    """

    trainable: int
    frozen: int
    macs: int
    memory: int
    label: str


HEADINGS = ("layer", "type", "output shape", "parameters", "MACs, M", "MB", "kernel", "sees")
NUMBERS = HEADINGS[3:6]  # these columns are aligned at the right, in STYLE too


@dataclass(frozen=True, repr=False)
class Summary:
    """The layers of a network in the order of execution; iterate over it for the rows.

    Attributes:
        name: of the network, as in `MODELS`; the class's for a model that was given.
        paper: the network's record, None for a model that was given.
        input_size: (channels, height, width) of the image.
        rows: its layers, and the operations between them that read other positions or join branches.
        notes: what the numbers leave out.
    """

    name: str
    paper: Paper | None
    input_size: tuple[int, int, int]
    rows: tuple[SummaryRow, ...]
    notes: tuple[str, ...]

    def __iter__(self) -> Iterator[SummaryRow]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, name: str) -> SummaryRow:
        """The row of a layer by its dotted name or its label, the last one if it is called more than once."""
        for row in reversed(self.rows):
            if name in (row.name, row.label):
                return row
        raise KeyError(f"no layer {name!r} in {self.name}; it has {', '.join(row.label for row in self.rows)}")

    @property
    def trainable(self) -> int:
        """Parameters that learn."""
        return sum(row.trainable for row in self.rows)

    @property
    def frozen(self) -> int:
        """Parameters that do not."""
        return sum(row.frozen for row in self.rows)

    @property
    def macs(self) -> int:
        """Multiply-accumulates for one image."""
        return sum(row.macs for row in self.rows)

    @property
    def memory(self) -> int:
        """Bytes of all outputs for one image: about what training keeps for the way back."""
        return sum(row.memory for row in self.rows)

    @property
    def largest(self) -> SummaryRow:
        """The layer with the largest output; inference cannot do with less than that and its input."""
        return max(self.rows, key=lambda row: row.memory)

    @property
    def output_stride(self) -> int | Fraction:
        """Pixels from one unit to the next where the last convolution scores, before its map is upsampled."""
        convolutions = [row for row in self.rows if row.macs and "Transpose" not in row.type]
        return max((convolutions or [self._last])[-1].jump)

    @property
    def receptive_field(self) -> tuple[tuple[int | float, int | float], ...]:
        """Distinct sizes in pixels of what one unit of the output sees."""
        return self._last.sizes

    @property
    def _last(self) -> SummaryRow:
        return next(row for row in reversed(self.rows) if row.sizes)  # parameters that are not called come after it

    @property
    def caption(self) -> str:
        """What the table shows, in one sentence."""
        channels, height, width = self.input_size
        return f"{self.name} on an image of {channels} x {height} x {width}"

    def _about(self) -> list[str]:
        """What the paper says about itself, and what it says differently."""
        if self.paper is None:
            return []
        results = [f"{result.measure}: {result.value} ({result.source})" for result in self.paper.results]
        return results + ([f"In print: {self.paper.printed}"] if self.paper.printed else [])

    def _totals(self) -> list[tuple[str, str]]:
        frozen = f", and {self.frozen:,} frozen" if self.frozen else ""
        return [
            ("Parameters", f"{self.trainable:,}{frozen}"),
            ("Multiply-accumulates", f"{_short(self.macs)} for one image; FLOPs are twice as many"),
            (
                "Activations",
                f"{_short(self.memory)}B in all layers' outputs for one image, about what training keeps; the largest "
                f"is {self.largest.label}'s, {_short(self.largest.memory)}B",
            ),
            ("Output stride", f"{self.output_stride} (pixels from one unit to the next in the finest map that scores)"),
            ("Receptive field", f"{cells(self._last)[-1]} (pixels that one unit of the output sees, each way)"),
        ]

    def __repr__(self) -> str:  # as a data frame's: the table itself, also where a cell ends with it
        lines = [HEADINGS, *(_line(row) for row in self.rows)]
        widths = [max(len(line[column]) for line in lines) for column in range(len(HEADINGS))]
        table = []
        for line in lines:
            cells = zip(HEADINGS, line, widths, strict=True)
            table.append("  ".join(c.rjust(w) if h in NUMBERS else c.ljust(w) for h, c, w in cells).rstrip())
        about = [f"{self.paper.citation}, {self.paper.link}"] if self.paper else []
        totals = [f"{what}: {amount}" for what, amount in self._totals()]
        return "\n".join([self.caption, *about, *self._about(), "", *table, "", *totals, *self.notes])

    def _repr_html_(self) -> str:
        paper = ""
        if self.paper:
            link = escape(self.paper.link)
            paper = f'<p>{escape(self.paper.citation)}, <a href="{link}">{link}</a></p>\n'
            paper += "".join(f"<p>{escape(line)}</p>\n" for line in self._about())
        head = "".join(f'<th scope="col">{heading}</th>' for heading in HEADINGS)
        body = ""
        for row in self.rows:
            label, *cells = map(escape, _line(row))
            cells = "".join(f"<td>{cell}</td>" for cell in cells)
            body += f'<tr><th scope="row" title="{escape(row.name)}">{label}</th>{cells}</tr>\n'
        totals = "".join(f"<dt>{what}</dt><dd>{escape(amount)}</dd>" for what, amount in self._totals())
        notes = "".join(f"<p>{escape(note)}</p>\n" for note in self.notes)
        caption = escape(self.caption)
        # What scrolls must be reachable by keyboard, and what is reachable needs a name: hence tabindex and the label.
        return (
            f'<div class="seglib-summary">\n<style>{STYLE}</style>\n{paper}'
            f'<div class="scroll" tabindex="0" role="region" aria-label="Layers of {caption}">\n'
            f"<table>\n<caption>{caption}</caption>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody>\n</table>\n"
            f"</div>\n<dl>{totals}</dl>\n{notes}</div>"
        )


# The header that stays in place needs the page's colour under it: the book's, JupyterLab's, VS Code's or Colab's.
STYLE = """
.seglib-summary .scroll { max-height: 32rem; overflow: auto; }
.seglib-summary table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
.seglib-summary .scroll :is(th, td) { padding: 0.15rem 0.4rem; font-size: 0.8rem; text-align: left;
  white-space: nowrap; }
.seglib-summary .scroll tr :nth-child(n + 4):nth-child(-n + 6) { text-align: right; }
.seglib-summary thead th { position: sticky; top: 0; background: var(--pst-color-background, var(--jp-layout-color0,
  var(--vscode-editor-background, var(--colab-primary-surface-color, Canvas)))); }
.seglib-summary dl { display: grid; grid-template-columns: max-content 1fr; gap: 0.15rem 1rem; margin: 0.75rem 0; }
.seglib-summary dd { margin: 0; }
"""


def describe(
    name_or_model: str | nn.Module,
    *,
    num_classes: int | None = None,
    in_channels: int | None = None,
    input_size: tuple[int, int] | None = None,
    width: float | None = None,
    **options,
) -> Summary:
    """What a network is made of and what it costs, layer by layer, without computing anything or allocating weights.

    It is taken as it is in eval mode, in which dropout does nothing and receptive fields are finite.

    Args:
        name_or_model: one of `MODELS`, or any module that takes one image N C H W, and is left as it is.
        num_classes: classes; as in the paper where None. For a name only.
        in_channels: channels of the image; as in the paper, or the model's own `in_channels` or 3, where None.
        input_size: (height, width) of the image; as in the paper, or 224 x 224 for a model, where None.
        width: multiplies the channels of every layer; 1.0, the paper's, where None. For a name only.
        **options: of the network, see `options_of`. For a name only.

    Raises:
        ValueError: an unknown name, a wrong value, or an image that the network does not take.
        TypeError: an option that the network does not have, or options for a model that is built already.
        UnsupportedOperationError: the model does something whose receptive field is not known.

    Example:
        >>> summary = describe("fcn8s")
        >>> summary.trainable, summary["fc6"].sizes
        (134362751, ((404, 404),))
    """
    built = {"num_classes": num_classes, "width": width} | options
    if isinstance(name_or_model, nn.Module):
        if given := [option for option, value in built.items() if value is not None]:
            raise TypeError(f"{', '.join(given)}: the model is built already; leave that out, or give a name of MODELS")
        model, name, paper = name_or_model, type(name_or_model).__name__, None
        in_channels = getattr(model, "in_channels", 3) if in_channels is None else in_channels
        input_size = (224, 224) if input_size is None else input_size
    else:
        name, paper = name_or_model, models.PAPERS.get(name_or_model)
        if paper is not None:  # an unknown name is refused by `create`
            num_classes = paper.num_classes if num_classes is None else num_classes
            in_channels = paper.in_channels if in_channels is None else in_channels
            input_size = paper.input_size if input_size is None else input_size
        with torch.device("meta"):
            model = models.create(
                name, num_classes=num_classes, in_channels=in_channels, width=1.0 if width is None else width, **options
            )
    rows = _rows(model, (in_channels, *input_size))
    return Summary(name, paper, (in_channels, *input_size), rows, _notes(model, rows))


@dataclass(frozen=True)
class _Cost:
    """What one call of a layer takes for one image."""

    macs: int
    memory: int


def _rows(model: nn.Module, input_size: tuple[int, int, int]) -> tuple[SummaryRow, ...]:
    layers = {name: module for name, module in model.named_modules() if next(module.children(), None) is None}
    calls: dict[str, deque[_Cost]] = defaultdict(deque)
    hooks = [layer.register_forward_hook(partial(_note_call, calls[name])) for name, layer in layers.items()]
    training = [module for module in model.modules() if module.training]
    model.eval()
    try:
        table = layer_table(model, input_size)  # the hooks see what it traces: tensors with a shape and no memory
    finally:
        for module in training:
            module.training = True
        for hook in hooks:
            hook.remove()
    element = next((p.element_size() for p in model.parameters()), 4)
    last_parts = Counter(name.rpartition(".")[2] for name in {row.name for row in table})
    left = dict(model.named_parameters())
    rows = []
    for row in table:
        parameters = {name: left.pop(name) for name in [*left] if name.rpartition(".")[0] == row.name}
        if row.name in layers:
            cost = calls[row.name].popleft()
        else:  # an operation that the forward of a module with children calls itself
            cost = _Cost(0, 0 if row.type in VIEWS else prod(row.shape) * element)
        last_part = row.name.rpartition(".")[2]
        label = last_part if last_parts[last_part] == 1 else row.name
        rows.append(SummaryRow(**vars(row), **_count(parameters.values()), **vars(cost), label=label))
    for name, parameter in left.items():  # not of a layer that the forward calls
        nothing = LayerRow(name, "Parameter", (), None, None, None, None, (0, 0), ())
        rows.append(SummaryRow(**vars(nothing), **_count([parameter]), macs=0, memory=0, label=name))
    return tuple(rows)


def _note_call(calls: deque[_Cost], layer: nn.Module, inputs: tuple, output: object) -> None:
    """A forward hook that writes down what a call of a layer takes, by shapes only: the pass is being recorded."""
    outputs = _tensors(output)
    storages = [tensor.untyped_storage()._cdata for tensor in _tensors(inputs)]
    if isinstance(layer, _DropoutNd):  # hands on its input when it does not train; some PyTorch traces a copy of it
        storages += [tensor.untyped_storage()._cdata for tensor in outputs]
    fresh = [tensor for tensor in outputs if tensor.untyped_storage()._cdata not in storages]
    memory = sum(tensor.shape[1:].numel() * tensor.element_size() for tensor in fresh)
    macs = 0
    if isinstance(layer, _ConvTransposeNd):  # each input is multiplied by its kernels, one for every output channel
        macs = inputs[0].shape[1:].numel() * layer.weight.shape[1:].numel()
    elif isinstance(layer, (_ConvNd, nn.Linear)):  # each output is the sum of so many products
        macs = outputs[0].shape[1:].numel() * layer.weight.shape[1:].numel()
    calls.append(_Cost(macs, memory))


def _tensors(given: object) -> list[Tensor]:
    return [tensor for tensor in (given if isinstance(given, tuple) else (given,)) if isinstance(tensor, Tensor)]


def _count(parameters: Iterable[nn.Parameter]) -> dict[str, int]:
    count = {True: 0, False: 0}
    for parameter in parameters:
        count[parameter.requires_grad] += parameter.numel()
    return {"trainable": count[True], "frozen": count[False]}


def _notes(model: nn.Module, rows: tuple[SummaryRow, ...]) -> tuple[str, ...]:
    layers = dict(model.named_modules())
    notes = []
    if names := [row.label for row in rows if isinstance(layers.get(row.name), BilinearUpsampling)]:
        notes.append(
            f"{', '.join(names)}: a frozen transposed convolution in the paper, computed by interpolation here; it "
            "counts no parameters and no multiply-accumulates."
        )
    uncounted = [row.name for row in rows if not row.macs and _multiplies(row, layers.get(row.name))]
    if uncounted:
        notes.append(
            f"The multiply-accumulates of {', '.join(dict.fromkeys(uncounted))} are not counted: only those of "
            "nn.Conv2d, nn.ConvTranspose2d, nn.Linear and the like are."
        )
    if statistics := sum(b.numel() for b in model.buffers() if b.is_floating_point()):
        notes.append(f"{statistics:,} numbers in buffers, such as running means and variances, are no parameters.")
    return tuple(notes)


def _multiplies(row: SummaryRow, layer: nn.Module | None) -> bool:
    """Whether a row without multiply-accumulates has a kernel of its own or is a convolution called as a function."""
    if layer is None:
        return "conv" in row.type or row.type in ("Parameter", "mm", "bmm", "addmm", "baddbmm")
    return any(parameter.ndim > 1 for parameter in layer.parameters(recurse=False))


def _line(row: SummaryRow) -> tuple[str, ...]:
    _, kind, shape, kernel, stride, dilation, _, _, sees = cells(row)
    parameters = f"{row.trainable:,}" if row.trainable else ""
    if row.frozen:
        parameters += f"{parameters and ' + '}{row.frozen:,} frozen"
    macs = f"{row.macs / 1e6:,.1f}" if row.macs else ""
    memory = f"{row.memory / 1e6:,.1f}" if row.memory else ""
    kernel += f" stride {stride}" if stride not in ("", "1") else ""
    kernel += f" dilation {dilation}" if dilation not in ("", "1") else ""
    return row.label, kind, shape, parameters, macs, memory, kernel, sees


def _short(number: int) -> str:
    """Three digits and a unit: 181 G."""
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if number >= 0.9995 * size:
            return f"{number / size:#.3g}".removesuffix(".") + f" {unit}"
    return f"{number} "
