"""What a training run consists of, as plain values: a `Recipe` can be printed, compared, and kept as JSON."""

import json
import math
import types
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Literal, Union, get_args, get_origin

from seglib.names import did_you_mean

Start = Literal["he", "default", "vgg16"]
STARTS = get_args(Start)


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A network, data, and how the one is trained on the other; everything but the seed.

    Attributes:
        name: its own name.
        network: name of a network, as for `seglib.models.create`; or "package.module:function" for one of your own,
            which is called with num_classes and the options.
        options: options of the network: `width` and what it has of its own.
        start: "default": as the network's own file starts it (He's, with the paper's exceptions); "he": see
            `seglib.train.initialise`; "vgg16": the same with ImageNet's weights for VGG16's layers; else the name of
            another recipe, of whose trained network every layer of equal name and shape is taken.
        fresh: own names of layers that are not taken from that recipe, and start as the network's file starts them.
        batch_norm: normalise behind each convolution that a ReLU follows, and fold that into the weights at the end,
            see `seglib.train.batch_norm`.
        dropout: probability for every dropout layer; None keeps the network's own.
        data: name of a data set, as for `seglib.data.load`.
        split: the part of it that is trained on.
        data_options: options of the data set.
        crop: height and width of a random window that each image is cut to (and padded to, where smaller).
        flip: mirror every second image, on average, left to right.
        scale: smallest and largest factor of a random change of size, before the crop.
        steps: updates of the weights.
        batch_size: images in one step of one process: with two processes a step sees twice as many.
        optimiser: "sgd", "adam" or "rmsprop".
        learning_rate: before the schedule and the factors below.
        momentum: of SGD and RMSprop; the first beta of Adam.
        weight_decay: factor of the weight itself in its gradient (L2), as in the papers and for all optimisers.
        bias_learning_rate: factor for the biases of convolutions.
        bias_weight_decay: factor for all biases, batch normalisation's shifts included.
        layer_learning_rates: factors by name of a layer, or the beginning of one up to a point; 0 freezes it.
        schedule: what becomes of the learning rate, see `seglib.train.optimiser.learning_rate`.
        warmup: steps in which it grows to its full height, in equal parts.
        decay: factor of the schedules "step" and "exponential".
        period: steps to which that factor belongs.
        power: of the schedule "poly".
        loss: "mean": cross-entropy per labelled pixel; "sum": the sum over all pixels of the batch, unnormalised.
        class_weights: of the cross-entropy, one a class; "median_frequency" counts the data set, as SegNet does.
        clip: largest norm that the gradient of all weights together may have.
        source: where the numbers come from: paper and table, file of a release.
        deviations: what differs from the source.
    """

    name: str
    network: str
    options: dict[str, Any] = field(default_factory=dict)
    start: str = "default"
    fresh: tuple[str, ...] = ()
    batch_norm: bool = False
    dropout: float | None = None
    data: str = "scenes"
    split: str = "train"
    data_options: dict[str, Any] = field(default_factory=dict)
    crop: tuple[int, int] | None = None
    flip: bool = False
    scale: tuple[float, float] | None = None
    steps: int
    batch_size: int
    optimiser: Literal["sgd", "adam", "rmsprop"] = "adam"
    learning_rate: float
    momentum: float = 0.9
    weight_decay: float = 0.0
    bias_learning_rate: float = 1.0
    bias_weight_decay: float = 1.0
    layer_learning_rates: dict[str, float] = field(default_factory=dict)
    schedule: Literal["constant", "step", "poly", "exponential", "cosine"] = "constant"
    warmup: int = 0
    decay: float = 0.1
    period: float | None = None
    power: float = 0.9
    loss: Literal["mean", "sum"] = "mean"
    class_weights: Literal["median_frequency"] | tuple[float, ...] | None = None
    clip: float | None = None
    source: str = "ours"
    deviations: str = ""

    def __post_init__(self):
        for each in fields(self):
            value = _typed(getattr(self, each.name), each.type)
            if value is _WRONG:
                raise TypeError(
                    f"recipe {self.name!r}: {each.name}={getattr(self, each.name)!r} must be {describe_type(each.type)}"
                )
            object.__setattr__(self, each.name, value)  # 1 became 1.0, a list a tuple: equal recipes have equal JSON
            self._check(not isinstance(value, float) or math.isfinite(value), each.name, "finite")
        self._check(self.steps >= 1, "steps", "1 or more")
        self._check(self.batch_size >= 1, "batch_size", "1 or more")
        self._check(self.learning_rate > 0, "learning_rate", "above 0")
        self._check(0 <= self.momentum < 1, "momentum", "at least 0 and below 1")
        self._check(self.warmup >= 0, "warmup", "0 or more steps")
        self._check(self.dropout is None or 0 <= self.dropout < 1, "dropout", "at least 0 and below 1")
        self._check(self.clip is None or self.clip > 0, "clip", "above 0, or None")
        for name in ("weight_decay", "bias_learning_rate", "bias_weight_decay", "decay", "power"):
            self._check(getattr(self, name) >= 0, name, "0 or more")
        weights = self.class_weights if isinstance(self.class_weights, tuple) else ()
        self._check(all(0 <= weight < math.inf for weight in weights), "class_weights", "finite numbers of 0 or more")
        needs_period = self.schedule in ("step", "exponential")
        self._check(
            not needs_period or (self.period or 0) > 0, "period", f'a number of steps with schedule="{self.schedule}"'
        )

    def _check(self, right: bool, name: str, legal: str) -> None:
        if not right:
            raise ValueError(f"recipe {self.name!r}: {name}={getattr(self, name)!r} must be {legal}")

    def replace(self, **changes: Any) -> "Recipe":
        """The same recipe but for these fields."""
        _known(changes)
        return replace(self, **changes)

    def to_dict(self) -> dict[str, Any]:
        """All fields, as JSON can keep them."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Recipe":
        """The recipe that `to_dict`, or the JSON made of it, describes."""
        _known(values)
        return cls(**values)


