"""Pairs of picture and mask from files, read with checks that name the file and the fix.

A mask is a PNG of one byte a pixel that holds class ids: grey, as CamVid's, or with a palette, as PASCAL VOC's, whose
colours are for the eye only.
"""

import struct
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset
from torchvision import tv_tensors

IMAGES = (".jpg", ".jpeg", ".png")
MASKS = (".png",)
UNREADABLE = (OSError, SyntaxError, ValueError, EOFError, struct.error, Image.DecompressionBombError)

Colour = tuple[int, int, int]
Transform = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


class PairedFiles(Dataset):
    """Pictures and masks by index: what all data sets of files share.

    `dataset[i]` is `(image, target)`: float32 `3 H W` from 0 to 1, and int64 `H W` with ids of `classes` or
    `ignore_index`.

    Args:
        files: paths of picture and mask.
        transform: called with both, as `tv_tensors.Image` and `tv_tensors.Mask`, which are tensors that every transform
            of `torchvision.transforms.v2` treats as what they are; returns both. Plain tensors come out in any case.
        meaning: the target of each id of the files; None takes ids of `classes` and `ignore_index` as they are.
    """

    classes: tuple[str, ...]
    colours: tuple[Colour, ...] | None
    ignore_index: int | None

    def __init__(
        self,
        files: Sequence[tuple[Path, Path]],
        transform: Transform | None = None,
        *,
        meaning: dict[int, int] | None = None,
    ):
        self.files = list(files)
        self.transform = transform
        if meaning is None:
            meaning = {i: i for i in range(len(self.classes))}
            if self.ignore_index is not None:
                meaning[self.ignore_index] = self.ignore_index
        self.meaning = meaning
        self._table = np.full(256, -1, dtype=np.int64)  # by id of a file: the target, or that there is no such id
        self._table[list(meaning)] = list(meaning.values())

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        image = read_image(self.files[index][0])
        target = self.target(index)
        if image.shape[1:] != target.shape:
            picture, mask = self.files[index]
            (h, w), (mask_h, mask_w) = image.shape[1:], target.shape
            raise ValueError(
                f"{mask} is {mask_w} x {mask_h} pixels and its picture {picture} is {w} x {h}; they have to be "
                "of one size: fetch both anew, or resize the mask with Image.Resampling.NEAREST"
            )
        if self.transform is None:
            return image, target
        image, target = self.transform(tv_tensors.Image(image), tv_tensors.Mask(target))
        return image.as_subclass(Tensor), target.as_subclass(Tensor)

    def target(self, index: int) -> Tensor:
        """The target alone, int64 `H W`, without the picture and without `transform`.

        Raises:
            FileNotFoundError: the mask is not there.
            ValueError: it cannot be read, is not of one byte a pixel, or has an id that means nothing.
        """
        path = self.files[index][1]
        ids = read_mask(path)
        target = self._table[ids]
        if (target < 0).any():
            wrong = np.unique(ids[target < 0])[:5].tolist()
            raise ValueError(
                f"{path} has pixels with the id {', '.join(map(str, wrong))}, and masks of {type(self).__name__} have "
                f"{', '.join(map(str, sorted(self.meaning)))}; it is damaged or of another version: fetch it anew"
            )
        return torch.from_numpy(target)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self)} pictures, {len(self.classes)} classes)"


