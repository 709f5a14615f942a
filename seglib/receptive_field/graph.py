"""Values of a traced network: where the rows and columns of the image lie in a tensor, and what each unit reads.

A traced tensor is a `Value`. Each of its dimensions is a tuple of `Atom`s, in row-major order: channels and batch have
no axis, the rows of the image are axis 0, its columns axis 1. A flattened map is one dimension of two atoms; a window
partition splits the rows into a coarse atom (which window) and a fine one (which row of it). Reshaping and permuting
only rearrange atoms. Edges lead to the values that an operation read, with one index map per axis.

Channels are not told apart: a unit is a position, its field the union over the channels there, and every operation is
taken to mix them as a convolution does. Only a slice of the channels of a concatenation is followed to the parts that
it takes. So pixels that are moved into channels and straight back (unfold and fold) seem to have met.
"""

from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import count
from math import lcm, prod

from seglib.receptive_field.index_maps import (
    EMPTY,
    IDENTITY,
    Everything,
    Fixed,
    IndexMap,
    Reach,
    Window,
    common_period,
    nearest,
    union,
)

AXES = (0, 1)  # rows, columns


class UnsupportedOperationError(NotImplementedError):
    """The field of an operation is not known; the message names the operation, the module and why."""


@dataclass(frozen=True)
class Atom:
    """A factor of a dimension: `size` indices, each `step` positions along the axis; axis None for channels."""

    axis: int | None
    size: int
    step: int = 1


Dim = tuple[Atom, ...]
Maps = tuple[IndexMap, IndexMap]
SAME: Maps = (IDENTITY, IDENTITY)


@dataclass(frozen=True)
class Kernel:
    """Kernel, stride, padding and dilation, (h, w) each, of a convolution or pooling."""

    size: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[int, ...]
    dilation: tuple[int, ...]
    transposed: bool = False


creation_order = count()