def field_type(name: str) -> Any:
    """The annotation of a field; raises ValueError with the names that there are."""
    _known({name: None})
    return next(each.type for each in fields(Recipe) if each.name == name)


def describe_type(annotation: Any) -> str:
    """The values that a field takes, in words."""
    if get_origin(annotation) in (Union, types.UnionType):
        return " or ".join(map(describe_type, get_args(annotation)))
    if get_origin(annotation) is Literal:
        return " or ".join(f'"{value}"' for value in get_args(annotation))
    if get_origin(annotation) is tuple:
        items = get_args(annotation)
        word = describe_type(items[0]).removeprefix("a ")
        return f"a tuple of {word}s" if items[-1] is Ellipsis else f"{len(items)} {word}s in a tuple"
    if get_origin(annotation) is dict:
        return "a dict of plain values"
    words = {str: "a text", int: "a whole number", float: "a number", bool: "True or False", types.NoneType: "None"}
    return words[annotation]


_WRONG = object()


def _typed(value: Any, annotation: Any) -> Any:
    """`value` as the annotation wants it, whole numbers as floats and lists as tuples if need be; else `_WRONG`."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin in (Union, types.UnionType):
        fitting = (_typed(value, each) for each in arguments)
        return next((each for each in fitting if each is not _WRONG), _WRONG)
    if origin is Literal:
        return value if isinstance(value, str) and value in arguments else _WRONG
    if origin is tuple:
        if not isinstance(value, list | tuple):
            return _WRONG
        kinds = (arguments[0],) * len(value) if arguments[-1] is Ellipsis else arguments
        if len(kinds) != len(value):
            return _WRONG
        items = tuple(_typed(item, kind) for item, kind in zip(value, kinds, strict=True))
        return _WRONG if any(item is _WRONG for item in items) else items
    if origin is dict:
        return dict(value) if isinstance(value, dict) and _is_json(value) else _WRONG
    if annotation is float and isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if annotation is int and isinstance(value, bool):
        return _WRONG
    return value if isinstance(value, annotation) else _WRONG


def _is_json(value: Any) -> bool:
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError):
        return False
    return True


def _known(names: dict[str, Any]) -> None:
    there = [each.name for each in fields(Recipe)]
    for name in names:
        if name not in there:
            hint = did_you_mean(name, there)
            raise ValueError(f"a recipe has no field {name!r}{hint} Its fields are {', '.join(there)}")
