"""PASCAL VOC's segmentation task, read through torchvision.

Everingham and others, "The PASCAL Visual Object Classes Challenge: A Retrospective", IJCV 2015,
http://host.robots.ox.ac.uk/pascal/VOC/. Pictures are from Flickr, under the terms of their owners.
"""

from pathlib import Path

from torchvision.datasets import VOCSegmentation
from torchvision.datasets.voc import DATASET_YEAR_DICT

from seglib.data.download import download_and_extract
from seglib.data.pairs import Colour, PairedFiles, Transform, check_files

YEARS = ("2007", "2008", "2009", "2010", "2011", "2012")
SPLITS = ("train", "val", "trainval")


def palette(n: int) -> tuple[Colour, ...]:
    """The first `n` colours of VOC's palette: the bits of the id, dealt to red, green and blue, highest first."""

    def channel(i: int, bit: int) -> int:
        return sum((i >> (3 * place + bit) & 1) << (7 - place) for place in range(8))

    return tuple((channel(i, 0), channel(i, 1), channel(i, 2)) for i in range(n))


class VOC(PairedFiles):
    """PASCAL VOC: 20 classes and background; the outlines of objects and what is too hard are 255, which is ignored.

    In 2012: 1464 pictures in train, 1449 in val. The archive has 2 GB.

    Args:
        root: the folder of `VOCdevkit/VOC2012` (of `TrainVal/VOCdevkit/VOC2011` in 2011, as the archive has it).
        split: "train", "val" or "trainval".
        year: "2007" to "2012".
        download: fetch it into `root` if it is not there; torchvision knows address and MD5.
        transform: see `PairedFiles`.

    Raises:
        FileNotFoundError: it is not there, or a file of the split is missing.
        RuntimeError: the download failed.
        ValueError: the download has another digest, or there is no such split or year.
    """

    classes = (
        "background", "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow",
        "diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor",
    )  # fmt: skip
    colours = palette(21)
    ignore_index = 255

    def __init__(
        self,
        root: str | Path,
        split: str = "train",
        year: str = "2012",
        *,
        download: bool = False,
        transform: Transform | None = None,
    ):
        year = str(year)
        if split not in SPLITS:
            raise ValueError(f"VOC has no split {split!r}; choose one of {', '.join(SPLITS)}")
        if year not in YEARS:
            raise ValueError(f"VOC has no year {year!r} here; choose one of {', '.join(YEARS)}")
        root, source = Path(root).expanduser(), DATASET_YEAR_DICT[year]
        folder = root / source["base_dir"]
        # not torchvision's file name: it calls the archive of 2008 as it calls that of 2012
        archive = root / source["url"].rpartition("/")[2]
        if download:
            download_and_extract(
                source["url"],
                folder,
                archive=archive,
                md5=source["md5"],
                inside=Path(source["base_dir"]).as_posix(),
            )
        listed = folder / "ImageSets" / "Segmentation" / f"{split}.txt"
        if not listed.is_file():
            raise FileNotFoundError(
                f"no VOC {year} in {root}: there is no {listed}. "
                + (f"{folder} is incomplete: remove it and give" if folder.is_dir() else "Give")
                + f" download=True, or unpack {source['url']} there"
            )
        pairs = VOCSegmentation(root, year=year, image_set=split)
        files = [(Path(image), Path(mask)) for image, mask in zip(pairs.images, pairs.masks, strict=True)]
        check_files(files, f"{listed} names it; remove {folder} and give download=True")
        super().__init__(files, transform)
        self.split, self.year = split, year

    def __repr__(self) -> str:
        return f"VOC({self.year} {self.split}, {len(self)} pictures, {len(self.classes)} classes)"
