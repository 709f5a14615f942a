"""Pooling with switches and unpooling, against loops, PyTorch's own unpooling, and other runtimes."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from seglib.models._unpooling import MaxPoolWithSwitches, Unpool
from seglib.receptive_field import receptive_field

pool, unpool = MaxPoolWithSwitches(), Unpool()
MAPS = st.tuples(st.integers(1, 3), st.integers(1, 3), st.integers(1, 13), st.integers(1, 13))


def random(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(sum(shape)))


class PoolAndUnpool(nn.Module):
    """A convolution on either side of the bottleneck."""

    def __init__(self, unpool: nn.Module):
        super().__init__()
        self.conv, self.pool, self.inner, self.unpool = nn.Conv2d(3, 4, 3, padding=1), pool, nn.Conv2d(4, 4, 1), unpool

    def forward(self, x):
        size = x.shape[2:]
        x, switches = self.pool(self.conv(x))
        return self.unpool(self.inner(x), switches, size)


class TorchUnpool(nn.Module):
    def forward(self, x, switches, output_size):
        return F.max_unpool2d(x, switches.long(), 2, output_size=output_size)


@given(MAPS, st.booleans())
@settings(max_examples=60, deadline=None)
def test_agrees_with_pytorch_s_own(shape, grad):
    x = random(*shape)
    with torch.set_grad_enabled(grad):
        maxima, switches = pool(x)
        restored = unpool(maxima, switches, x.shape[2:])
    expected, indices = F.max_pool2d(x, 2, ceil_mode=True, return_indices=True)
    assert torch.equal(maxima, expected)
    assert torch.equal(switches.long(), indices)
    assert torch.equal(restored, F.max_unpool2d(expected, indices, 2, output_size=x.shape[2:]))


@given(MAPS)
@settings(max_examples=30, deadline=None)
def test_puts_the_decoder_s_activations_where_the_maxima_were(shape):
    encoder = random(*shape)
    N, C, H, W = shape
    _, switches = pool(encoder)
    decoder = random(N, C, (H + 1) // 2, (W + 1) // 2) + 10  # other numbers than those that were pooled
    expected = np.zeros(shape, dtype=np.float32)
    for n, c, i, j in np.ndindex(*decoder.shape):
        window = encoder[n, c, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2].numpy()
        row, column = np.unravel_index(window.argmax(), window.shape)
        expected[n, c, 2 * i + row, 2 * j + column] = decoder[n, c, i, j]
    assert np.array_equal(unpool(decoder, switches, (H, W)).numpy(), expected)


def test_sizes_go_up_in_the_encoder_and_come_back_in_the_decoder():
    x, sizes, kept = torch.empty(1, 1, 360, 480, device="meta"), [], []
    for _ in range(5):
        sizes.append(tuple(x.shape[2:]))
        x, switches = pool(x)
        kept.append(switches)
    assert [*sizes[1:], tuple(x.shape[2:])] == [(180, 240), (90, 120), (45, 60), (23, 30), (12, 15)]  # as in Caffe
    for size, switches in zip(reversed(sizes), reversed(kept), strict=True):
        x = unpool(x, switches, size)
        assert tuple(x.shape[2:]) == size


def test_switches_are_small_where_nothing_else_keeps_them():
    with torch.inference_mode():
        assert pool(torch.rand(1, 1, 4, 4))[1].dtype == torch.int32
    assert pool(torch.rand(1, 1, 4, 4))[1].dtype == torch.int64


def test_training_keeps_the_switches_once():
    """What autograd saves for the pooling and for the unpooling is the same memory."""
    saved = []
    with torch.autograd.graph.saved_tensors_hooks(lambda t: saved.append(t) or t, lambda t: t):
        x = torch.rand(1, 2, 6, 7, requires_grad=True)
        unpool(*pool(x), (6, 7))
    indices = [t for t in saved if not t.is_floating_point()]
    assert len(indices) == 2
    assert len({t.untyped_storage().data_ptr() for t in indices}) == 1


def test_gradients():
    x = torch.randperm(70).double().view(1, 2, 5, 7).requires_grad_()  # no ties, and none within a step
    decoder = random(1, 2, 3, 4).double().requires_grad_()
    _, switches = pool(x)
    assert torch.autograd.gradcheck(lambda d: unpool(d, switches, (5, 7)), decoder)
    assert torch.autograd.gradcheck(lambda x: unpool(*pool(x), (5, 7)), x)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64], ids=str)
def test_every_precision(dtype):
    x = random(2, 3, 9, 6).to(dtype)
    restored = unpool(*pool(x), (9, 6))
    assert restored.dtype == dtype
    assert torch.equal(restored, TorchUnpool()(*pool(x), (9, 6)))


def test_runs_where_only_deterministic_algorithms_may():
    maxima, switches = pool(random(1, 2, 6, 6))
    torch.use_deterministic_algorithms(True)
    try:
        unpool(maxima, switches, (6, 6))
        with pytest.raises(RuntimeError, match="does not have a deterministic implementation"):
            TorchUnpool()(maxima, switches, (6, 6))
    finally:
        torch.use_deterministic_algorithms(False)


@pytest.mark.filterwarnings("ignore:Guards may run slower on Python 3.13.0")  # PyTorch's advice for that one release
@pytest.mark.parametrize("grad", [True, False])
def test_compiles_without_a_graph_break(grad):
    model, x = PoolAndUnpool(unpool), random(2, 3, 9, 14)
    torch._dynamo.reset()
    with torch.set_grad_enabled(grad):
        # needs no C++ compiler, and traces backwards too
        compiled = torch.compile(model, backend="aot_eager", fullgraph=True)
        torch.testing.assert_close(compiled(x), model(x))


@pytest.mark.parametrize("grad", [True, False])
def test_leaves_for_onnx_as_a_scatter_for_all_sizes(grad):
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    model, x = PoolAndUnpool(unpool).eval(), random(2, 3, 9, 14)
    sizes = {2: torch.export.Dim("height", min=2), 3: torch.export.Dim("width", min=2)}
    with torch.set_grad_enabled(grad):
        proto = torch.onnx.export(model, (x,), dynamo=True, verbose=False, dynamic_shapes=(sizes,)).model_proto
    assert "ScatterElements" in {node.op_type for node in proto.graph.node}
    session = onnxruntime.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
    for size in ((9, 14), (14, 9), (7, 7), (30, 42)):
        x = random(2, 3, *size)
        restored = torch.from_numpy(session.run(None, {session.get_inputs()[0].name: x.numpy()})[0])
        torch.testing.assert_close(restored, model(x).detach(), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("size", [(3, 24, 32), (3, 23, 31)])
def test_receptive_field_is_that_of_pytorch_s_own(size):
    fields = [receptive_field(PoolAndUnpool(layer), size) for layer in (unpool, TorchUnpool())]
    assert fields[0] == fields[1]
    assert fields[0].sizes == ((4, 4),)  # the window of 2 and the convolution of 3 before it


@pytest.mark.parametrize(
    ("shape", "output_size", "message"),
    [
        (
            (1, 2, 4, 5),
            (7, 10),
            r"one switch for each activation; got switches of shape \(1, 2, 4, 4\) for activations",
        ),
        ((1, 2, 4, 4), (9, 8), r"switches of 4 x 4 do not fit output_size 9 x 8, which pools to 5 x 4; pass the size"),
        ((1, 2, 4, 4), (8, 6), r"switches of 4 x 4 do not fit output_size 8 x 6, which pools to 4 x 3; pass the size"),
    ],
)
def test_switches_that_do_not_fit_are_refused(shape, output_size, message):
    _, switches = pool(random(1, 2, 8, 8))
    with pytest.raises(ValueError, match=message):
        unpool(random(*shape), switches, output_size)
