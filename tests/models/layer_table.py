"""Layers by name; and the release's table of a network that unpools, run line by line: a second implementation."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tests.models.test_papers import FACTS

TYPES = {
    "Convolution": "Conv2d",
    "Deconvolution": "ConvTranspose2d",
    "BN": "BatchNorm2d",
    "ReLU": "ReLU",
    "Pooling": "MaxPoolWithSwitches",
    "Upsample": "Unpool",
    "LRN": "LocalResponseNorm",
}


def table_of(name: str) -> list[dict]:
    """The layers of a network, with our names: Python has no "-" in them."""
    return [fact | {"name": fact["name"].replace("-", "_")} for fact in FACTS[name]["layers"]]


def layers_of(model: nn.Module) -> dict[str, nn.Module]:
    """Layers by the paper's name, which is the last part of ours."""
    return {path.rpartition(".")[2]: module for path, module in model.named_modules() if not list(module.children())}


def shapes_of(model: nn.Module, size: tuple[int, int]) -> dict[str, list[int]]:
    """Output shapes (C H W) of all layers by name, for a model on the meta device; "score" is the logits'."""
    shapes = {}
    for name, module in layers_of(model).items():
        module.register_forward_hook(lambda _m, _i, out, name=name: shapes.__setitem__(name, list(out.shape[1:])))
    shapes["score"] = list(model.eval()(torch.empty(1, 3, *size, device="meta")).shape[1:])
    return shapes


def calls(model: nn.Module, x: Tensor) -> list[tuple[str, str, list[int]]]:
    """Name, type and output shape (C H W) of every layer, in the order in which they are called."""
    called = []

    def note(module, _inputs, output, *, name):
        output = output[0] if isinstance(output, tuple) else output
        called.append((name, type(module).__name__, list(output.shape[1:])))

    for name, layer in layers_of(model).items():
        layer.register_forward_hook(lambda *args, name=name: note(*args, name=name))
    model(x)
    return called


def randomise(model: nn.Module) -> nn.Module:
    """Numbers other than 0 and 1 for everything in batch normalisation, and biases that are not zero."""
    torch.manual_seed(0)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            for tensor in (module.weight, module.running_var):
                nn.init.uniform_(tensor, 0.5, 1.5)
            nn.init.normal_(module.running_mean, std=0.1)
        if getattr(module, "bias", None) is not None:
            nn.init.normal_(module.bias, std=0.1)
    return model


def run_table(name: str, model: nn.Module, x: Tensor) -> Tensor:
    """The layers of the table one after the other, with the weights of `model`."""
    layers = layers_of(model)
    pooled = []  # what the next unpooling has to undo: size, and which of each window's four pixels was the maximum
    for fact in table_of(name):
        layer = layers[fact["name"]]
        match fact["type"]:
            case "Convolution":
                x = F.conv2d(x, layer.weight, layer.bias, padding=fact["p"])
            case "Deconvolution":  # of stride 1: a convolution with the kernel turned by 180 degrees
                kernel = layer.weight.transpose(0, 1).flip(2, 3)
                x = F.conv2d(x, kernel, layer.bias, padding=layer.kernel_size[0] - 1 - fact["p"])
            case "BN":
                mean, var, scale, shift = (
                    t[:, None, None] for t in (layer.running_mean, layer.running_var, layer.weight, layer.bias)
                )
                x = (x - mean) / (var + 1e-5).sqrt() * scale + shift
            case "ReLU":
                x = x.clamp(min=0)
            case "LRN":
                x = caffe_lrn(255 * x) / 255
            case "Pooling":
                size = x.shape[2:]
                x = F.pad(x, (0, size[1] % 2, 0, size[0] % 2), value=-torch.inf)
                corners = torch.stack([x[:, :, i::2, j::2] for i in (0, 1) for j in (0, 1)])
                x = corners.max(0).values
                pooled.append((size, corners.argmax(0)))
            case "Upsample":
                size, which = pooled.pop()
                up = x.new_zeros(*x.shape[:2], 2 * x.shape[2], 2 * x.shape[3])
                for corner, (i, j) in enumerate([(0, 0), (0, 1), (1, 0), (1, 1)]):
                    up[:, :, i::2, j::2] = x * (which == corner)
                x = up[:, :, : size[0], : size[1]]
    return x


def caffe_lrn(x: Tensor) -> Tensor:
    """Local response normalisation of the release: local_size 5, alpha 1e-4, beta 0.75, across channels."""
    squares = [x[:, max(0, c - 2) : c + 3].square().sum(1) for c in range(x.shape[1])]
    return x / (1 + 1e-4 / 5 * torch.stack(squares, 1)) ** 0.75


def check_against_table(name: str, model: nn.Module, x: Tensor) -> None:
    """Logits and the gradient of the image, model against table."""
    x.requires_grad_()
    given, expected = model(x), run_table(name, model, x)
    assert given.std() > 0.01
    torch.testing.assert_close(given, expected)
    target = torch.rand_like(given)
    gradients = [torch.autograd.grad((logits * target).sum(), x)[0] for logits in (given, expected)]
    assert gradients[0].abs().max() > 0
    torch.testing.assert_close(*gradients)


def check_layers(name: str, model: nn.Module) -> None:
    """Every layer of the table is there, with its name, shape and numbers, in its order, and nothing else."""
    table, layers = table_of(name), layers_of(model)
    x = torch.empty(1, *FACTS[name]["input"], device="meta")
    expected = [(fact["name"], TYPES[fact["type"]], fact["out_shape"]) for fact in table]
    assert calls(model.eval(), x) == expected
    assert set(layers) == {fact["name"] for fact in table}
    for fact in table:
        layer = layers[fact["name"]]
        assert sum(p.numel() for p in layer.parameters()) == fact["params"], fact["name"]
        if "cin" in fact:
            assert (layer.in_channels, layer.out_channels) == (fact["cin"], fact["cout"]), fact["name"]
            for ours, theirs in (("kernel_size", "k"), ("stride", "s"), ("padding", "p"), ("dilation", "d")):
                assert getattr(layer, ours) == (fact[theirs],) * 2, fact["name"]
            assert layer.groups == fact["group"]
            assert (layer.bias is not None) == fact["bias"]
