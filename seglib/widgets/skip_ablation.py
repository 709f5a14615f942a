"""`SkipAblationExplorer`: what each skip connection of a trained U-Net carries, by leaving it out."""

import base64
import io
from typing import Any, ClassVar

import numpy as np
import torch
import traitlets
from PIL import Image, ImageDraw

from seglib import ablation, data
from seglib.data import ShapeScenes
from seglib.widgets import skip_maps
from seglib.widgets.base import Widget, bundle, device_name, live_device

SIZE = skip_maps.SIZE
SKIPS = tuple(ablation.JOINS)
SWITCHES = ("d0", "d1", "d2", "d3")


class SkipAblationExplorer(Widget):
    """A trained U-Net on a drawn scene, with each of its four skip connections on or off.

    Args:
        scene: number of the scene in the test split, one of those shown.
        d0: whether the skip connection of the finest level is on, the one that carries d0c, 128 x 128.
        d1: that of d1c, 64 x 64.
        d2: that of d2c, 32 x 32.
        d3: that of d3c, 16 x 16, the coarsest.
        off: what a skip connection carries that is off: "mean" (each channel's mean over other scenes), "zero", or
            "other" (what it carries for another scene).
        x: column of the pixel looked at, 0 to 127.
        y: row of the pixel looked at, 0 to 127.
        key: name in the page's address.

    Raises:
        traitlets.TraitError: a value is outside its range; the message names both.
    """

    stem: ClassVar = "skip_ablation"
    settings: ClassVar = ("scene", *SWITCHES, "off", "x", "y")
    kernel_only: ClassVar = ("answer",)
    _esm = bundle("skip_ablation")

    scene = traitlets.Enum(skip_maps.SHOWN, skip_maps.SHOWN[0]).tag(sync=True)
    d0 = traitlets.Bool(False).tag(sync=True)
    d1 = traitlets.Bool(False).tag(sync=True)
    d2 = traitlets.Bool(False).tag(sync=True)
    d3 = traitlets.Bool(False).tag(sync=True)
    off = traitlets.Enum(ablation.KINDS, "mean").tag(sync=True)
    x = traitlets.Int(64, min=0, max=SIZE - 1).tag(sync=True)
    y = traitlets.Int(64, min=0, max=SIZE - 1).tag(sync=True)
    facts = traitlets.Dict(help="scenes, label maps and scores, as measured", read_only=True).tag(sync=True)
    answer = traitlets.Dict(help="the kernel's own label map for the settings it names").tag(sync=True)

    def __init__(self, **traits: Any) -> None:
        super().__init__(**traits)
        measured = skip_maps.load()
        facts = {name: measured[name] for name in ("scenes", "small_objects", "scores", "pictures")}
        facts |= {
            "size": SIZE,
            "step": skip_maps.STEP,
            "references": skip_maps.REFERENCES,
            "kinds": list(ablation.KINDS),
            "classes": list(ShapeScenes.classes),
            "colours": [list(colour) for colour in ShapeScenes.colours],
            "channels": [len(measured["means"][skip]) // 2 for skip in SKIPS],
        }
        self.set_trait("facts", facts)
        self.observe(self._answer, ["scene", *SWITCHES, "off"])
        self._answer()

    @property
    def on(self) -> int:
        """The skip connections that are on: bit i for level i."""
        return sum(getattr(self, switch) << level for level, switch in enumerate(SWITCHES))

    def labels(self) -> np.ndarray:
        """The label map now shown where no kernel runs, `H W`."""
        return skip_maps.shown(self.scene, self.on, self.off)

    def truth(self) -> np.ndarray:
        """The true labels of the scene, `H W`."""
        return skip_maps.labels_of(skip_maps.load()["pictures"][skip_maps.SHOWN.index(self.scene)]["truth"])

    def _answer(self, _change: object = None) -> None:
        """Run the network now shown, on the GPU if there is one."""
        device = live_device()
        model = skip_maps.network().to(device)
        scenes = data.load("scenes", "test", length=skip_maps.SCENES, size=SIZE)
        images = torch.stack([scenes[self.scene - 1][0], scenes[self.scene][0]])  # "other" takes the one before it
        means = {skip: torch.tensor(each)[None, :, None, None] for skip, each in skip_maps.load()["means"].items()}
        labels = ablation.predict(
            model, data.normalise(images), skip_maps.off(self.on), kind=self.off, means=means, batch_size=2
        )[1]
        self.answer = {
            **{name: getattr(self, name) for name in ("scene", *SWITCHES, "off")},
            "by": f"PyTorch {torch.__version__.split('+')[0]} on {device_name(device)}",
            "labels": labels.byte().cpu().numpy().tobytes(),
        }

    def alt(self) -> str:
        """What the still picture shows."""
        names = skip_maps.off(self.on)
        which = f"{', '.join(names)} off" if names else "all skip connections on"
        wrong = (self.labels() != self.truth()).mean()
        return (
            f"A drawn scene, its true labels, what a trained U-Net with {which} predicts, and the pixels that are "
            f"wrong, {wrong:.0%} of all."
        )

    def picture(self) -> Image.Image:
        """Scene, truth, prediction and errors in one row."""
        zoom, gap = 3, 12
        facts = skip_maps.load()["pictures"][skip_maps.SHOWN.index(self.scene)]
        image = Image.open(io.BytesIO(base64.b64decode(facts["image"]))).convert("RGB")
        colours = np.array(ShapeScenes.colours, np.uint8)
        labels, truth = self.labels(), self.truth()
        wrong = np.asarray(image.convert("L").convert("RGB")) // 2 + 110
        wrong[labels != truth] = (0xD5, 0x5E, 0x00)
        panels = [np.asarray(image), colours[truth], colours[labels], wrong]
        side = SIZE * zoom
        sheet = Image.new("RGB", (4 * side + 3 * gap, side), "white")
        for i, panel in enumerate(panels):
            large = Image.fromarray(panel.astype(np.uint8)).resize((side, side), Image.Resampling.NEAREST)
            sheet.paste(large, (i * (side + gap), 0))
        ImageDraw.Draw(sheet).rectangle((2 * (side + gap), 0, 2 * (side + gap) + side - 1, side - 1), outline="#CC79A7")
        return sheet
