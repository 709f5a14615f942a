"""One traced operation, as the rules see it."""

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from seglib.receptive_field.graph import UnsupportedOperationError, Value


@dataclass(frozen=True)
class Call:
    """One traced operation: its ATen name, in place or not, its arguments, result shapes, and values of tensors."""

    op: str
    where: str
    arguments: dict[str, Any]
    shapes: tuple[tuple[int, ...], ...]
    look_up: Any

    def __getitem__(self, name: str) -> Any:
        return self.arguments[name]

    def get(self, name: str) -> Any:
        """An argument, None where the operation has none of this name."""
        return self.arguments.get(name)

    def value(self, name: str) -> Value | None:
        """Value of a tensor argument, None where it does not depend on the image."""
        return self.look_up(self.arguments.get(name))

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the (first) result."""
        return self.shapes[0]

    @property
    def cause(self) -> str:
        """Operation and module, for people."""
        return f"{self.where}: {self.op}"

    def values(self) -> list[Value]:
        """Values of all tensor arguments that depend on the image."""
        tensors: list[Tensor] = []
        for argument in self.arguments.values():
            tensors.extend(a for a in (argument if isinstance(argument, (list, tuple)) else [argument]))
        return [value for t in tensors if isinstance(t, Tensor) and (value := self.look_up(t)) is not None]

    def refuse(self, reason: str) -> UnsupportedOperationError:
        """The error that this operation's field is not known."""
        return UnsupportedOperationError(
            f"the receptive field of {self.op} (in {self.where}) is not known: {reason}. "
            "Ask for an earlier layer with layer=, or measure with effective_receptive_field"
        )
