"""Operations that join values position by position, and those that mix whole dimensions and so may see everything.

Each function takes a `Call` and returns the `Value` of the result; None for one that does not depend on the image.
"""

from seglib.receptive_field import reshapes
from seglib.receptive_field.call import Call
from seglib.receptive_field.graph import (
    Value,
    axes_of,
    channels,
    derive,
    join,
    merge,
    read_all,
)


def pointwise(call: Call) -> tuple[Value | None, ...]:
    """Position by position: arithmetic, activations, dropout (whose mask does not depend on the image)."""
    return (join(call.values(), call.shape, call.cause),) + (None,) * (len(call.shapes) - 1)


def copy(call: Call) -> Value | None:
    """`a.copy_(b)`: the values are b's alone."""
    source = call.value("src")
    return join([source], call.shape, call.cause) if source else None


def constant(call: Call) -> tuple[None, ...]:
    """Zeros, ones or noise of the shape of another tensor."""
    if call.value("value"):
        raise call.refuse("it fills a tensor with a value that depends on the image")
    return (None,) * len(call.shapes)


def gated(call: Call) -> Value:
    """`F.glu`: one half of the channels times a gate from the other half."""
    value = call.value("self")
    if axes_of(value.dims[call["dim"]]):
        raise call.refuse("it halves the rows or columns")
    return derive(value, call.cause, reshapes.with_dim(value.dims, call["dim"], channels(call.shape[call["dim"]])))


def channel_shuffle(call: Call) -> Value:
    """A shuffle of the channels."""
    value = call.value("self" if "self" in call.arguments else "input")
    if axes_of(merge(value.dims[1])):
        raise call.refuse("its channels are rows or columns")
    return derive(value, call.cause, value.dims)


def batch_norm(call: Call) -> Value:
    """Pointwise with running statistics; with those of the batch every unit reads every position of it."""
    value = call.value("input") if "input" in call.arguments else call.value("self")
    normalised = value
    if call.arguments.get("training", True):
        normalised = read_all(value, list(range(len(value.dims))), f"{call.cause} by batch statistics", in_place=True)
    return (normalised,) + (None,) * (len(call.shapes) - 1)


def group_norm(call: Call) -> Value:
    """Group and instance normalisation by the statistics of the whole image."""
    value = call.value("input")
    normalised = read_all(value, list(range(1, len(value.dims))), call.cause, in_place=True)
    return (normalised,) + (None,) * (len(call.shapes) - 1)


def instance_norm(call: Call) -> Value:
    """Statistics of the image, or, as batch normalisation, running ones."""
    return group_norm(call) if call["use_input_stats"] else (call.value("input"),)


def layer_norm(call: Call) -> Value:
    """Normalises over the last dimensions."""
    value = call.value("input")
    normalised = read_all(value, list(range(-len(call["normalized_shape"]), 0)), call.cause, in_place=True)
    return (normalised,) + (None,) * (len(call.shapes) - 1)


def _reduced_dims(call: Call, value: Value) -> list[int]:
    dims = call.get("dim")
    dims = range(len(value.dims)) if dims is None or dims == [] else [dims] if isinstance(dims, int) else dims
    return [d % len(value.dims) for d in dims]


def reduction(call: Call) -> Value:
    """Sum, mean, maximum and the like over some dimensions, kept at size 1 or dropped."""
    if "other" in call.arguments:  # torch.max of two tensors
        return pointwise(call)
    value = call.value("self")
    reduced = _reduced_dims(call, value)
    value = read_all(value, reduced, call.cause)
    keep = len(call.shape) == len(value.dims)
    dims = tuple(() if d in reduced else dim for d, dim in enumerate(value.dims) if keep or d not in reduced)
    result = derive(value, call.cause, dims)
    return (result,) * len(call.shapes)


def along_dimension(call: Call) -> Value:
    """Softmax, sorting and the like: every entry of a dimension depends on all of it."""
    value = call.value("self")
    d = call["dim"] % len(value.dims)
    if call.op.endswith("softmax"):
        return read_all(value, [d], call.cause, in_place=True)
    value = read_all(value, [d], call.cause)
    value = derive(value, call.cause, reshapes.with_dim(value.dims, d, channels(call.shape[d])))
    return (value,) * len(call.shapes)


def linear(call: Call) -> Value:
    """Fully connected layer over the last dimension."""
    value = call.value("input")
    if value is None or call.look_up(call["weight"]) is not None:
        raise call.refuse("the weights depend on the image")
    value = read_all(value, [-1], call.cause)
    return derive(value, call.cause, reshapes.with_dim(value.dims, -1, channels(call.shape[-1])))


def matrix_product(call: Call) -> Value:
    """Product of matrices, batched or not, either or both of which depend on the image."""
    names = {"mm": ("self", "mat2"), "bmm": ("self", "mat2"), "matmul": ("self", "other")}
    names |= {"addmm": ("mat1", "mat2"), "baddbmm": ("batch1", "batch2")}
    left, right = (call[name] for name in names[call.op])
    if left.ndim < 2 or right.ndim < 2:
        raise call.refuse("it takes a vector")
    product = _contract(call, call.look_up(left), call.look_up(right), call.shape)
    bias = call.value("self") if call.op.startswith(("addmm", "badd")) else None
    return join([product, bias], call.shape, call.cause) if bias else product


def _contract(call: Call, left: Value | None, right: Value | None, shape: tuple[int, ...]) -> Value:
    """Rows of the left matrix times columns of the right one."""
    parts = []
    if left is not None:
        left = read_all(left, [-1], call.cause)
        parts.append(derive(left, call.cause, (*left.dims[:-1], ())))
    if right is not None:
        right = read_all(right, [-2], call.cause)
        if left is not None and axes_of(left.dims[-2]) & axes_of(right.dims[-1]):
            # Query against key: the score of two positions reads both, and has the place of the first one.
            right = read_all(right, [-1], call.cause)
        parts.append(derive(right, call.cause, (*right.dims[:-2], (), right.dims[-1])))
    return join(parts, shape, call.cause)


def attention(call: Call) -> Value:
    """Scaled dot-product attention: every query reads all keys and values."""
    query, key, value = (call.value(name) for name in ("query", "key", "value"))
    length = call["key"].shape[-2]
    scores = (*call.shape[:-1], length)
    if key is not None:
        key = read_all(key, [-1, -2], call.cause)
        key = derive(key, call.cause, (*key.dims[:-2], (), channels(length)))
    if query is not None:
        query = read_all(query, [-1], call.cause)
        query = derive(query, call.cause, (*query.dims[:-1], ()))
    present = [v for v in (query, key) if v is not None]
    weights = join(present, scores, call.cause) if present else None
    product = _contract(call, weights, value, call.shape)
    return (product,) + (None,) * (len(call.shapes) - 1)


def multi_head_attention(call: Call) -> Value:
    """PyTorch's fused attention layers, N L C: every query reads all keys and values."""
    keys = [read_all(value, [1], call.cause) for value in call.values()]
    keys = [derive(key, call.cause, (key.dims[0], (), key.dims[2])) for key in keys]
    query = call.value("query") or call.value("src")
    joined = join([query, *keys] if query else keys, call.shape, call.cause)
    return (joined,) + (None,) * (len(call.shapes) - 1)
