"""`ObjectSizeExplorer`: one object, its size on a slider, and what FCN-32s, 16s and 8s make of it."""

import time
from typing import Any, ClassVar

import numpy as np
import torch
import traitlets
from PIL import Image

from seglib.data.scenes import SHAPES
from seglib.widgets import size_sweep
from seglib.widgets.base import Widget, bundle, device_name, live_device
from seglib.widgets.object_size_picture import object_size_picture
from seglib.widgets.size_sweep import INSTANCES, NETWORKS, RADII, SIZE, Sweep, iou, predict, scene

MOST_INSTANCES = 1000


class ObjectSizeExplorer(Widget):
    """A drawn object of any size, and what three fully convolutional networks make of it.

    The page holds the answers for six scenes; with a kernel the networks run on the reader's device, on any scene.

    Args:
        kind: "disc", "square", "triangle" or "cross".
        radius: of the disc with the same area in pixels, one of `size_sweep.RADII`, 2 to 128.
        instance: number of the scene, which decides place, angle and surfaces, from 0 to 999; from 6 on it needs a
            kernel.
        key: name in the page's address.

    Attributes:
        sweep: the record behind page and curves: IoU of each instance, shape, radius and network, and the labels.

    Raises:
        traitlets.TraitError: a value is not legal; the message names it and says what is.
    """

    stem: ClassVar = "object_size"
    settings: ClassVar = ("kind", "radius", "instance")
    kernel_only: ClassVar = ("answer", "extra")
    _esm = bundle("object_size")

    kind = traitlets.Enum(SHAPES, "disc").tag(sync=True)
    radius = traitlets.Enum(RADII, 10).tag(sync=True)
    instance = traitlets.Int(0, min=0, max=MOST_INSTANCES - 1).tag(sync=True)
    about = traitlets.Dict(help="names and sizes that both sides need", read_only=True).tag(sync=True)
    curves = traitlets.Dict(help="IoU by size: mean and spread of each shape", read_only=True).tag(sync=True)
    places = traitlets.List(help="where the scenes lie, in the picture and in `pack`", read_only=True).tag(sync=True)
    pack = traitlets.Bytes(help="the pictures of all scenes, one after the other", read_only=True).tag(sync=True)
    extra = traitlets.Dict(help="a scene that is not in `places`").tag(sync=True)
    answer = traitlets.Dict(help="the kernel's own labels for the settings they name").tag(sync=True)

    def __init__(self, **traits: Any) -> None:
        super().__init__(**traits)
        about = {
            "size": SIZE,
            "radii": list(RADII),
            "kinds": list(SHAPES),
            "networks": NETWORKS,
            "step": size_sweep.LABEL_STEP,
            "largest": size_sweep.LARGEST_TRAINED,
            "seed": size_sweep.seed(0),
            "most": MOST_INSTANCES,
        }
        self.set_trait("about", about)
        self.set_trait("curves", self.sweep.curves())
        self.set_trait("places", self.sweep.places)
        self.set_trait("pack", self.sweep.pack)
        self.observe(self._draw, ["instance"])
        self._draw()
        # a page asks for one answer after the other, so that dragging leaves no queue behind
        self.on_msg(lambda _widget, content, _buffers: self.predict() if content == "predict" else None)

    @property
    def sweep(self) -> Sweep:
        """The record."""
        return size_sweep.recorded()

    def _draw(self, _change: object = None) -> None:
        """Give the page the surfaces of a scene that it does not have."""
        if self.instance >= INSTANCES:
            self.extra = {
                "instance": self.instance,
                **size_sweep.place(self.instance),
                **size_sweep.surfaces(self.instance),
            }

    def predict(self) -> None:
        """Run the three networks on the scene now shown, on the GPU if there is one, and show what they say."""
        about = [self.kind, self.radius, self.instance]
        device = live_device()
        size_sweep.networks(device)  # read before the clock runs
        image = scene(*about).image
        began = time.perf_counter()
        labels = predict(image, device)
        self.answer = {
            "about": about,
            "by": f"PyTorch {torch.__version__.split('+')[0]} on {device_name(device)}",
            "milliseconds": round((time.perf_counter() - began) * 1000),
            "labels": labels.tobytes(),
        }

    def labels(self) -> np.ndarray:
        """What the networks say to the scene now shown, uint8 `N H W`."""
        if self.instance < INSTANCES:
            return self.sweep.labels(self.kind, self.radius, self.instance)
        return predict(scene(self.kind, self.radius, self.instance).image, live_device())

    def alt(self) -> str:
        """What the still picture shows."""
        drawn = scene(self.kind, self.radius, self.instance)
        label = drawn.shapes[0].label
        found = [iou(predicted, drawn.target.numpy(), label) for predicted in self.labels()]
        words = ", ".join(f"{name} {value:.2f}" for name, value in zip(NETWORKS.values(), found, strict=True))
        return (
            f"A {self.kind} of {self.radius} pixels radius on a textured background, and what three networks make of "
            f"it, errors hatched. Intersection over union: {words}. Below, curves of intersection over union against "
            "radius: all three are near 0 for the smallest objects, rise to a plateau, and fall to 0 for objects as "
            "large as the picture."
        )

    def picture(self) -> Image.Image:
        """The scene, the three predictions and the curves, as the page draws them before anyone touches it."""
        drawn = scene(self.kind, self.radius, self.instance)
        return object_size_picture(drawn, self.labels(), self.sweep.curves()[self.kind], self.radius)
