"""The permutohedral lattice: Gaussian filtering of points in any dimension in time linear in their number.

Adams, Baek and Davis, "Fast High-Dimensional Filtering Using the Permutohedral Lattice", Eurographics 2010,
https://graphics.stanford.edu/papers/permutohedral/. The d-dimensional feature space is cut into simplices. Values are
spread onto the d + 1 vertices of the simplex around each point (splat), blurred along the d + 1 directions of the
lattice by [1/2, 1, 1/2] one after the other, and read back (slice), both with barycentric weights.

The geometry is that of Philipp Kraehenbuehl's C++ (permutohedral.cpp as bundled with pydensecrf,
https://github.com/lucasb-eyer/pydensecrf, BSD licence), rounding included, so that the two give the same answer; the
way to it is another one, made of sorting and of weighted sums of gathered rows only:

- A vertex is (q, r): its coordinates are (d + 1) q + r, where the remainder r is the same for all of them. A point has
  exactly one vertex of each remainder.
- q packs into a few bits, and the number of the point fits below it into the same int64. One sort per remainder then
  numbers the vertices and lists the points of each, which is what splatting needs; no hash table.
- Neighbours differ by a constant in the packed key: a binary search with sorted questions.
- Splat, blur and slice are `embedding_bag`: rows are gathered and summed with weights, in a fixed order on the CPU.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import accumulate

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

KEY_BITS = 62  # of an int64, sign and one spare bit left alone
BLUR = (1.0, 0.5, 0.5)
BLOCK = 2**15  # numbers at a time: they stay in the cache, and torch does not call its threads for so few


@dataclass(frozen=True, eq=False)
class PermutohedralLattice:
    """The linear map K of a Gaussian filter, N x N, never formed: `diag(after) slice blur splat diag(before)`.

    Build one with `permutohedral_lattice`; call it with values N x K.

    Attributes:
        corners: N (d + 1), int32: the vertices around each point.
        barycentric: N (d + 1): their weights, which sum to 1.
        points: (d + 1) N, int32: the points of the first vertex, of the second, ...
        spread: (d + 1) N: the weights, in the order of `points`.
        starts: M + 2, int32: where each vertex's points start. A last vertex has none: it stands for all that are not
            there, and its values are 0.
        neighbours: (d + 1) (M + 1) 3, int32: each vertex itself and its two neighbours, by direction.
        before: N or None: factors of the values that come in.
        after: N or None: factors of the values that come out.
        reverse: blur along the last direction first, as the transposed map does. Blurs along different directions do
            not commute on the part of the lattice that is kept.
    """

    corners: Tensor
    barycentric: Tensor
    points: Tensor
    spread: Tensor
    starts: Tensor
    neighbours: Tensor
    before: Tensor | None = None
    after: Tensor | None = None
    reverse: bool = False

    @property
    def vertices(self) -> int:
        """Number of lattice points M that have a value."""
        return len(self.starts) - 2

    def __call__(self, values: Tensor) -> Tensor:
        """Filter values N K; gradients are the business of `seglib.crf.kernel`."""
        if values.requires_grad:
            raise ValueError("the lattice itself keeps no graph; use seglib.crf.kernel.apply_kernel")
        values = F.embedding_bag(  # M + 1, K
            self.points, values, self.starts, mode="sum", per_sample_weights=self._splat, include_last_offset=True
        )
        directions = self.neighbours.unbind()
        for neighbours in reversed(directions) if self.reverse else directions:
            values = F.embedding_bag(neighbours, values, mode="sum", per_sample_weights=self._blur)
        return F.embedding_bag(self.corners, values, mode="sum", per_sample_weights=self._slice)  # N K

    def scaled(self, before: Tensor | None, after: Tensor | None) -> "PermutohedralLattice":
        """The map with other factors: `before` and `after` are N, or None for 1."""
        return replace(self, before=before, after=after)

    def transposed(self) -> "PermutohedralLattice":
        """The transposed map."""
        return self._transpose

    @cached_property
    def _transpose(self) -> "PermutohedralLattice":
        lattice = replace(self, before=self.after, after=self.before, reverse=not self.reverse)
        if self.before is self.after:  # the weights are the same: share them
            lattice.__dict__.update({name: getattr(self, name) for name in ("_splat", "_slice", "_blur")})
        return lattice

    @cached_property
    def _splat(self) -> Tensor:
        return self.spread if self.before is None else self.spread * self.before[self.points]

    @cached_property
    def _slice(self) -> Tensor:
        scale = 1 / (1 + 2.0 ** (1 - self.corners.shape[1]))  # alpha: what the blurs add, for an unbounded lattice
        weights = self.barycentric * scale
        return weights if self.after is None else weights.mul_(self.after[:, None])

    @cached_property
    def _blur(self) -> Tensor:
        return self.spread.new_tensor(BLUR).repeat(self.vertices + 1, 1)


def permutohedral_lattice(features: Tensor) -> PermutohedralLattice:
    """Build the lattice of some points; the standard deviation of the filter is 1 in every dimension.

    Where N is not a multiple of 4, the vertices around the origin are kept as well, without values of their own: the
    C++ fills up its last block of 4 with zeros, and blurs pass through what these zeros touch.

    Args:
        features: d N, floating point, any device: coordinates of the points divided by standard deviations. float32
            gives pydensecrf's very vertices; float64 is for checking gradients.

    Raises:
        ValueError: the features reach so many standard deviations that their type cannot tell points apart.
    """
    d, n = features.shape
    reach = float(features.abs().max())
    if not reach * (d + 1) < 2 ** (20 if features.dtype == torch.float32 else 49):
        raise ValueError(
            f"the features reach {reach:.1g} standard deviations, too far for {features.dtype} to tell neighbours "
            "apart; use larger sigmas"
        )
    phantom = n % 4 > 0
    if phantom:
        features = torch.cat([features, features.new_zeros(d, 1)], dim=1)
    corner, rank, barycentric = _simplices(features)
    keys = _PackedKeys.of(corner, rank) or _RowKeys.of(corner, rank)
    first = torch.ones_like(keys.sorted, dtype=torch.bool)
    torch.ne(keys.sorted[1:], keys.sorted[:-1], out=first[1:])
    vertex = torch.cumsum(first, 0, dtype=torch.int32).sub_(1)
    position = first.nonzero().view(-1)
    starts = torch.full((len(position) + 2,), len(first), dtype=torch.int32, device=features.device)
    starts[:-2] = position
    order = keys.points.view(barycentric.shape)  # d + 1, N: each point once in every row
    spread = barycentric.gather(1, order).view(-1)
    corners = torch.empty_like(order, dtype=torch.int32).scatter_(1, order, vertex.view(order.shape))
    points = keys.points.int()
    if phantom:
        spread[points == n] = 0
        points.clamp_(max=n - 1)
    return PermutohedralLattice(
        corners=corners[:, :n].t().contiguous(),
        barycentric=barycentric[:, :n].t().contiguous(),
        points=points,
        spread=spread,
        starts=starts,
        neighbours=_neighbours(keys, position),
    )


def _simplices(features: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The simplex around each point: its vertex of remainder 0 divided by d + 1, ranks, barycentric weights.

    All are (d + 1) N. The vertex of remainder r has (d + 1) less in the coordinates of the r highest ranks.
    """
    d, n = features.shape
    corner, barycentric = features.new_empty(d + 1, n), features.new_empty(d + 1, n)
    rank = torch.empty(d + 1, n, dtype=torch.int64, device=features.device)
    block = max(1, BLOCK // (d + 1)) if features.device.type == "cpu" else n
    for start in range(0, n, block):
        part = slice(start, start + block)
        _simplices_of(features[:, part], corner[:, part], rank[:, part], barycentric[:, part])
    return corner, rank, barycentric


def _simplices_of(features: Tensor, corner: Tensor, rank: Tensor, barycentric: Tensor) -> None:
    """Fill the results for some of the points. Every operation rounds as the C++ does."""
    d, n = features.shape
    number = np.float32 if features.dtype == torch.float32 else np.float64
    spread = float(number(math.sqrt(2 / 3) * (d + 1)))  # the standard deviation of the blurs, p. 6
    down = float(number(1) / number(d + 1))
    elevated = features.new_empty(d + 1, n)  # p. 5
    total = features.new_zeros(n)
    for j in range(d, 0, -1):
        scaled = features[j - 1] * float(number(1 / math.sqrt(j * (j + 1)) * spread))
        torch.sub(total, scaled * j, out=elevated[j])
        total += scaled
    elevated[0] = total
    torch.round(elevated * down, out=corner)
    rest = elevated - corner * (d + 1)
    axes = torch.arange(d + 1, dtype=torch.int8, device=features.device)
    order = corner.sum(0).to(torch.int8) + axes[:, None]  # off the plane by so much: shift the ranks, and wrap them
    for i in range(d):
        less = (rest[i] < rest[i + 1 :]).view(torch.int8)  # d - i, N
        order[i + 1 :] -= less
        for one in less:
            order[i] += one
    turn = (order < 0).to(torch.int8) - (order > d).to(torch.int8)
    rank.copy_(order.add_(turn, alpha=d + 1))
    corner += turn
    rest = torch.sub(elevated, corner * (d + 1), out=elevated).mul_(down)
    by_rank = torch.empty_like(rest).scatter_(0, rank, rest)
    torch.sub(1, by_rank[0], out=barycentric[0]).add_(by_rank[d])  # p. 10
    torch.sub(by_rank[:-1].flip(0), by_rank[1:].flip(0), out=barycentric[1:])


def _neighbours(keys: "_PackedKeys | _RowKeys", position: Tensor) -> Tensor:
    """Each vertex and its two neighbours, (d + 1) (M + 1) 3, int32; M where there is none."""
    m = len(position)
    vertex = torch.arange(m + 1, dtype=torch.int32, device=position.device)
    found = []
    for lower in keys.lower_neighbours(position):
        upper = torch.full_like(vertex, m).scatter_(0, lower, vertex[:m])  # a's lower neighbour has a as its upper
        upper[m] = m
        lower = F.pad(lower.int(), (0, 1), value=m)
        found.append(torch.stack([vertex, lower, upper], dim=1))
    return torch.stack(found)


@dataclass(frozen=True, eq=False)
class _PackedKeys:
    """Vertices as numbers: remainder r in the highest bits, then q, one bit field a coordinate.

    Attributes:
        sorted: (d + 1) N, int64: the keys of all vertices of all points, sorted.
        points: (d + 1) N, int64: which point each is of; sorted where keys are equal.
        fields: lowest bit of each coordinate of q, and of r.
    """

    sorted: Tensor
    points: Tensor
    fields: tuple[int, ...]

    @classmethod
    def of(cls, corner: Tensor, rank: Tensor) -> "_PackedKeys | None":
        """Pack and sort; None if 62 bits are too few."""
        d, n = len(corner) - 1, corner.shape[1]
        low, high = torch.stack([corner[:d].amin(1) - 2, corner[:d].amax(1) + 1]).tolist()  # with room for neighbours
        fields = (0, *accumulate(int(b - a).bit_length() for a, b in zip(low, high, strict=True)))
        number_bits, remainder_bits = (n - 1).bit_length(), d.bit_length()
        if fields[d] + max(number_bits, remainder_bits) > KEY_BITS:
            return None
        q = (corner[:d] - corner.new_tensor(low)[:, None]).long()
        keys = torch.empty_like(rank)
        keys[0] = torch.arange(n, device=rank.device)
        for i in range(d):
            keys[0].add_(q[i], alpha=1 << fields[i] + number_bits)
        units = torch.tensor([*(1 << field + number_bits for field in fields[:d]), 0], device=rank.device)
        by_rank = torch.empty_like(rank).scatter_(0, rank, units[:, None].expand_as(rank))
        for r in range(1, d + 1):  # one coordinate more lies d + 1 lower, the one of rank d - r + 1
            torch.sub(keys[r - 1], by_rank[d - r + 1], out=keys[r])
        if keys.device.type == "cpu":
            keys.numpy().sort(axis=1)  # several times as fast as torch.sort
        else:
            keys = keys.sort(dim=1).values
        points = keys & ((1 << number_bits) - 1)
        remainder = torch.arange(d + 1, device=rank.device)[:, None]
        keys = (keys >> number_bits).add_(remainder, alpha=1 << fields[d])
        return cls(keys.view(-1), points.view(-1), fields)

    def lower_neighbours(self, position: Tensor) -> Iterator[Tensor]:
        """By direction, the vertex one remainder lower, all coordinates but one less by 1; M where there is none.

        Remainder 0 turns into d, and with it all of q but one coordinate becomes less by 1; else only one coordinate
        of q changes, and becomes more by 1.
        """
        *units, level = (1 << field for field in self.fields)
        d, m = len(units), len(position)
        vertices = self.sorted[position]
        lower = torch.where(vertices < level, d * level - sum(units), -level).add_(vertices)
        for unit in (*units, 0):
            wanted = lower + unit
            index = _search(vertices, wanted).clamp_(max=m - 1)
            yield torch.where(vertices[index] == wanted, index, m)


def _search(vertices: Tensor, wanted: Tensor) -> Tensor:
    """Where sorted numbers stand among sorted numbers; NumPy goes on from the last answer, several times as fast."""
    if vertices.device.type == "cpu":
        return torch.from_numpy(np.searchsorted(vertices.numpy(), wanted.numpy()))
    return torch.searchsorted(vertices, wanted)


@dataclass(frozen=True, eq=False)
class _RowKeys:
    """Vertices as rows of remainder and coordinates, for the rare space too wide for 62 bits: the same, but slower."""

    sorted: Tensor
    points: Tensor
    rows: Tensor  # M, d + 1

    @classmethod
    def of(cls, corner: Tensor, rank: Tensor) -> "_RowKeys":
        d, n = len(corner) - 1, corner.shape[1]
        remainder = torch.arange(d + 1, device=rank.device)[:, None, None]
        rows = (d + 1) * (corner[:d].long() - (rank[:d] > d - remainder).long()) + remainder  # d + 1, d, N
        rows = torch.cat([remainder.expand(d + 1, 1, n), rows], dim=1).movedim(1, 2).reshape(-1, d + 1)
        rows, keys = torch.unique(rows, dim=0, return_inverse=True)
        keys, order = keys.sort(stable=True)
        return cls(keys, order % n, rows)

    def lower_neighbours(self, position: Tensor) -> Iterator[Tensor]:
        """As of `_PackedKeys`."""
        m, d = len(self.rows), self.rows.shape[1] - 1
        for j in range(d + 1):
            wanted = self.rows - 1
            wanted[:, 0] %= d + 1
            if j < d:
                wanted[:, 1 + j] += d + 1
            _, number = torch.unique(torch.cat([self.rows, wanted]), dim=0, return_inverse=True)
            vertex = number.new_full((int(number.max()) + 1,), m).scatter_(
                0, number[:m], torch.arange(m, device=number.device)
            )
            yield vertex[number[m:]]
