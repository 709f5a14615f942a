"""`ArchitectureViewer`: a network as a picture to walk through, or two of them side by side."""

from collections import Counter
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any, ClassVar

import ipywidgets
import torch
import traitlets
from PIL import Image
from torch import nn

from seglib import models
from seglib.models.summary import Summary
from seglib.names import did_you_mean
from seglib.widgets.architecture_picture import architecture_picture
from seglib.widgets.base import Widget, bundle
from seglib.widgets.network_graph import Graph, match, read_graph, to_page

TITLES = {
    "fcn32s": "FCN-32s",
    "fcn16s": "FCN-16s",
    "fcn8s": "FCN-8s",
    "deconvnet": "DeconvNet",
    "segnet": "SegNet",
    "segnet_basic": "SegNet-Basic",
    "unet": "U-Net",
    "fc_densenet56": "FC-DenseNet56",
    "fc_densenet67": "FC-DenseNet67",
    "fc_densenet103": "FC-DenseNet103",
    "deeplab_v1": "DeepLabV1",
    "deeplab_v1_largefov": "DeepLabV1-LargeFOV",
    "dilated_front_end": "DilatedNet front end",
    "dilated_net": "DilatedNet",
    "dilated_net_large": "DilatedNet, large context",
}
COLOURS = ("kind", "parameters", "macs", "memory", "field")


def networks_of(
    networks: Sequence[str | nn.Module],
    input_size: tuple[int, ...] | None,
    num_classes: int | None,
    options: dict[str, Any],
) -> list[tuple[Graph, str | None]]:
    """The graphs of one or two networks for the same image, and for each the code that builds it, None for a module.

    Raises:
        ValueError: an unknown name, or an image or a value that a network does not take.
        TypeError: something that is no network, or an option that none of those given by name has.
    """
    if not 1 <= len(networks) <= 2:
        raise TypeError(f"give one network or two, a name of seglib.models.MODELS or a module, not {len(networks)}")
    for network in networks:
        if not isinstance(network, (str, nn.Module)):
            raise TypeError(f"{network!r} is no network; give a name of seglib.models.MODELS or an nn.Module")
        if isinstance(network, str) and network not in models.MODELS:
            hint = did_you_mean(network, models.MODELS)
            raise ValueError(f"there is no network {network!r}{hint} There are {', '.join(models.MODELS)}")
    names = [network for network in networks if isinstance(network, str)]
    allowed = {name: {"width": 1.0, **models.options_of(name)} for name in names}
    if unknown := [option for option in options if not any(option in has for has in allowed.values())]:
        known = (
            ", ".join(sorted({option for has in allowed.values() for option in has})) or "none, they are built already"
        )
        raise TypeError(f"no network here has an option {', '.join(unknown)}; options are {known}")
    if num_classes is not None and not names:
        raise TypeError("num_classes: the modules are built already; leave it out")
    image = _image(networks, input_size)
    paper = models.PAPERS[names[0]] if names else None
    classes = paper.num_classes if num_classes is None and paper else num_classes
    found = []
    for network in networks:
        code = None
        if isinstance(network, str):
            own = {option: value for option, value in options.items() if option in allowed[network]}
            arguments = {"num_classes": classes, "in_channels": image[0], **own}
            code = f"models.create({network!r}, {', '.join(f'{name}={value!r}' for name, value in arguments.items())})"
            with torch.device("meta"):
                model = models.create(network, **arguments)
        else:
            model = network
        summary = models.describe(model, in_channels=image[0], input_size=image[1:])
        found.append((read_graph(model, summary), code))
    return found


def _image(networks: Sequence[str | nn.Module], input_size: tuple[int, ...] | None) -> tuple[int, int, int]:
    """Channels, height and width of the image; where they are not given, the first network's own."""
    first = networks[0]
    paper = models.PAPERS[first] if isinstance(first, str) else None
    channels = paper.in_channels if paper else getattr(first, "in_channels", 3)
    if input_size is None:
        return (channels, *(paper.input_size if paper else (224, 224)))
    size = tuple(input_size) if isinstance(input_size, (tuple, list)) else ()
    if len(size) not in (2, 3) or not all(type(n) is int and n > 0 for n in size):
        raise ValueError(
            f"input_size={input_size!r} must be (height, width) or (channels, height, width), positive whole numbers"
        )
    return size if len(size) == 3 else (channels, *size)


