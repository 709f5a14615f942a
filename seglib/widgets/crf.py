"""`CRFExplorer`: scribbles on a small photograph, and exact mean field that spreads them."""

import re
import time
from typing import Any, ClassVar

import numpy as np
import torch
import traitlets
from PIL import Image, ImageDraw, ImageOps
from torch import Tensor

from seglib.crf import DenseCRF
from seglib.crf.compat import unary_from_labels
from seglib.data.photos import PHOTOGRAPHS, photograph
from seglib.data.scenes import ShapeScenes
from seglib.widgets.base import Widget, bundle, device_name, live_device

SIZE = (32, 48)  # h w: 1536 pixels, each compared with each
FINE = 8  # a kernel labels a picture of so many times as many rows and columns
SURE = 0.9  # probability that a scribble is right
MARKS = ".abc"  # nothing, and three labels
COLOURS = tuple(ShapeScenes.colours[i] for i in (1, 2, 4))  # the book's colours of classes
# What each photograph shows, and scribbles: label, x, y, and x, y of the other end
PRESETS: dict[str, tuple[tuple[str, ...], tuple[tuple[int, ...], ...]]] = {
    "coffee": (
        ("cup", "coffee", "table"),
        (
            (1, 9, 14, 9, 20),
            (1, 17, 16, 26, 16),
            (1, 30, 20, 34, 20),
            (1, 14, 8, 15, 13),
            (2, 20, 12, 25, 12),
            (3, 38, 6, 42, 12),
            (3, 42, 12, 41, 18),
            (3, 2, 12, 2, 16),
            (3, 3, 28, 6, 30),
        ),
    ),
    "astronaut": (
        ("suit", "flag", "rest"),
        (
            (1, 10, 18, 30, 24),
            (2, 2, 6, 4, 12),
            (2, 7, 8, 7, 9),
            (3, 12, 2, 13, 8),
            (3, 28, 4, 30, 10),
            (3, 20, 3, 20, 9),
            (3, 40, 24, 44, 22),
        ),
    ),
    "chelsea": (
        ("cat", "blanket"),
        ((1, 8, 6, 30, 6), (1, 12, 22, 26, 16), (2, 42, 20, 45, 26), (2, 0, 2, 1, 8), (2, 41, 10, 46, 12)),
    ),
}
# any picture: something in the middle, something else in the corners
OWN = (
    ("first", "second", "third"),
    ((1, 21, 14, 26, 17), (2, 2, 2, 5, 2), (2, 42, 2, 45, 2), (2, 2, 28, 5, 28), (2, 42, 28, 45, 28)),
)


def grid(picture: str | Tensor, size: tuple[int, int] = SIZE) -> Tensor:
    """A picture as the explorer computes with it: cut to shape around its middle, and made small.

    Args:
        picture: one of `PHOTOGRAPHS`, or a picture `3 H W` with values from 0 to 1.
        size: `(h, w)` of the result.

    Returns:
        float32 `3 h w`, 0 to 1 in steps of 1/255.

    Raises:
        ValueError: the picture has another shape or values outside 0 to 1.
    """
    if isinstance(picture, str):
        return photograph(picture, size=size)
    pixels = torch.as_tensor(picture).detach().cpu().float()
    if pixels.ndim != 3 or pixels.shape[0] != 3 or not pixels.numel():
        raise ValueError(f"a picture is 3 H W, this one is {tuple(pixels.shape)}")
    if not (pixels.isfinite().all() and pixels.min() >= 0 and pixels.max() <= 1):
        raise ValueError("a picture has values from 0 to 1; divide those of a file by 255")
    image = Image.fromarray((255 * pixels).round().byte().permute(1, 2, 0).numpy())
    image = ImageOps.fit(image, (size[1], size[0]), Image.Resampling.LANCZOS)
    return torch.from_numpy(np.asarray(image, dtype=np.float32).transpose(2, 0, 1) / 255)


def read_scribbles(text: str, size: tuple[int, int] = SIZE) -> Tensor:
    """Scribbles from runs of pixels, row by row: "210.3a5.2b" is 210 pixels without a label, 3 with the first, ...

    Returns:
        int64 `h w`: 0 for no scribble, 1 to 3 for the labels a to c.

    Raises:
        ValueError: the text has another form, or too many pixels.
    """
    height, width = size
    if not re.fullmatch(r"(\d{1,6}[.abc])*", text):
        raise ValueError(f"scribbles={text!r} are runs of pixels such as 210.3a5.2b, with the labels a, b and c")
    runs = [(int(length), MARKS.index(mark)) for length, mark in re.findall(r"(\d+)([.abc])", text)]
    total = sum(length for length, _ in runs)
    if total > height * width:
        raise ValueError(f"scribbles={text!r} have {total} pixels, and the picture has {height * width}")
    flat = np.zeros(height * width, dtype=np.int64)
    flat[:total] = np.repeat([label for _, label in runs], [length for length, _ in runs]) if runs else 0
    return torch.from_numpy(flat.reshape(height, width))


