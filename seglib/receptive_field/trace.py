"""One forward pass of a network on tensors without memory, recorded operation by operation."""

import logging
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

import torch
from torch import Tensor, nn
from torch._subclasses import fake_tensor
from torch.func import functional_call
from torch.nn.modules.module import register_module_forward_hook, register_module_forward_pre_hook
from torch.utils._python_dispatch import TorchDispatchMode

from seglib.receptive_field.call import Call
from seglib.receptive_field.graph import (
    SAME,
    Atom,
    Kernel,
    UnsupportedOperationError,
    Value,
    channels,
    creation_order,
    settle,
)
from seglib.receptive_field.rules import name_of, rule_for

BATCH = 2  # two images, so that the batch statistics of a 1 x 1 map are defined


@dataclass(frozen=True)
class Step:
    """One module call, or one operation written straight into the `forward` of a module with children."""

    name: str
    type: str
    value: Value
    shape: tuple[int, ...]
    kernel: Kernel | None


@dataclass
class Trace:
    """The record of a forward pass: steps in execution order, and the value of the output."""

    steps: list[Step] = field(default_factory=list)
    outputs: dict[str, list[Value | None]] = field(default_factory=dict)

    def output(self, layer: str) -> Value:
        """Value of a layer's output, of its last call if it is called more than once."""
        what = f"layer {layer!r}" if layer else "the model"
        if layer not in self.outputs:
            raise ValueError(f"{what} is not called in the forward pass")
        found = self.outputs[layer]
        if len(found) != 1:
            raise ValueError(f"{what} returns {len(found)} tensors; name a layer that returns one with layer=")
        if found[0] is None:
            raise ValueError(f"the output of {what} does not depend on the image")
        return found[0]


class _Recorder(TorchDispatchMode):
    """Records each ATen operation on tensors that depend on the image."""

    def __init__(self, trace: Trace, names: dict[int, str]):
        super().__init__()
        self.trace = trace
        self.names = names
        self.modules: list[tuple[nn.Module, int]] = []  # at work, and since which value
        self.values: dict[int, Value | UnsupportedOperationError] = {}
        self.bases: dict[int, int] = {}  # which tensor a view looks into
        self.alive: list[Tensor] = []  # values are kept by id, so that no id may be used twice

    def look_up(self, tensor: Any) -> Value | None:
        value = self.values.get(id(tensor)) if isinstance(tensor, Tensor) else None
        if isinstance(value, UnsupportedOperationError):
            raise value
        return value

    def bind(self, tensor: Tensor, value: Value | None) -> None:
        self.alive.append(tensor)
        if value is None:
            self.values.pop(id(tensor), None)
        else:
            self.values[id(tensor)] = value

    @property
    def where(self) -> str:
        """The module at work: its name and type."""
        module, _ = self.modules[-1]
        return f"{self.names.get(id(module)) or 'model'} ({type(module).__name__})"

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if func.namespace == "prim":  # asks for the device of a tensor and the like
            return func(*args, **kwargs)
        tracked = any(id(tensor) in self.values for tensor in _tensors([*args, *kwargs.values()]))
        if tracked and rule_for(func) is None and func.namespace == "aten":
            with self:
                result = func.decompose(*args, **kwargs)
            if result is not NotImplemented:
                return result
        result = func(*args, **kwargs)
        results = _tensors([result])
        if results:
            given = dict(zip((a.name for a in func._schema.arguments), args, strict=False)) | kwargs
            arguments = {a.name: given.get(a.name, a.default_value) for a in func._schema.arguments}
            if tracked:
                self.record(func, arguments, results)
            self.note_views(func, arguments, results)
        return result

    def record(self, func, arguments: dict[str, Any], results: list[Tensor]) -> None:
        start = next(creation_order)
        shapes = tuple(tuple(result.shape) for result in results)
        call = Call(name_of(func).rstrip("_"), self.where, arguments, shapes, self.look_up)
        rule = rule_for(func)
        if rule is None:
            raise call.refuse("there is no rule for it")
        try:
            values = rule(call)
        except UnsupportedOperationError:
            raise
        except Exception as error:  # a form of the operation that its rule was not written for
            raise call.refuse(f"its rule fails on these arguments ({error!r})") from error
        values = values if isinstance(values, tuple) else (values,)
        for result, value in zip(results, values, strict=True):
            if value is not None and value.shape != tuple(result.shape):
                raise call.refuse(f"its rule gives the shape {value.shape} instead of {tuple(result.shape)}")
            self.overwrite(func, arguments, result, value, call)
            self.bind(result, value)
        module, _ = self.modules[-1]
        if values[0] is not None and not _is_leaf(module) and _moves(values[0], start):
            prefix = self.names.get(id(module))
            label = f"{prefix}.{call.op}" if prefix else call.op
            self.trace.steps.append(Step(label, call.op, values[0], call.shape, values[0].kernel))

    def overwrite(self, func, arguments: dict[str, Any], result: Tensor, value: Value | None, call: Call) -> None:
        """An operation in place makes what is known of other views of the same tensor stale."""
        if not any(a.alias_info is not None and a.alias_info.is_write for a in func._schema.arguments):
            return
        if self.values.get(id(result)) is value:
            return
        base = self.bases.get(id(result), id(result))
        error = call.refuse("it writes into a part of a tensor that is read as a whole later; use cat or pad")
        for tensor in self.alive:
            if tensor is not result and self.bases.get(id(tensor), id(tensor)) == base:
                self.values[id(tensor)] = error

    def note_views(self, func, arguments: dict[str, Any], results: list[Tensor]) -> None:
        if not any(r.alias_info is not None and not r.alias_info.is_write for r in func._schema.returns):
            return
        first = next(iter(arguments.values()))
        if isinstance(first, Tensor):
            self.alive.append(first)
            for result in results:
                self.alive.append(result)
                if result is not first:
                    self.bases[id(result)] = self.bases.get(id(first), id(first))

    def enter(self, module: nn.Module, args: Any) -> None:
        self.modules.append((module, next(creation_order)))

    def leave(self, module: nn.Module, args: Any, output: Any) -> None:
        _, start = self.modules.pop()
        name = self.names.get(id(module))
        if name is None:  # a module made during the forward pass
            return
        tensors = _tensors([output])
        values = [self.look_up(tensor) for tensor in tensors]
        cause = f"{name or 'model'} ({type(module).__name__}): output"
        self.trace.outputs[name] = [None if value is None else settle(value, cause) for value in values]
        value = next(iter(self.trace.outputs[name]), None)
        if value is not None and _is_leaf(module):
            kernel = value.kernel if value.order > start else None
            self.trace.steps.append(Step(name, type(module).__name__, value, tuple(tensors[0].shape), kernel))


