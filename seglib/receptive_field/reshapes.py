"""Operations that move, cut or join dimensions: view, permute, slice, concatenate and their kin.

Each function takes a `Call` (see `rules.py`) and returns the `Value` of the result.
"""

from dataclasses import replace
from fractions import Fraction

from seglib.receptive_field.graph import (
    AXES,
    SAME,
    Atom,
    Dim,
    Value,
    axes_of,
    channels,
    derive,
    join,
    merge,
    settle,
)
from seglib.receptive_field.index_maps import IDENTITY, Fixed, IndexMap, Window, nearest


def along(axis: int | None, index_map: IndexMap) -> tuple[IndexMap, IndexMap]:
    """A map along one axis, the identity along the other."""
    return tuple(index_map if axis == a else IDENTITY for a in AXES)


def with_dim(dims: tuple[Dim, ...], d: int, *new: Dim) -> tuple[Dim, ...]:
    """The dimensions with number d replaced by others, or left out."""
    d %= len(dims)
    return (*dims[:d], *new, *dims[d + 1 :])


def only_axis(call, value: Value, d: int) -> int | None:
    """The axis that a dimension of a settled value lists position by position, None for channels."""
    dim = merge(value.dims[d])
    if not axes_of(dim):
        return None
    if len(dim) > 1:
        raise call.refuse("it acts along a dimension in which rows, columns or channels are flattened together")
    return dim[0].axis


def view(call) -> Value:
    """Regroup the atoms, row-major, splitting them where a dimension ends inside one."""
    value = call.value("self")
    if value.shape == call.shape:
        return value
    atoms = list(merge(tuple(atom for dim in value.dims for atom in dim)))
    dims = []
    for size in call.shape:
        dim = []
        if size == 1 and atoms and atoms[0].size == 1:
            dim.append(atoms.pop(0))
        while size > 1:
            atom = atoms.pop(0)
            if atom.size > size and atom.size % size == 0:
                inner = atom.size // size
                step = 1 if atom.axis is None else atom.step * inner
                atoms.insert(0, replace(atom, size=inner))
                atom = replace(atom, size=size, step=step)
            if size % atom.size:
                raise call.refuse(f"reshaping {value.shape} to {call.shape} cuts rows or columns unevenly")
            size //= atom.size
            if atom.size > 1:
                dim.append(atom)
        dims.append(tuple(dim))
    return Value(tuple(dims), ((value, SAME),), cause=call.cause)


def permute(call) -> Value:
    """Reorder the dimensions."""
    value = call.value("self")
    order = list(range(len(value.dims)))
    if call.op == "permute":
        order = call["dims"]
    elif call.op == "t":
        order = order[::-1]
    else:
        a, b = call["dim0"], call["dim1"]
        order[a], order[b] = order[b], order[a]
    return derive(value, call.cause, tuple(value.dims[d] for d in order))


def unsqueeze(call) -> Value:
    """Insert a dimension of size 1."""
    value = call.value("self")
    d = call["dim"] % (len(value.dims) + 1)
    return derive(value, call.cause, (*value.dims[:d], (), *value.dims[d:]))


def squeeze(call) -> Value:
    """Drop dimensions of size 1."""
    value = call.value("self")
    dims = call.get("dim")
    dims = range(len(value.dims)) if dims is None else [dims] if isinstance(dims, int) else dims
    dropped = {d % len(value.dims) for d in dims if value.shape[d] == 1}
    return derive(value, call.cause, tuple(dim for d, dim in enumerate(value.dims) if d not in dropped))


def expand(call) -> Value:
    """Repeat dimensions of size 1 without copying."""
    return join([call.value("self")], call.shape, call.cause)


def repeat(call) -> Value:
    """Tile; along rows or columns it is refused."""
    value = call.value("self")
    if any(axes_of(dim) and n > 1 for dim, n in zip(reversed(value.dims), reversed(call["repeats"]), strict=False)):
        raise call.refuse("it tiles the image")
    new = len(call.shape) - len(value.dims)
    dims = tuple(
        dim if axes_of(dim) else channels(n) for dim, n in zip(((),) * new + value.dims, call.shape, strict=True)
    )
    return derive(value, call.cause, dims)


def repeat_interleave(call) -> Value:
    """Repeat every index r times: nearest upsampling."""
    if call["dim"] is None or not isinstance(call["repeats"], int):
        raise call.refuse("it flattens the image, or repeats by a tensor")
    value = settle(call.value("self"), call.cause)
    d = call["dim"] % len(value.dims)
    axis = only_axis(call, value, d)
    if axis is None:
        return derive(value, call.cause, with_dim(value.dims, d, channels(call.shape[d])))
    maps = along(axis, nearest(Fraction(1, call["repeats"])))
    return derive(value, call.cause, with_dim(value.dims, d, (Atom(axis, call.shape[d]),)), maps)