def write_scribbles(labels: Tensor) -> str:
    """The text of scribbles, the inverse of `read_scribbles`."""
    flat = labels.flatten().numpy()
    ends = np.append(np.flatnonzero(np.diff(flat)) + 1, len(flat))
    runs = list(zip(np.diff(ends, prepend=0), flat[ends - 1], strict=True))
    if runs and runs[-1][1] == 0:
        runs.pop()
    return "".join(f"{length}{MARKS[label]}" for length, label in runs)


def strokes(lines: tuple[tuple[int, ...], ...], size: tuple[int, int] = SIZE) -> Tensor:
    """Straight scribbles, two pixels wide: each a label and x, y of both ends."""
    labels = torch.zeros(size, dtype=torch.int64)
    for label, x0, y0, x1, y1 in lines:
        count = max(abs(x1 - x0), abs(y1 - y0), 1)
        for i in range(count + 1):
            x, y = round(x0 + (x1 - x0) * i / count), round(y0 + (y1 - y0) * i / count)
            labels[y : y + 2, x : x + 2] = label
    return labels


def energies(scribbles: Tensor) -> tuple[Tensor, list[int]]:
    """-log P `K h w` of scribbles, even where there are none, and the labels in use.

    Raises:
        ValueError: fewer than two labels are in use.
    """
    labels = [label for label in range(1, len(MARKS)) if (scribbles == label).any()]
    if len(labels) < 2:
        raise ValueError("there is nothing to decide with fewer than two labels: scribble with another one")
    known = torch.zeros_like(scribbles)
    for number, label in enumerate(labels, start=1):
        known[scribbles == label] = number
    flat = unary_from_labels(known.numpy(), len(labels), gt_prob=SURE)
    return torch.from_numpy(flat).reshape(len(labels), *scribbles.shape), labels