class Pairs(PairedFiles):
    """Your own pictures and masks: two folders, or one, whose files are paired by their names without suffix.

    Args:
        images: folder of PNG or JPEG.
        masks: folder of index PNG; None takes the folder of the pictures, which then have to be JPEG.
        classes: their names; a mask holds 0 to len(classes) - 1. `VOC.classes` for masks of PASCAL VOC's.
        colours: red, green and blue, 0 to 255, for each class.
        ignore_index: id of pixels that do not count, or None.
        transform: see `PairedFiles`.
    """

    def __init__(
        self,
        images: str | Path,
        masks: str | Path | None = None,
        *,
        classes: Sequence[str],
        colours: Sequence[Colour] | None = None,
        ignore_index: int | None = 255,
        transform: Transform | None = None,
    ):
        self.classes = tuple(classes)
        if colours is not None and len(colours) != len(self.classes):
            raise ValueError(f"{len(colours)} colours are given for {len(self.classes)} classes")
        if ignore_index is not None and not 0 <= ignore_index <= 255:
            raise ValueError(f"ignore_index={ignore_index} cannot stand in a mask of one byte a pixel; None has none")
        self.colours = None if colours is None else tuple(colours)
        self.ignore_index = ignore_index
        super().__init__(match_by_stem(images, masks), transform)


def match_by_stem(images: str | Path, masks: str | Path | None = None) -> list[tuple[Path, Path]]:
    """Paths of picture and mask with the same name but for the suffix, in the order of names.

    Raises:
        FileNotFoundError: a folder is missing or empty, or a picture or a mask has no partner.
        ValueError: two pictures have one name.
    """
    pictures = _by_stem(Path(images), IMAGES[:2] if masks is None else IMAGES)
    partners = _by_stem(Path(images if masks is None else masks), MASKS)
    for there, other, what, folder in (
        (pictures, partners, "mask", masks or images),
        (partners, pictures, "picture", images),
    ):
        if missing := sorted(there.keys() - other.keys()):
            raise FileNotFoundError(
                f"{there[missing[0]]} has no {what} {missing[0]}.* in {folder}, and {len(missing) - 1} more have none; "
                "fetch what is missing, or remove the file"
            )
    return [(pictures[stem], partners[stem]) for stem in sorted(pictures)]


def _by_stem(folder: Path, suffixes: tuple[str, ...]) -> dict[str, Path]:
    if not folder.is_dir():
        raise FileNotFoundError(f"there is no folder {folder}")
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() not in suffixes or path.name.startswith("."):
            continue
        if path.stem in found:
            raise ValueError(f"{found[path.stem]} and {path} are two files of one name; remove one of them")
        found[path.stem] = path
    if not found:
        raise FileNotFoundError(f"{folder} has no file of type {', '.join(suffixes)}")
    return found


def check_files(files: Sequence[tuple[Path, Path]], fix: str) -> None:
    """Name the first file that is not there."""
    if missing := [path for pair in files for path in pair if not path.is_file()]:
        raise FileNotFoundError(f"{missing[0]} is missing, and {len(missing) - 1} more; {fix}")


def read_image(path: Path) -> Tensor:
    """A picture as float32 `3 H W` from 0 to 1.

    Raises:
        FileNotFoundError: it is not there.
        ValueError: it cannot be read, or has more than eight bits a channel.
    """
    picture = _open(path)
    if picture.mode[0] in "IF":  # converting those to RGB would cut everything above 255
        raise ValueError(f"{path} has more than 8 bits a channel ({picture.mode}); save it as 8-bit PNG")
    pixels = np.array(picture.convert("RGB"))  # H W 3
    return torch.from_numpy(pixels).permute(2, 0, 1).contiguous().float() / 255


def read_mask(path: Path) -> np.ndarray:
    """The ids of an index PNG, uint8 `H W`.

    Raises:
        FileNotFoundError: it is not there.
        ValueError: it cannot be read, or is not of one byte a pixel.
    """
    mask = _open(path)
    if mask.mode not in ("L", "P"):
        raise ValueError(
            f"{path} is of mode {mask.mode}, not of one byte a pixel; a mask holds class ids (PNG, grey or with a "
            "palette): save the ids, not their colours"
        )
    return np.array(mask)


def _open(path: Path) -> Image.Image:
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}; fetch it anew")
    try:
        with Image.open(path) as picture:
            picture.load()
    except UNREADABLE as error:
        raise ValueError(f"{path} cannot be read ({error}); it may be cut off: fetch it anew") from error
    return picture