class ArchitectureViewer(Widget):
    """A network, layer by layer, drawn from what it really does: `ArchitectureViewer("deconvnet")`.

    Every number is that of `models.describe`, every skip and every switch an edge of the traced graph. Networks given
    by name are built without memory, so that full-size ones cost nothing. With two networks, blocks that stand for each
    other share a column: those of equal name, and between them those that do the same at the same stride.

    Args:
        *networks: one or two: names of `seglib.models.MODELS`, or modules that take one image N C H W.
        input_size: (channels, height, width) of the image, or (height, width); that of the first network's paper, or
            (3, 224, 224) for a module, if left out. Two networks get the same image.
        num_classes: of networks given by name; as in the paper of the first of them if left out.
        titles: what to call the networks; their papers' names, or the classes of modules, if left out.
        layer: the layer to begin with, as in the table of `describe`, with #2, #3 ... behind a name that comes again;
            the one with the most parameters if left out.
        network: number of the network it belongs to, 0 or 1.
        colour: what the colours tell: "kind", "parameters", "macs", "memory" or "field".
        key: name in the page's address.
        **options: for `models.create`; each network given by name takes those that it has.

    Raises:
        ValueError: an unknown name, or an image or a value that a network does not take.
        TypeError: something that is no network, or an option that none has.
        UnsupportedOperationError: a module does something whose receptive field is not known.
        traitlets.TraitError: a layer or a colour that is not there.

    Example:
        >>> ArchitectureViewer("deconvnet", "segnet", layer="fc6", colour="parameters")
        ArchitectureViewer('deconvnet', 'segnet', layer='fc6', network=0, colour='parameters')
    """

    stem: ClassVar = "architecture"
    settings: ClassVar = ("layer", "network", "colour")
    _esm = bundle("architecture")

    layer = traitlets.Unicode("").tag(sync=True)
    network = traitlets.Int(0, min=0, max=1).tag(sync=True)
    colour = traitlets.Enum(COLOURS, "kind").tag(sync=True)
    networks = traitlets.List(traitlets.Dict(), read_only=True).tag(sync=True)
    pairs = traitlets.List(read_only=True, help="numbers of blocks that stand for each other").tag(sync=True)

    def __init__(
        self,
        *networks: str | nn.Module,
        input_size: tuple[int, ...] | None = None,
        num_classes: int | None = None,
        titles: Sequence[str] | None = None,
        **more: Any,
    ) -> None:
        own = {*self.settings, "key", *ipywidgets.DOMWidget.class_trait_names()}
        # "width" is a network's option; a widget's width is its layout's
        options = {name: value for name, value in more.items() if name not in own}
        found = networks_of(networks, input_size, num_classes, options)
        self.graphs: tuple[Graph, ...] = tuple(graph for graph, _ in found)
        self._given = [network if isinstance(network, str) else type(network).__name__ for network in networks]
        if titles is not None and len(titles) != len(networks):
            raise ValueError(f"titles={titles!r} must name {len(networks)} networks")
        self.titles = list(titles) if titles is not None else _titles(self._given)
        traits = {name: value for name, value in more.items() if name in own}
        if isinstance(traits.get("network", 0), int) and 0 <= traits.get("network", 0) < len(networks):
            traits.setdefault("layer", _heaviest(self.graphs[traits.get("network", 0)]))
        super().__init__(**traits)
        pages = [to_page(graph, title, code) for (graph, code), title in zip(found, self.titles, strict=True)]
        self.set_trait("networks", pages)
        self.set_trait("pairs", [list(pair) for pair in match(*self.graphs)] if len(found) == 2 else [])

    @property
    def summaries(self) -> tuple[Summary, ...]:
        """What `models.describe` says of the networks."""
        return tuple(graph.summary for graph in self.graphs)

    @traitlets.validate("network")
    def _legal_network(self, proposal: dict) -> int:
        if proposal["value"] >= len(self.graphs):
            raise traitlets.TraitError(f"network={proposal['value']} must be 0: there is one network")
        return proposal["value"]

    @traitlets.validate("layer")
    def _legal_layer(self, proposal: dict) -> str:
        # both may change at once, and the other one later: a layer of either network will do
        name, here = proposal["value"], [name for graph in self.graphs for name in graph.ids]
        if name not in here:
            near = get_close_matches(name, here, n=3, cutoff=0.4) or here[:3]
            raise traitlets.TraitError(
                f"layer={name!r} is not there; did you mean one of {', '.join(map(repr, near))}?"
            )
        return name

    def selected(self) -> tuple[int, int]:
        """Number of the network, and of the row in it, that is looked at."""
        for number in (self.network, *range(len(self.graphs))):
            if self.layer in self.graphs[number].ids:
                return number, self.graphs[number].ids.index(self.layer)
        return 0, 0

    def alt(self) -> str:
        """What the still picture shows."""
        told = " Below it, ".join(
            f"{title}: {len(graph.blocks)} blocks in {len(graph.stages)} stages, {_count(graph.summary)}, as bars; "
            "their height is the resolution, their width the channels"
            for title, graph in zip(self.titles, self.graphs, strict=True)
        )
        number, row = self.selected()
        chosen = self.graphs[number].summary.rows[row]
        marked = f"{chosen.label} of {self.titles[number]}, {chosen.trainable + chosen.frozen:,} parameters"
        return f"{told}. Marked is {marked}."

    def picture(self) -> Image.Image:
        """The networks as the page draws them before anyone touches it."""
        number, row = self.selected()
        block = next(i for i, one in enumerate(self.graphs[number].blocks) if row in one.rows)
        return architecture_picture(self.graphs, self.titles, [tuple(pair) for pair in self.pairs], number, block)

    def __repr__(self) -> str:
        settings = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.settings)
        return f"ArchitectureViewer({', '.join(map(repr, self._given))}, {settings})"


def _titles(given: list[str]) -> list[str]:
    titles = [TITLES.get(name, name) for name in given]
    return [f"{title} ({i})" if Counter(titles)[title] > 1 else title for i, title in enumerate(titles, start=1)]


def _heaviest(graph: Graph) -> str:
    rows = graph.summary.rows
    return graph.ids[max(range(len(rows)), key=lambda i: (bool(rows[i].shape), rows[i].trainable + rows[i].frozen))]


def _count(summary: Summary) -> str:
    return f"{(summary.trainable + summary.frozen) / 1e6:.1f} million parameters"