def cut(call, value: Value, d: int, start: int, size: int, step: int = 1) -> Value:
    """Take indices start, start + step, ... along a dimension."""
    d %= len(value.dims)
    if size == value.shape[d]:
        return value
    if not axes_of(value.dims[d]):
        return take_channels(value, d, start, start + (size - 1) * step + 1, size, call.cause)
    value = settle(value, call.cause)
    axis = only_axis(call, value, d)
    dims = with_dim(value.dims, d, channels(size) if axis is None else (Atom(axis, size),))
    return derive(value, call.cause, dims, along(axis, Window(step, start)))


def take_channels(value: Value, d: int, start: int, stop: int, size: int, cause: str) -> Value:
    """Take channels; of a concatenation along them, only the parts that are hit."""
    if value.parts and d == 1:
        edges, first = [], 0
        for edge, part in zip(value.edges, value.parts, strict=True):
            if first < stop and start < first + part:
                edges.append(edge)
            first += part
        return Value(with_dim(value.dims, d, channels(size)), tuple(edges), cause=cause)
    return derive(value, cause, with_dim(value.dims, d, channels(size)))


def slice_(call) -> Value:
    """`x[start:end:step]` along one dimension."""
    value = call.value("self")
    d = call["dim"] % len(value.dims)
    start, _, step = slice(call["start"], call["end"], call["step"]).indices(value.shape[d])
    return cut(call, value, d, start, call.shape[d], step)


def split(call) -> tuple[Value, ...]:
    """All pieces of a dimension."""
    value = call.value("self")
    starts, pieces = 0, []
    for shape in call.shapes:
        size = shape[call["dim"]]
        pieces.append(cut(call, value, call["dim"], starts, size))
        starts += size
    return tuple(pieces)


def select(call) -> Value:
    """`x[index]` along one dimension, which is then gone."""
    value = call.value("self")
    d = call["dim"] % len(value.dims)
    return _selected(call, value, d, call["index"] % value.shape[d])


def unbind(call) -> tuple[Value, ...]:
    """All of `x[0]`, `x[1]`, ... along one dimension."""
    value = call.value("self")
    d = call["dim"] % len(value.dims)
    return tuple(_selected(call, value, d, i) for i in range(value.shape[d]))


def _selected(call, value: Value, d: int, index: int) -> Value:
    if not axes_of(value.dims[d]):
        value = take_channels(value, d, index, index + 1, 1, call.cause)
        return derive(value, call.cause, with_dim(value.dims, d))
    value = settle(value, call.cause)
    axis = only_axis(call, value, d)
    maps = along(axis, IDENTITY if axis is None else Fixed(index))
    return derive(value, call.cause, with_dim(value.dims, d), maps)


def index_select(call) -> Value:
    """Pick channels in any order; rows and columns are refused."""
    value = call.value("self")
    if axes_of(value.dims[call["dim"]]):
        raise call.refuse("it picks rows or columns by a tensor of indices")
    return derive(value, call.cause, with_dim(value.dims, call["dim"], channels(call.shape[call["dim"]])))


def concatenate(call) -> Value:
    """Join along channels; along rows or columns it is refused."""
    sources = [(call.look_up(tensor), tensor.shape) for tensor in call["tensors"] if tensor.numel()]
    d = call["dim"] % len(call.shape)
    if any(value and axes_of(value.dims[d]) for value, _ in sources):
        raise call.refuse("it joins images side by side")
    shape = call.shape
    widened = [derive(value, value.cause, with_dim(value.dims, d, channels(shape[d]))) for value, _ in sources if value]
    joined = join(widened, shape, call.cause)
    if d == 1 and len(widened) == len(sources) > 1:
        joined.parts = tuple(own[1] for _, own in sources)
    return joined


def stack(call) -> Value:
    """Join along a new dimension."""
    values = [call.look_up(tensor) for tensor in call["tensors"]]
    d = call["dim"] % len(call.shape)
    widened = [
        derive(value, call.cause, (*value.dims[:d], channels(call.shape[d]), *value.dims[d:]))
        for value in values
        if value
    ]
    return join(widened, call.shape, call.cause)


def unfold_windows(call) -> Value:
    """`Tensor.unfold`: sliding windows of a dimension, their entries in a new last one."""
    value = settle(call.value("self"), call.cause)
    d = call["dimension"] % len(value.dims)
    axis = only_axis(call, value, d)
    count = call.shape[d]
    dims = (*with_dim(value.dims, d, channels(count) if axis is None else (Atom(axis, count),)), channels(call["size"]))
    return derive(value, call.cause, dims, along(axis, Window(call["step"], 0, call["size"])))
