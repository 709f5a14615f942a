"""Which rule tells what an ATen operation reads."""

from collections.abc import Callable

from torch import Tag
from torch._ops import OpOverload

from seglib.receptive_field import kernels, mixing, reshapes

_OPERATIONS: dict[Callable, str] = {
    kernels.convolution: "convolution _convolution conv1d conv2d conv_transpose1d conv_transpose2d",
    kernels.pooling: "avg_pool2d avg_pool3d max_pool2d max_pool2d_with_indices max_pool3d max_pool3d_with_indices",
    kernels.adaptive_pooling: "adaptive_avg_pool2d _adaptive_avg_pool2d adaptive_max_pool2d",
    kernels.unpooling: "max_unpool2d",
    kernels.scatter: "scatter",
    kernels.interpolation: "upsample_nearest2d _upsample_nearest_exact2d upsample_bilinear2d _upsample_bilinear2d_aa "
    "upsample_bicubic2d _upsample_bicubic2d_aa",
    kernels.padding: "pad constant_pad_nd reflection_pad2d replication_pad2d _pad_circular",
    kernels.pixel_shuffle: "pixel_shuffle",
    kernels.pixel_unshuffle: "pixel_unshuffle",
    kernels.im2col: "im2col",
    kernels.col2im: "col2im",
    # Operations with ATen's tag `pointwise` need no entry; these lack it.
    mixing.pointwise: "clone _to_copy detach alias lift_fresh native_dropout hardswish _prelu_kernel rrelu_with_noise "
    "log_sigmoid_forward floor_divide masked_fill rsub bernoulli",
    mixing.copy: "copy",
    mixing.constant: "zeros_like ones_like empty_like full_like rand_like randn_like new_zeros new_ones new_empty "
    "new_full zero_ fill_ bernoulli_ uniform_ normal_ exponential_",
    mixing.gated: "glu",
    mixing.channel_shuffle: "channel_shuffle native_channel_shuffle",
    mixing.batch_norm: "batch_norm native_batch_norm cudnn_batch_norm miopen_batch_norm _native_batch_norm_legit "
    "_batch_norm_with_update",
    mixing.group_norm: "group_norm native_group_norm",
    mixing.instance_norm: "instance_norm",
    mixing.layer_norm: "layer_norm native_layer_norm",
    mixing.reduction: "sum mean prod amax amin max min argmax argmin all any var std var_mean std_mean logsumexp norm "
    "linalg_vector_norm",
    mixing.along_dimension: "softmax _softmax log_softmax _log_softmax sort topk",
    mixing.linear: "linear",
    mixing.matrix_product: "mm bmm matmul addmm baddbmm",
    mixing.attention: "scaled_dot_product_attention",
    mixing.multi_head_attention: "_native_multi_head_attention _transformer_encoder_layer_fwd",
    reshapes.view: "view reshape _unsafe_view _reshape_alias",
    reshapes.permute: "permute transpose t",
    reshapes.unsqueeze: "unsqueeze",
    reshapes.squeeze: "squeeze",
    reshapes.expand: "expand",
    reshapes.repeat: "repeat",
    reshapes.repeat_interleave: "repeat_interleave",
    reshapes.slice_: "slice",
    reshapes.split: "split split_with_sizes",
    reshapes.select: "select",
    reshapes.unbind: "unbind",
    reshapes.index_select: "index_select",
    reshapes.concatenate: "cat",
    reshapes.stack: "stack",
    reshapes.unfold_windows: "unfold",
}
RULES = {name: rule for rule, names in _OPERATIONS.items() for name in names.split()}


def name_of(func: OpOverload) -> str:
    """Name of an operation without its overload."""
    return func._schema.name.removeprefix("aten::")


def rule_for(func: OpOverload) -> Callable | None:
    """The rule of an ATen operation, None where there is none; in place it reads what it reads otherwise."""
    name = name_of(func)
    return RULES.get(name) or RULES.get(name.rstrip("_")) or (mixing.pointwise if Tag.pointwise in func.tags else None)