def _is_leaf(module: nn.Module) -> bool:
    return next(module.children(), None) is None


def _moves(value: Value, start: int) -> bool:
    """Whether a value made since `start` reads other positions or joins branches, and so deserves a row of its own."""
    if value.order < start:
        return False
    return len(value.edges) > 1 or any(maps != SAME or _moves(source, start) for source, maps in value.edges)


def _tensors(tree: Any) -> list[Tensor]:
    """All tensors in nested lists, tuples and dicts."""
    if isinstance(tree, Tensor):
        return [tree]
    if isinstance(tree, dict):
        tree = list(tree.values())
    return [t for branch in tree for t in _tensors(branch)] if isinstance(tree, (list, tuple)) else []


def trace(model: nn.Module, input_size: tuple[int, int, int]) -> Trace:
    """Run a model once without computing anything and record what each unit reads.

    Args:
        model: any module that takes one image N C H W. Its parameters, buffers and flags stay as they are.
        input_size: (channels, height, width) of the image.

    Raises:
        UnsupportedOperationError: for an operation whose field is not known.
        ValueError: if the model does not take an image of this size.
    """
    numbers = input_size if isinstance(input_size, (tuple, list)) else ()
    if len(numbers) != 3 or not all(isinstance(n, int) and n > 0 for n in numbers):
        raise ValueError(f"input_size is (channels, height, width), three positive integers, not {input_size!r}")
    names = {id(module): name for name, module in model.named_modules()}
    record = Trace()
    recorder = _Recorder(record, names)
    state = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    example = next((t for t in state.values() if t.is_floating_point()), torch.empty(0))
    fake = fake_tensor.FakeTensorMode(allow_non_fake_inputs=True)
    log = logging.getLogger(fake_tensor.__name__)  # prints a traceback for every image that is too small
    level = log.level
    log.setLevel(logging.CRITICAL)
    hooks = [register_module_forward_pre_hook(recorder.enter), register_module_forward_hook(recorder.leave)]
    try:
        with fake, torch.inference_mode():
            image = torch.empty(BATCH, *input_size, dtype=example.dtype, device=example.device)
            dims = (channels(BATCH), channels(input_size[0]), (Atom(0, input_size[1]),), (Atom(1, input_size[2]),))
            recorder.bind(image, Value(dims))
            state = {name: torch.empty(t.shape, dtype=t.dtype, device=t.device) for name, t in state.items()}
            with recorder:
                functional_call(model, state, (image,))
    except UnsupportedOperationError:
        raise
    except Exception as error:
        if type(error).__name__ in ("DataDependentOutputException", "DynamicOutputShapeException"):
            raise UnsupportedOperationError(
                f"{recorder.where if recorder.modules else 'the model'} decides by the values of pixels what to "
                f"compute next ({error}); a receptive field is only defined for a fixed graph"
            ) from error
        raise ValueError(
            f"the model does not take an image of input_size {tuple(input_size)}: {error}. "
            "If the image is too small for it, pass a larger input_size"
        ) from error
    finally:
        log.setLevel(level)
        for hook in hooks:
            hook.remove()
    return record


def check_layer(model: nn.Module, layer: str | None) -> str:
    """The dotted name of a module, "" for the model itself.

    Raises:
        ValueError: if there is none of this name; the message lists those that look alike.
    """
    modules = dict(model.named_modules(remove_duplicate=False))
    if layer is None:
        return ""
    if layer not in modules:
        names = [name for name in modules if name]
        near = get_close_matches(str(layer), names, n=5, cutoff=0.4) or names[:5]
        raise ValueError(f"the model has no layer {layer!r}; did you mean one of {', '.join(map(repr, near))}?")
    return next(name for name, module in model.named_modules() if module is modules[layer])
