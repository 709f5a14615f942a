"""`FrameSlider`: a slider over pictures that were computed beforehand."""

import base64
import io
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import torch
import torch.nn.functional as F
import traitlets
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from seglib.widgets.base import Widget, bundle

BUDGET = 300_000  # bytes of pictures on a page
MOST = 200
THUMB, LINE, COLUMNS = 150, 24, 5  # of the still picture: a frame's width, its label, frames in a row


def to_picture(frame: Tensor | np.ndarray | Image.Image) -> Image.Image:
    """A frame as PIL has it.

    Args:
        frame: a PIL picture; a tensor `H W`, `1 H W` or `3 H W`, or an array `H W` or `H W 3`: bytes, or floating
            point from 0 to 1.

    Raises:
        ValueError: another shape.
        TypeError: no picture.
    """
    if isinstance(frame, Image.Image):
        return frame.convert("RGB")
    if isinstance(frame, Tensor):
        frame = frame.detach().cpu()
        frame = (frame.permute(1, 2, 0) if frame.ndim == 3 else frame).numpy()
    if not isinstance(frame, np.ndarray):
        raise TypeError(f"a frame is a tensor, an array or a PIL picture, not a {type(frame).__name__}")
    if frame.ndim == 3 and frame.shape[2] == 1:
        frame = frame[..., 0]
    if frame.ndim not in (2, 3) or (frame.ndim == 3 and frame.shape[2] != 3):
        raise ValueError(f"a frame is H W or H W 3 (as a tensor 3 H W), got the shape {tuple(frame.shape)}")
    if frame.dtype != np.uint8:
        frame = np.round(255 * np.clip(np.nan_to_num(frame.astype(float)), 0, 1)).astype(np.uint8)
    return Image.fromarray(frame).convert("RGB")