class Value:
    """One tensor of the traced network that depends on the image.

    Args:
        dims: the atoms of each dimension.
        edges: the values read, and by which index maps (rows, columns).
        cause: operation and module, as an error or a record names it.
        kernel: of a convolution or pooling; unpooling looks up the one of the pooling that made its indices.
        parts: for a concatenation along channels, the number of channels of each edge.
    """

    def __init__(
        self,
        dims: tuple[Dim, ...],
        edges: tuple[tuple["Value", Maps], ...] = (),
        *,
        cause: str = "the image",
        kernel: Kernel | None = None,
        parts: tuple[int, ...] | None = None,
    ):
        self.order = next(creation_order)
        self.dims = dims
        self.edges = edges
        self.cause = cause
        self.kernel = kernel
        self.parts = parts
        self.whole = tuple(
            any(isinstance(maps[axis], Everything) or source.whole[axis] for source, maps in edges) for axis in AXES
        )
        self.rate, self.period = zip(*(self._pace(axis) for axis in AXES), strict=True)
        self._reach: tuple[dict[int, Reach], dict[int, Reach]] = ({}, {})

    def _pace(self, axis: int) -> tuple[Fraction, int | None]:
        """Pixels per index and period of the pattern along an axis; the period is None where there is none.

        Branches of unequal rate drift apart, so that no two positions see the same. The rate is then the one of the
        branches with the smallest denominator: a map resized by hand to 45 of 23 rows joins one of stride 8.
        """
        if not self.edges:
            return Fraction(1), 1
        paces = []
        for source, maps in self.edges:
            if isinstance(maps[axis], Everything) or source.whole[axis]:
                paces.append((source.rate[axis] * maps[axis].rate, 1))
            elif source.period[axis] is None and maps[axis].rate:
                paces.append((source.rate[axis] * maps[axis].rate, None))
            else:
                advance = maps[axis].rate * maps[axis].period
                period = common_period(maps[axis].period, source.period[axis] or 1, advance)
                paces.append((source.rate[axis] * maps[axis].rate, period))
        rates = {rate for rate, _ in paces}
        rate = min(rates, key=lambda r: (r == 0, r.denominator, r))
        periods = [period for _, period in paces]
        steady = len(rates) == 1 and None not in periods
        return rate, lcm(*periods) if steady else None

    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes of the dimensions."""
        return tuple(prod(atom.size for atom in dim) for dim in self.dims)

    def atoms(self, axis: int) -> list[Atom]:
        """The atoms of an axis, in the order of the dimensions."""
        return [atom for dim in self.dims for atom in dim if atom.axis == axis]

    def length(self, axis: int) -> int:
        """Positions along an axis; 1 where the value has none left."""
        return prod(atom.size for atom in self.atoms(axis))

    def reach(self, axis: int, index: int) -> Reach:
        """Pixels along an axis that the units at an index read, the image taken to be infinitely large."""
        pending = [(self, index)]  # a stack of its own: networks are deeper than Python's
        while pending:
            value, i = pending[-1]
            phase, _ = value._phase(axis, i)
            known = value._reach[axis]
            if phase in known:
                pending.pop()
            elif not value.edges:
                known[phase] = Reach(phase, 1)
            else:
                reads = [(source, j) for source, maps in value.edges for j in maps[axis].taps(phase)]
                missing = [(source, j) for source, j in reads if source._phase(axis, j)[0] not in source._reach[axis]]
                if missing:
                    pending.extend(missing)
                else:
                    known[phase] = value._join(axis, phase)
        return self._lookup(axis, index)

    def _phase(self, axis: int, index: int) -> tuple[int, int]:
        """An index of the same phase within the first period, and the pixels from there to `index`."""
        period = self.period[axis]
        if period is None or not self.edges:
            return index, 0
        periods, phase = divmod(index, period)
        return phase, int(periods * period * self.rate[axis])

    def _lookup(self, axis: int, index: int) -> Reach:
        phase, pixels = self._phase(axis, index)
        return self._reach[axis][phase].moved(pixels)

    def _join(self, axis: int, index: int) -> Reach:
        branches = [union(source._lookup(axis, j) for j in maps[axis].taps(index)) for source, maps in self.edges]
        if EMPTY in branches and any(branch.mask for branch in branches):
            raise UnsupportedOperationError(
                f"{self.cause} joins a branch with holes, positions that no input reaches (a transposed convolution "
                "of a kernel smaller than its stride leaves them): its field is no rectangle"
            )
        return union(branches)

    def causes(self) -> tuple[str, ...]:
        """The operations before this value that read the whole image, first one first."""
        seen, pending = {self}, [self]
        while pending:
            sources = {source for source, _ in pending.pop().edges} - seen
            seen |= sources
            pending.extend(sources)
        in_order = sorted(seen, key=lambda value: value.order)
        maps = [index_map for value in in_order for _, both in value.edges for index_map in both]
        return tuple(dict.fromkeys(m.cause for m in maps if isinstance(m, Everything)))


def channels(size: int) -> Dim:
    """A dimension of channels."""
    return (Atom(None, size),)


def axes_of(dim: Dim) -> set[int]:
    """The image axes that lie in a dimension."""
    return {atom.axis for atom in dim if atom.axis is not None}


def derive(value: Value, cause: str, dims: tuple[Dim, ...], maps: Maps = SAME, kernel: Kernel | None = None) -> Value:
    """The value read from one other by index maps."""
    return Value(dims, ((value, maps),), cause=cause, kernel=kernel)


def settle(value: Value, cause: str) -> Value:
    """Give each axis one atom, so that operations with a kernel can act on it.

    Windows of r rows become one coarse row (the union over the window), and rows followed by r channels in the same
    dimension become r times as many rows, as in a pixel shuffle written by hand.
    """
    dims, maps = list(value.dims), [IDENTITY, IDENTITY]
    for axis in AXES:
        atoms = value.atoms(axis)
        if len(atoms) > 1:
            coarse = max(atoms, key=lambda atom: atom.step)
            maps[axis] = Window(coarse.step, 0, coarse.step)
            plain = {atom: Atom(None, atom.size) for atom in atoms if atom != coarse} | {
                coarse: Atom(axis, coarse.size)
            }
            dims = [tuple(plain.get(atom, atom) for atom in dim) for dim in dims]
    if dims != list(value.dims):
        value = derive(value, cause, tuple(dims), tuple(maps))

    maps = [IDENTITY, IDENTITY]
    for d, dim in enumerate(dims):
        dim = merge(dim)
        while len(dim) > 1 and dim[-1].axis is None and dim[-2].axis is not None:
            rows, copies = dim[-2:]
            maps[rows.axis] = nearest(Fraction(1, copies.size))
            dim = (*dim[:-2], replace(rows, size=rows.size * copies.size))
        dims[d] = dim
    return value if tuple(dims) == value.dims else derive(value, cause, tuple(dims), tuple(maps))


def merge(atoms: tuple[Atom, ...]) -> Dim:
    """Join neighbouring atoms that count on: channels with channels, a coarse row with its fine ones."""
    merged: list[Atom] = []
    for atom in atoms:
        if atom.axis is None and atom.size == 1:
            continue
        last = merged[-1] if merged else None
        if last and last.axis == atom.axis and (atom.axis is None or last.step == atom.step * atom.size):
            merged[-1] = replace(atom, size=last.size * atom.size)
        else:
            merged.append(atom)
    return tuple(merged)


def read_all(value: Value, dims: list[int], cause: str, in_place: bool = False) -> Value:
    """Let every unit read all positions of some dimensions.

    Args:
        value: what is read.
        dims: of the rows and columns that are read as a whole.
        cause: operation and module.
        in_place: whether the units keep their positions, as in a normalisation, or these dimensions become channels.
    """
    lost = set().union(*(axes_of(value.dims[d]) for d in dims))
    if not lost:
        return value
    if any(len(value.atoms(axis)) > 1 for axis in AXES):
        value = settle(value, cause)
        lost = set().union(*(axes_of(value.dims[d]) for d in dims))
    maps = tuple(Everything(cause, Fraction(int(in_place))) if axis in lost else IDENTITY for axis in AXES)
    if in_place:
        kept = value.dims
    else:
        kept = tuple(tuple(replace(a, axis=None) if a.axis in lost else a for a in dim) for dim in value.dims)
    return derive(value, cause, kept, maps) if lost else value


def join(values: list[Value], shape: tuple[int, ...], cause: str) -> Value:
    """Broadcast values against each other, as arithmetic does; a value alone of the right shape stays itself."""
    values = list(dict.fromkeys(values))
    if len(values) == 1 and values[0].shape == tuple(shape):
        return values[0]
    padded = [((),) * (len(shape) - len(value.dims)) + value.dims for value in values]
    try:
        dims = _common_dims(padded, shape)
    except ValueError:
        settled = [settle(value, cause) for value in values]
        if settled == values:
            raise UnsupportedOperationError(
                f"{cause} joins values whose rows and columns lie in different dimensions"
            ) from None
        return join(settled, shape, cause)
    return Value(
        dims,
        tuple(
            (value, tuple(_broadcast(own, dims, axis, cause) for axis in AXES))
            for value, own in zip(values, padded, strict=True)
        ),
        cause=cause,
    )


def _common_dims(padded: list[tuple[Dim, ...]], shape: tuple[int, ...]) -> tuple[Dim, ...]:
    dims = []
    for d, size in enumerate(shape):
        found = {own[d] for own in padded if axes_of(own[d]) and prod(a.size for a in own[d]) == size}
        if len(found) > 1:
            raise ValueError("different atoms in one dimension")
        dims.append(found.pop() if found else channels(size))
    return tuple(dims)


def _broadcast(own: tuple[Dim, ...], dims: tuple[Dim, ...], axis: int, cause: str) -> IndexMap:
    """How an operand of a join is read along an axis: position by position, or always at its only one."""
    places = {d for d, dim in enumerate(own) if axis in axes_of(dim)}
    if places == {d for d, dim in enumerate(dims) if axis in axes_of(dim)} and all(own[d] == dims[d] for d in places):
        return IDENTITY
    if all(atom.size == 1 for dim in own for atom in dim if atom.axis == axis):
        return Fixed(0)
    raise UnsupportedOperationError(f"{cause} joins values whose rows and columns lie in different dimensions")
