"""Every network leaves PyTorch as ONNX, with nothing but standard operations, and gives the same there."""

import pytest
import torch

from tests.models.small import NAMES, small

# Not among what Colab has installed, where these tests run too.
onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")

UNPOOLING = ("deconvnet", "segnet", "segnet_basic")


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def image(*size: int) -> torch.Tensor:
    return torch.rand(2, 3, *size, generator=torch.Generator().manual_seed(1))


def exported(model: torch.nn.Module, size: tuple[int, int]) -> bytes:
    """The model for images of one size, as a file would hold it; checked against ONNX's own rules."""
    proto = torch.onnx.export(model, (image(*size),), dynamo=True, verbose=False).model_proto
    onnx.checker.check_model(proto, full_check=True)
    assert {node.domain for node in proto.graph.node} <= {"", "ai.onnx"}
    return proto.SerializeToString()


def run(model: bytes, x: torch.Tensor) -> torch.Tensor:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    (given,) = session.get_inputs()
    return torch.from_numpy(session.run(None, {given.name: x.numpy()})[0])


def check_equal(name: str, size: tuple[int, int]) -> None:
    model, x = small(name), image(*size)
    with torch.inference_mode():
        expected = model(x)
    torch.testing.assert_close(run(exported(model, size), x), expected, rtol=1e-4, atol=1e-4)
    assert expected.std() > 0.01  # or the tolerance would prove nothing


@pytest.mark.parametrize("name", NAMES)
def test_onnxruntime_gives_the_same(name):
    check_equal(name, (96, 128))


@pytest.mark.parametrize("name", UNPOOLING)
def test_unpooling_of_odd_sizes_gives_the_same(name):
    # 71 -> 36 -> 18 -> 9 -> 5 and 101 -> 51 -> 26 -> 13 -> 7: odd at several depths
    check_equal(name, (71, 101))