def data_url(picture: Image.Image, quality: int) -> str:
    """The picture as WebP, without loss where that is smaller."""
    kinds = [{"quality": quality}]
    if picture.getcolors(maxcolors=picture.width * picture.height // 8):  # few colours: flat areas
        kinds.append({"lossless": True})
    encoded = []
    for options in kinds:
        buffer = io.BytesIO()
        picture.save(buffer, "WEBP", method=4, **options)
        encoded.append(buffer.getvalue())
    return "data:image/webp;base64," + base64.b64encode(min(encoded, key=len)).decode()


class FrameSlider(Widget):
    """Pictures, one at a time, with a slider that says which: `FrameSlider(frames, labels, "What all of them show.")`.

    It needs no kernel: the pictures travel with the page.

    Args:
        frames: the pictures, of one size, first one first; see `to_picture`.
        labels: a few words for each, which stand at the slider.
        alt: what the pictures show, in words, for those who do not see them; one text for all, to which the label is
            added, or one for each.
        captions: a sentence for each, shown below the picture; empty if left out.
        beside: a picture that stays at their left; None for none. `alt` should tell of it too.
        name: of the slider: what changes from frame to frame.
        frame: number of the frame to begin with.
        quality: of those pictures that are smaller with loss, 1 to 100.
        pixelated: enlarge with sharp pixels instead of smooth ones.
        key: name in the page's address.

    Raises:
        ValueError: no frames or too many, unequal sizes, not one label for each, or more than 300 kB.
        TypeError: a frame is no picture.
        traitlets.TraitError: there is no such frame.
    """

    stem: ClassVar = "frames"
    settings: ClassVar = ("frame",)
    _esm = bundle("frames")

    frame = traitlets.Int(0, min=0, max=MOST - 1).tag(sync=True)
    pictures = traitlets.List(traitlets.Unicode(), read_only=True).tag(sync=True)
    labels = traitlets.List(traitlets.Unicode(), read_only=True).tag(sync=True)
    alts = traitlets.List(traitlets.Unicode(), read_only=True).tag(sync=True)
    captions = traitlets.List(traitlets.Unicode(), read_only=True).tag(sync=True)
    name = traitlets.Unicode("Picture", read_only=True).tag(sync=True)
    beside = traitlets.Unicode("", read_only=True, help="the picture that stays").tag(sync=True)
    size = traitlets.List(traitlets.Int(), read_only=True).tag(sync=True)
    pixelated = traitlets.Bool(False, read_only=True).tag(sync=True)

    def __init__(
        self,
        frames: Sequence[Tensor | np.ndarray | Image.Image],
        labels: Sequence[str],
        alt: str | Sequence[str],
        *,
        captions: Sequence[str] = (),
        beside: Tensor | np.ndarray | Image.Image | None = None,
        name: str = "Picture",
        quality: int = 85,
        pixelated: bool = False,
        **traits: Any,
    ) -> None:
        self._images = [to_picture(frame) for frame in frames]
        number = len(self._images)
        if not 1 <= number <= MOST:
            raise ValueError(f"frames has {number} pictures; give 1 to {MOST}")
        if len(sizes := sorted({image.size for image in self._images})) > 1:
            raise ValueError(f"frames are of different sizes, {sizes[0]} and {sizes[-1]}; bring them to one")
        alts = [f"{alt} {label}." for label in labels] if isinstance(alt, str) else list(alt)
        for what, texts in {"labels": labels, "alt": alts, "captions": captions or labels}.items():
            if isinstance(texts, str) or len(texts) != number:
                raise ValueError(f"{what} must be one text for each of the {number} frames")
        if not all(text.strip() for text in alts):
            raise ValueError("alt must say what the pictures show")
        if not 1 <= quality <= 100:
            raise ValueError(f"quality={quality} must be from 1 to 100")
        self._beside = None if beside is None else to_picture(beside)
        urls = [data_url(image, quality) for image in self._images]
        still = "" if self._beside is None else data_url(self._beside, quality)
        if (total := sum(map(len, [*urls, still]))) > BUDGET:
            raise ValueError(
                f"the frames take {total:,} bytes of {BUDGET:,}; make them smaller, fewer, or lower quality"
            )
        self._number = number
        super().__init__(**traits)
        values = {"pictures": urls, "labels": list(labels), "alts": alts, "captions": list(captions), "name": name}
        sizes = [self._images[0].size, (0, 0) if self._beside is None else self._beside.size]
        values |= {"size": [length for size in sizes for length in size], "pixelated": pixelated, "beside": still}
        for trait, value in values.items():
            self.set_trait(trait, value)

    @traitlets.validate("frame")
    def _there(self, proposal: dict) -> int:
        if proposal["value"] >= self._number:
            raise traitlets.TraitError(f"frame={proposal['value']} must be from 0 to {self._number - 1}, the last one")
        return proposal["value"]

    def alt(self) -> str:
        """What the still picture shows."""
        if len({text.removesuffix(f" {label}.") for text, label in zip(self.alts, self.labels, strict=True)}) == 1:
            return f"{self.alts[0].removesuffix(f' {self.labels[0]}.')} All frames: {', '.join(self.labels)}."
        return " ".join(self.alts)

    def picture(self) -> Image.Image:
        """All frames, small, with their labels."""
        images, labels = list(self._images), list(self.labels)
        wide, high = self._images[0].size
        tall = round(THUMB * high / wide)
        if self._beside is not None:
            still = Image.new("RGB", (wide, high), "white")
            small = self._beside.copy()
            small.thumbnail((wide, high))
            still.paste(small, (0, 0))
            images, labels = [still, *images], ["", *labels]
        columns = min(COLUMNS, len(images))
        rows = -(-len(images) // columns)
        sheet = Image.new("RGB", (columns * (THUMB + 8) + 8, rows * (tall + LINE + 8) + 8), "white")
        draw = ImageDraw.Draw(sheet)
        font = ImageFont.load_default(13)
        for number, (image, label) in enumerate(zip(images, labels, strict=True)):
            left, top = 8 + number % columns * (THUMB + 8), 8 + number // columns * (tall + LINE + 8)
            sheet.paste(image.resize((THUMB, tall), Image.Resampling.LANCZOS), (left, top))
            while label and draw.textlength(label, font) > THUMB:
                label = label[:-1]
            draw.text((left, top + tall + 3), label, "#1f2328", font)
        return sheet

    def __repr__(self) -> str:
        return f"FrameSlider({self._number} frames, {self.name!r}, frame={self.frame})"


def heat(maps: Tensor, *, low: float | None = None, high: float | None = None, cmap: str = "magma") -> Tensor:
    """A map in colours, for frames that show activations.

    Args:
        maps: `H W`.
        low: value of the darkest colour; the smallest if left out.
        high: value of the brightest; the largest if left out.
        cmap: one of matplotlib's colour maps.

    Returns:
        float32, `3 H W`, from 0 to 1.
    """
    import matplotlib as mpl

    maps = maps.detach().float().cpu()
    low = maps.min().item() if low is None else low
    high = maps.max().item() if high is None else high
    scaled = (maps - low) / max(high - low, 1e-12)
    return torch.from_numpy(mpl.colormaps[cmap](scaled.clamp(0, 1).numpy())[..., :3]).permute(2, 0, 1).float()


def side_by_side(panels: Sequence[Tensor], size: int, gap: int = 6) -> Tensor:
    """Pictures `3 h w` in a row, each enlarged to `size size` without smoothing, with white between them.

    Returns:
        float32, `3 size W`.
    """
    scaled = [F.interpolate(panel[None].float().cpu(), size=(size, size))[0] for panel in panels]
    edge = torch.ones(3, size, gap)
    return torch.cat([part for panel in scaled for part in (edge, panel)][1:], 2)
