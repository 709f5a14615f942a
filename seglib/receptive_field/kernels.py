"""Operations that read a neighbourhood: convolution, pooling and unpooling, interpolation, padding, pixel shuffles.

Each function takes a `Call` and returns the `Value` of the result.
"""

from dataclasses import replace
from fractions import Fraction
from math import prod
from typing import Any

from seglib.receptive_field import reshapes
from seglib.receptive_field.call import Call
from seglib.receptive_field.graph import (
    AXES,
    SAME,
    Atom,
    Dim,
    Kernel,
    Value,
    channels,
    derive,
    join,
    read_all,
    settle,
)
from seglib.receptive_field.index_maps import (
    IDENTITY,
    Antialiased,
    Bins,
    IndexMap,
    Resample,
    Spread,
    Window,
    nearest,
)


def _act(
    call: Call,
    value: Value,
    spatial: dict[int, IndexMap],
    kernel: Kernel | None = None,
    mixed: tuple[int, ...] = (),
    shape: tuple[int, ...] | None = None,
) -> Value:
    """Apply index maps along some dimensions, counted from the end; `mixed` ones are channels that are summed."""
    shape = shape or call.shape
    value = read_all(settle(value, call.cause), list(mixed), call.cause)
    maps: list[IndexMap] = [IDENTITY, IDENTITY]
    dims: list[Dim] = list(value.dims)
    for d in mixed:
        dims[d] = channels(shape[d])
    for d, index_map in spatial.items():
        axis = reshapes.only_axis(call, value, d)
        if axis is None:
            dims[d] = channels(shape[d])
        else:
            dims[d] = (Atom(axis, shape[d]),)
            maps[axis] = index_map
    return derive(value, call.cause, tuple(dims), tuple(maps), kernel)


def _each(argument: Any, n: int, default: int = 1) -> tuple[int, ...]:
    """One number per spatial dimension of an argument that may be a number, a list of one, or missing."""
    if argument is None or argument == []:
        return (default,) * n
    argument = [argument] if isinstance(argument, int) else list(argument)
    return tuple(argument) * n if len(argument) == 1 else tuple(argument)


