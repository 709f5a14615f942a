"""The Oxford-IIIT Pet data set, read through torchvision: the pet against everything else.

Parkhi, Vedaldi, Zisserman and Jawahar, "Cats and Dogs", CVPR 2012, https://www.robots.ox.ac.uk/~vgg/data/pets/, under
CC BY-SA 4.0.
"""

from pathlib import Path

from torchvision.datasets import OxfordIIITPet

from seglib.data.download import download_and_extract
from seglib.data.pairs import PairedFiles, Transform, check_files

SPLITS = ("trainval", "test")
FOLDERS = ("images", "annotations")


class Pets(PairedFiles):
    """Cats and dogs of 37 breeds with trimaps: pet (their 1), background (2), and the border between them (3).

    The border belongs to neither and becomes 255, which is ignored; so scores are not comparable with those of papers
    that count it as a third class. 3680 pictures in trainval, 3669 in test; the archives have 0.8 GB.

    Args:
        root: the folder of `oxford-iiit-pet`.
        split: "trainval" or "test", the official ones.
        download: fetch it into `root` if it is not there; torchvision knows addresses and MD5.
        transform: see `PairedFiles`.

    Raises:
        FileNotFoundError: it is not there, or a file of the split is missing.
        RuntimeError: the download failed.
        ValueError: the download has another digest, or there is no such split.
    """

    classes = ("background", "pet")
    colours = ((0, 0, 0), (240, 228, 66))
    ignore_index = 255

    def __init__(
        self, root: str | Path, split: str = "trainval", *, download: bool = False, transform: Transform | None = None
    ):
        if split not in SPLITS:
            raise ValueError(f"Pets has no split {split!r}; choose one of {', '.join(SPLITS)}")
        root = Path(root).expanduser()
        folder = root / "oxford-iiit-pet"
        if download:
            for (url, md5), name in zip(OxfordIIITPet._RESOURCES, FOLDERS, strict=True):
                download_and_extract(url, folder / name, archive=folder / f"{name}.tar.gz", md5=md5, inside=name)
        listed = folder / "annotations" / f"{split}.txt"
        if not listed.is_file() or not (folder / "images").is_dir():
            raise FileNotFoundError(
                f"no Pets in {root}: {folder} has to have images/ and annotations/{split}.txt. Give download=True, or "
                f"unpack {' and '.join(url for url, _ in OxfordIIITPet._RESOURCES)} into {folder}"
            )
        try:
            pairs = OxfordIIITPet(root, split=split, target_types="segmentation")
        except ValueError as error:
            raise ValueError(
                f"{listed} cannot be read ({error}); remove {folder / 'annotations'} and give download=True"
            ) from error
        files = list(zip(pairs._images, pairs._segs, strict=True))
        check_files(files, f"{listed} names it; remove {folder} and give download=True")
        super().__init__(files, transform, meaning={1: 1, 2: 0, 3: 255})
        self.split = split

    def __repr__(self) -> str:
        return f"Pets({self.split}, {len(self)} pictures, {len(self.classes)} classes)"