class CRFExplorer(Widget):
    """Scribbles on a photograph of 48 x 32 pixels, and the dense CRF that spreads them, computed exactly.

    The page does all of it; with a kernel, `seglib.crf` labels the photograph at eight times the size.

    Args:
        photo: one of `seglib.data.photos.PHOTOGRAPHS`.
        image: a picture of your own, `3 H W` with values from 0 to 1, instead of `photo`.
        names: of the two or three labels.
        scribbles: as `read_scribbles` reads them.
        iterations: of mean field, 0 to 20.
        appearance: weight of the kernel of positions and colours, 0 to 20.
        sigma_xy: its standard deviation of positions, 1 to 60 pixels.
        sigma_rgb: its standard deviation of colours, 1 to 100 of 256 steps.
        smoothness: weight of the kernel of positions alone, 0 to 20.
        sigma: its standard deviation, 1 to 20 pixels.
        x: column of the pixel looked at, 0 to 47.
        y: row of the pixel looked at, 0 to 31.
        key: name in the page's address.

    Raises:
        traitlets.TraitError: a value is not legal; the message names it and says what is.
        ValueError: `image` is no picture.
    """

    stem: ClassVar = "crf"
    settings: ClassVar = (
        *("scribbles", "iterations", "appearance", "sigma_xy", "sigma_rgb", "smoothness", "sigma", "x", "y"),
    )
    kernel_only: ClassVar = ("answer",)
    _esm = bundle("crf")

    scribbles = traitlets.Unicode().tag(sync=True)
    iterations = traitlets.Int(4, min=0, max=20).tag(sync=True)
    appearance = traitlets.Int(4, min=0, max=20).tag(sync=True)
    sigma_xy = traitlets.Int(6, min=1, max=60).tag(sync=True)
    sigma_rgb = traitlets.Int(12, min=1, max=100).tag(sync=True)
    smoothness = traitlets.Int(3, min=0, max=20).tag(sync=True)
    sigma = traitlets.Int(1, min=1, max=20).tag(sync=True)
    x = traitlets.Int(27, min=0, max=SIZE[1] - 1).tag(sync=True)
    y = traitlets.Int(6, min=0, max=SIZE[0] - 1).tag(sync=True)
    photo = traitlets.Enum((*PHOTOGRAPHS, ""), "coffee", help="empty for a picture of one's own").tag(sync=True)
    names = traitlets.List(traitlets.Unicode(), minlen=2, maxlen=3).tag(sync=True)
    about = traitlets.Dict(help="sizes and colours", read_only=True).tag(sync=True)
    pixels = traitlets.Bytes(help="the photograph, RGB, row by row", read_only=True).tag(sync=True)
    answer = traitlets.Dict(help="the kernel's labels of the larger photograph").tag(sync=True)

    def __init__(self, *, image: Tensor | None = None, **traits: Any) -> None:
        self.image = None if image is None else grid(image, (SIZE[0] * FINE, SIZE[1] * FINE))
        if image is not None:
            traits["photo"] = ""
        names, lines = PRESETS.get(traits.get("photo", "coffee"), OWN)
        super().__init__(**{"names": list(names), "scribbles": write_scribbles(strokes(lines)), **traits})
        if not self.photo and image is None:
            raise traitlets.TraitError(f"photo='' needs image=; or choose one of {', '.join(PHOTOGRAPHS)}")
        height, width = SIZE
        about = {"width": width, "height": height, "fine": FINE, "colours": [list(colour) for colour in COLOURS]}
        self.set_trait("about", about)
        small = grid(self.photo) if self.photo else grid(image)
        self.set_trait("pixels", (255 * small).round().byte().permute(1, 2, 0).numpy().tobytes())
        self.on_msg(lambda _widget, content, _buffers: self.refine() if content == "refine" else None)

    @traitlets.validate("scribbles")
    def _check_scribbles(self, proposal: dict[str, Any]) -> str:
        try:
            read_scribbles(proposal["value"])
        except ValueError as error:
            raise traitlets.TraitError(str(error)) from error
        return proposal["value"]

    def _crf(self, image: Tensor, scale: int, **options: Any) -> DenseCRF:
        return DenseCRF(
            image,
            gaussian=(self.smoothness, self.sigma * scale),
            bilateral=(self.appearance, self.sigma_xy * scale, self.sigma_rgb),
            **options,
        )

    def probabilities(self) -> tuple[Tensor, list[int]]:
        """What the page shows: Q `K 32 48`, computed exactly, and the labels (1 to 3) of its planes."""
        unary, labels = energies(read_scribbles(self.scribbles))
        pixels = np.frombuffer(self.pixels, np.uint8).reshape(*SIZE, 3)
        return self._crf(pixels, 1, method="exact")(energies=unary, iterations=self.iterations), labels

    def refine(self) -> Tensor:
        """Label the photograph at eight times the size with the lattice, on the GPU if there is one.

        Scribbles grow with the photograph, and so do the standard deviations of positions.

        Returns:
            int64 `256 384`: labels 1 to 3.
        """
        unary, labels = energies(read_scribbles(self.scribbles))
        unary = unary.repeat_interleave(FINE, 1).repeat_interleave(FINE, 2)
        size = (SIZE[0] * FINE, SIZE[1] * FINE)
        image = self.image if self.image is not None else grid(self.photo, size)
        device = live_device()
        began = time.perf_counter()
        q = self._crf(image.to(device), FINE)(energies=unary.to(device), iterations=self.iterations)
        found = torch.tensor(labels)[q.argmax(0).cpu()]
        self.answer = {
            "about": [getattr(self, name) for name in self.settings[:-2]],
            "by": f"seglib.crf on {device_name(device)}",
            "milliseconds": round((time.perf_counter() - began) * 1000),
            "labels": found.byte().numpy().tobytes(),
        }
        return found

    def alt(self) -> str:
        """What the still picture shows."""
        q, labels = self.probabilities()
        area = q.argmax(0).flatten().bincount(minlength=len(labels)) / q[0].numel()
        shares = ", ".join(f"{self.names[n - 1]} {100 * a:.0f} %" for n, a in zip(labels, area.tolist(), strict=True))
        return (
            f"Left: a photograph of {SIZE[1]} by {SIZE[0]} pixels with short scribbles in {len(labels)} colours. "
            f"Right: the labels after {self.iterations} iterations of mean field, which follow the outlines of things: "
            f"{shares} of the pixels."
        )

    def picture(self) -> Image.Image:
        """The scribbled photograph, and the labels, as the page draws them before anyone touches it."""
        height, width = SIZE
        image = np.frombuffer(self.pixels, np.uint8).reshape(height, width, 3).astype(float)
        scribbles = read_scribbles(self.scribbles).numpy()
        colours = np.array(COLOURS, dtype=float)
        left = np.where(scribbles[..., None] > 0, colours[scribbles - 1], image)
        q, labels = self.probabilities()
        top, best = q.max(0)
        share = ((top - 1 / len(labels)) / (1 - 1 / len(labels))).numpy()[..., None] * 0.85
        pale = 150 + 0.4 * image.mean(-1, keepdims=True)
        right = (1 - share) * pale + share * colours[np.array(labels)[best.numpy()] - 1]
        zoom, gap = 12, 24
        sheet = Image.new("RGB", (2 * width * zoom + gap, height * zoom), "white")
        for pane, at in ((left, 0), (right, width * zoom + gap)):
            pixels = Image.fromarray(pane.clip(0, 255).astype(np.uint8))
            sheet.paste(pixels.resize((width * zoom, height * zoom), Image.Resampling.NEAREST), (at, 0))
        box = [width * zoom + gap + self.x * zoom, self.y * zoom]
        ImageDraw.Draw(sheet).rectangle([*box, box[0] + zoom, box[1] + zoom], outline="black", width=3)
        return sheet