def convolution(call: Call) -> Value:
    """Convolution and transposed convolution, of any stride, padding, dilation and groups."""
    value = call.value("input")
    if value is None or call.look_up(call["weight"]) is not None:
        raise call.refuse("the kernel depends on the image")
    size = tuple(call["weight"].shape[2:])
    n = len(size)
    if isinstance(call.get("padding"), str):  # "same" pads one more at the end where the kernel is even
        reach = [(k - 1) * d for k, d in zip(size, _each(call["dilation"], n), strict=True)]
        padding = tuple(r // 2 if call["padding"] == "same" else 0 for r in reach)
    else:
        padding = _each(call["padding"], n, 0)
    transposed = bool(call.get("transposed")) or "transpose" in call.op
    kernel = Kernel(size, _each(call["stride"], n), padding, _each(call["dilation"], n), transposed)
    return _act(call, value, kernel_maps(kernel), kernel, mixed=(-n - 1,))


def kernel_maps(kernel: Kernel) -> dict[int, IndexMap]:
    """Index maps of a kernel, by dimension counted from the end."""
    n = len(kernel.size)
    return {
        i - n: Spread(s, p, k, d) if kernel.transposed else Window(s, -p, k, d)
        for i, (k, s, p, d) in enumerate(zip(kernel.size, kernel.stride, kernel.padding, kernel.dilation, strict=True))
    }


def pooling(call: Call) -> Value | tuple[Value, Value]:
    """Maximum and average pooling; the indices of the maxima depend on the same pixels as the maxima."""
    n = int(call.op.removesuffix("_with_indices")[-2])
    size = _each(call["kernel_size"], n)
    stride = _each(call.get("stride"), n) if call.get("stride") else size
    kernel = Kernel(size, stride, _each(call.get("padding"), n, 0), _each(call.get("dilation"), n))
    pooled = _act(call, call.value("self"), kernel_maps(kernel), kernel)
    return (pooled, pooled) if len(call.shapes) == 2 else pooled


def adaptive_pooling(call: Call) -> Value | tuple[Value, Value]:
    """Pooling to a given size; to one row or column it sees them all."""
    value = call.value("self") if "self" in call.arguments else call.value("input")
    value = settle(value, call.cause)
    for d in (-2, -1):
        if call.shape[d] == 1:
            value = read_all(value, [d], call.cause)
    spatial = {d: Bins(Fraction(value.shape[d], call.shape[d])) for d in (-2, -1)}
    pooled = _act(call, value, spatial)
    return (pooled, pooled) if len(call.shapes) == 2 else pooled


def unpooling(call: Call) -> Value:
    """Unpooling: an activation lands somewhere in the window of its pooling, the indices say where."""
    return _unpool(call, call.value("self"), call.value("indices"), call.shape[-2:])


def scatter(call: Call) -> Value:
    """Unpooling written as a scatter of flattened maps into zeros; any other scatter is refused."""
    source, indices = call.value("src"), call.value("index")
    if (
        source is None
        or indices is None
        or "reduce" in call.arguments
        or call.value("self") is not None
        or call["dim"] % len(call.shape) != len(call.shape) - 1
        or any([atom.axis for atom in value.dims[-1]] != [0, 1] for value in (source, indices))
    ):
        raise call.refuse("it is no unpooling of flattened maps into zeros at the indices of a pooling")
    source, indices = (
        derive(value, call.cause, (*value.dims[:-1], *((atom,) for atom in value.dims[-1])))
        for value in (source, indices)
    )
    size = _pooling_of(call, indices).edges[0][0].shape[-2:]
    if prod(size) != call.shape[-1]:
        raise call.refuse(f"its map has {call.shape[-1]} pixels, but the pooling that made its indices read {size}")
    value = _unpool(call, source, indices, size)
    return derive(value, call.cause, (*value.dims[:-2], value.dims[-2] + value.dims[-1]))


def _pooling_of(call: Call, indices: Value) -> Value:
    """The pooling that made some indices; only rearranging may lie in between."""
    pooled = indices
    while not pooled.kernel and len(pooled.edges) == 1 and pooled.edges[0][1] == SAME:
        pooled = pooled.edges[0][0]
    if not pooled.kernel:
        raise call.refuse("its indices come from no pooling")
    return pooled


def _unpool(call: Call, value: Value | None, indices: Value | None, size: tuple[int, ...]) -> Value:
    if value is None or indices is None:
        raise call.refuse("its values or its indices do not depend on the image")
    pooled = _pooling_of(call, indices)
    read = pooled.edges[0][0].shape[-2:]
    if read != tuple(size):
        raise call.refuse(
            f"its output is {tuple(size)}, but the pooling that made the indices read {read}; pass output_size"
        )
    maps = kernel_maps(replace(pooled.kernel, transposed=True))
    joined = settle(join([value, indices], value.shape, call.cause), call.cause)
    return _act(call, joined, maps, pooled.kernel, shape=(*joined.shape[:-2], *size))


def interpolation(call: Call) -> Value:
    """Nearest, bilinear and bicubic resampling by the scale really used, corners aligned or not."""
    value = settle(call.value("self" if "self" in call.arguments else "input"), call.cause)
    factors = call.get("scale_factors") or (call.get("scales_h"), call.get("scales_w"))
    corners = bool(call.get("align_corners"))
    spatial = {
        d: resampling(call.op, scale_of(value.shape[d], call.shape[d], factors[d], corners), corners) for d in (-2, -1)
    }
    return _act(call, value, spatial)


def scale_of(size: int, new_size: int, factor: float | None, align_corners: bool) -> Fraction:
    """Input indices per output index.

    Args:
        size: of the input.
        new_size: of the output.
        factor: scale factor as given; it takes precedence over the ratio of the sizes, as in PyTorch.
        align_corners: whether the centres of the corner pixels are matched.
    """
    if align_corners:
        return Fraction(size - 1, new_size - 1) if new_size > 1 else Fraction(0)
    if factor:
        return 1 / Fraction(factor).limit_denominator(2**16)
    return Fraction(size, new_size)


def resampling(mode: str, scale: Fraction, align_corners: bool) -> IndexMap:
    """Index map of an interpolation operation, by its ATen name."""
    half = Fraction(0) if align_corners else (scale - 1) / 2
    if mode.endswith("_aa"):
        return Antialiased(scale, 1 if "bilinear" in mode else 2)
    if "bilinear" in mode:
        return Resample(scale, half, (0, 1))
    if "bicubic" in mode:
        return Resample(scale, half, (-1, 0, 1, 2))
    if "exact" in mode:
        return Resample(scale, scale / 2, (0,))
    return nearest(scale)


def padding(call: Call) -> Value:
    """Padding of every mode and cropping by negative padding; beyond the border the image is taken to go on."""
    pads = call["pad"] if "pad" in call.arguments else call["padding"]
    value = call.value("self")
    spatial = {-1 - i: Window(1, -before) for i, before in enumerate(pads[::2])}
    padded = {d: m for d, m in spatial.items() if call.shape[d] != value.shape[d] or m.offset}
    return _act(call, value, padded) if padded else value


def pixel_shuffle(call: Call) -> Value:
    """Channels become r x r pixels."""
    index_map = nearest(Fraction(1, call["upscale_factor"]))
    return _act(call, call.value("self"), {-2: index_map, -1: index_map}, mixed=(-3,))


def pixel_unshuffle(call: Call) -> Value:
    """Pixels, r x r of them, become channels."""
    r = call["downscale_factor"]
    return _act(call, call.value("self"), {-2: Window(r, 0, r), -1: Window(r, 0, r)}, mixed=(-3,))


def im2col(call: Call) -> Value:
    """`F.unfold`: every window of the image as one column."""
    value = settle(call.value("self"), call.cause)
    kernel = Kernel(*(tuple(call[name]) for name in ("kernel_size", "stride", "padding", "dilation")))
    maps = kernel_maps(kernel)
    sizes = [
        (value.shape[i - 2] + 2 * kernel.padding[i] - kernel.dilation[i] * (kernel.size[i] - 1) - 1) // kernel.stride[i]
        + 1
        for i in AXES
    ]
    if [reshapes.only_axis(call, value, d) for d in (-2, -1)] != [0, 1]:
        raise call.refuse("its input is no image of rows and columns")
    dims = (*value.dims[:-3], channels(call.shape[-2]), tuple(Atom(axis, sizes[axis]) for axis in AXES))
    return derive(value, call.cause, dims, (maps[-2], maps[-1]), kernel)


def col2im(call: Call) -> Value:
    """`F.fold`: columns are added up to an image."""
    value = call.value("self")
    kernel = Kernel(*(tuple(call[name]) for name in ("kernel_size", "stride", "padding", "dilation")), transposed=True)
    if [atom.axis for atom in value.dims[-1]] != [0, 1]:
        raise call.refuse("its columns are no flattened rows and columns")
    maps = kernel_maps(kernel)
    dims = (*value.dims[:-2], channels(call.shape[-3]), *((Atom(axis, call.shape[axis - 2]),) for axis in AXES))
    return derive(read_all(value, [-2], call.cause), call.cause, dims, (maps[-2], maps[-1]), kernel)
