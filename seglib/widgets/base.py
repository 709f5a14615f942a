"""The one base class of the book's widgets.

A widget's front end is one ES module in anywidget's format, and it has two hosts: anywidget (JupyterLab, Notebook 7,
VS Code, Colab), with this kernel behind it, and the rendered page, with nothing behind it. For the page, the widget's
HTML representation carries a still picture and a script that mounts the same module on a model without a kernel
(`js/host.js`).
"""

import base64
import html
import io
import json
import sys
import time
from collections.abc import Callable
from functools import cache
from importlib import resources
from typing import Any, ClassVar

import anywidget
import ipywidgets
import torch
import traitlets
from PIL import Image

STATIC = resources.files(__package__) / "static"


@cache
def bundle(stem: str) -> str:
    """The text of a bundled front-end module, `static/<stem>.js`; `make widgets` writes it from `js/<stem>.js`."""
    return (STATIC / f"{stem}.js").read_text(encoding="utf-8")


class Widget(anywidget.AnyWidget):
    """A figure that a reader can touch.

    A subclass names its front end and lists its settings; it writes its traits with legal ranges, and `picture`.

    Attributes:
        stem: name of the bundle, also the first part of the widget's name in links.
        settings: names of the traits that the reader changes. They are kept in the page's address.
        kernel_only: names of the traits that only a live kernel fills; they are left out of the page.
        key: name of this widget in the page's address; give each of two widgets of one class on a page its own.
        defaults: the settings as the widget was made; "Reset" goes back to them.
    """

    stem: ClassVar[str]
    settings: ClassVar[tuple[str, ...]]
    kernel_only: ClassVar[tuple[str, ...]] = ()

    key = traitlets.Unicode(help="name in the page's address").tag(sync=True)
    defaults = traitlets.Dict(help="the settings as the widget was made").tag(sync=True)

    def __init__(self, **traits: Any) -> None:
        unknown = set(traits) - set(self.own_names()) - set(ipywidgets.DOMWidget.class_trait_names())
        if unknown:
            raise TypeError(
                f"{type(self).__name__} has no setting {', '.join(map(repr, sorted(unknown)))}; "
                f"it has {', '.join(self.settings)}"
            )
        super().__init__(**{"key": self.stem, **traits})
        if not self.key.replace("-", "").replace("_", "").isalnum():
            raise traitlets.TraitError(
                f"key={self.key!r} must be letters, digits, - and _: it stands in the page's address"
            )
        self.defaults = {name: getattr(self, name) for name in self.settings}

    def picture(self) -> Image.Image:
        """The still picture for readers without JavaScript, for print and for GitHub."""
        raise NotImplementedError

    def alt(self) -> str:
        """What the still picture shows, in words."""
        raise NotImplementedError

    @classmethod
    def own_names(cls) -> list[str]:
        """Names of the synced traits of the widget itself, without ipywidgets' and anywidget's."""
        inherited = set(ipywidgets.DOMWidget.class_trait_names())
        return [name for name in cls.class_trait_names(sync=True) if name not in inherited and not name.startswith("_")]

    def static_html(self) -> str:
        """The widget for a page without a kernel: still picture, state and front end in one piece of HTML."""
        buffer = io.BytesIO()
        self.picture().convert("RGB").save(buffer, "WEBP", quality=82, method=6)
        state = {name: getattr(self, name) for name in self.own_names() if name not in self.kernel_only}
        mount = {
            "key": self.key,
            "esm": bundle(self.stem),
            "state": state,
            "settings": {name: rule(self.traits()[name]) for name in self.settings},
        }
        # "<" is written as an escape so that nothing in the text can end the script element
        text = json.dumps(mount, default=encode_bytes, separators=(",", ":")).replace("<", "\\u003c")
        return (
            f'<div class="seglib-widget" data-widget="{self.stem}" data-key="{self.key}" data-state="loading">'
            f'<img class="seglib-fallback" style="max-width:100%" alt="{html.escape(self.alt(), quote=True)}" '
            f'src="data:image/webp;base64,{base64.b64encode(buffer.getvalue()).decode()}"></div>'
            f'<script type="module">{bundle("host")}\nhost.mountWidget({text});</script>'
        )

    def __repr__(self) -> str:
        """The class and its settings; no address in memory, so that notebooks compare equal."""
        values = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.settings)
        return f"{type(self).__name__}({values})"

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict, dict] | None:
        bundle_ = super()._repr_mimebundle_(**kwargs)
        # Colab shows text/html before a widget, and has its own live host: no page to write for.
        if bundle_ is not None and "google.colab" not in sys.modules:
            bundle_[0]["text/html"] = self.static_html()
        return bundle_


def encode_bytes(value: object) -> dict[str, str]:
    """Bytes in JSON, as `js/host.js` reads them."""
    if isinstance(value, bytes):
        return {"$bytes": base64.b64encode(value).decode()}
    raise TypeError(f"a widget's state cannot hold a {type(value).__name__}: use numbers, text, lists, dicts or bytes")


def rule(trait: traitlets.TraitType) -> dict[str, Any]:
    """A trait's legal values, for the page, where no Python is left to refuse a bad link."""
    if isinstance(trait, traitlets.Enum):
        return {"values": list(trait.values)}
    if isinstance(trait, traitlets.List) and isinstance(trait._trait, traitlets.Int):
        return {"items": rule(trait._trait), "min": trait._minlen, "max": min(trait._maxlen, 1000)}
    if isinstance(trait, traitlets.Bool):
        return {"type": "boolean"}
    if isinstance(trait, traitlets.Int) and trait.min is not None and trait.max is not None:
        return {"type": "integer", "min": trait.min, "max": trait.max}
    return {"type": "any"}


def live_device() -> torch.device:
    """Where a live answer is computed: the reader's GPU if there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def device_name(device: torch.device) -> str:
    """The device in words, for a status line."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"


def timed(work: Callable[[], Any], device: torch.device, repeats: int = 3) -> tuple[Any, float]:
    """Run `work` and return its result and the shortest of `repeats` runs in milliseconds."""
    shortest = float("inf")
    for _ in range(repeats):
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        start = time.perf_counter()
        result = work()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        shortest = min(shortest, time.perf_counter() - start)
    return result, shortest * 1000
