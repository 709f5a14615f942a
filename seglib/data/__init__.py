"""The pictures that the book works on: drawn scenes, photographs, and readers for public data sets.

Every data set is a map: `len(data)`, and `data[i]` is an image, float32 `3 H W` from 0 to 1, with its labels, int64
`H W`. `data.classes` names them, `data.colours` paints them, `data.ignore_index` is one that does not count, or None.
"""

import inspect

from torch.utils.data import Dataset

from seglib.names import did_you_mean

from .augmentation import augment
from .camvid import CamVid
from .far_cue import FarCue
from .frequencies import class_frequencies, median_frequency_weights
from .normalisation import denormalise, normalise
from .one_shape import OneShape
from .pairs import Pairs
from .pets import Pets
from .photos import PHOTOGRAPHS, photograph
from .road_scenes import CAMVID_TRAIN, RoadScenes
from .scenes import Scene, Shape, ShapeScenes, draw
from .voc import VOC

DATASETS: dict[str, type[Dataset]] = {
    "scenes": ShapeScenes,
    "one_shape": OneShape,
    "far_cue": FarCue,
    "road": RoadScenes,
    "camvid": CamVid,
    "voc": VOC,
    "pets": Pets,
}


def load(name: str, split: str = "train", **options) -> Dataset:
    """Open a data set by its name.

    Args:
        name: one of `DATASETS`.
        split: "train", "val" or "test", as the data set has them.
        **options: of the data set's class: `length`, `size` and `seed` of the drawn ones, `root` of the real ones.

    Raises:
        ValueError: an unknown name, or a value that the data set's class refuses.
        TypeError: an option that this data set does not have, or no `root` for one of files.
        FileNotFoundError: the files are not there, and `download` was not asked for.
        RuntimeError: they could not be downloaded.
    """
    if name not in DATASETS:
        raise ValueError(f"there is no data set {name!r}{did_you_mean(name, DATASETS)} There are {', '.join(DATASETS)}")
    there = [option for option in inspect.signature(DATASETS[name]).parameters if option != "split"]
    if "root" in there and "root" not in options:
        raise TypeError(
            f"{name} needs root= (--data-root FOLDER), the folder that its files are in; download=True (--download) "
            "fetches them into it"
        )
    for option in options:
        if option not in there:
            command = {"root": " (--data-root)", "download": " (--download)"}.get(option, "")
            raise TypeError(f"{name} has no option {option}={command}; its options are {', '.join(there)}")
    return DATASETS[name](split=split, **options)


__all__ = [
    "CAMVID_TRAIN",
    "DATASETS",
    "PHOTOGRAPHS",
    "VOC",
    "CamVid",
    "FarCue",
    "OneShape",
    "Pairs",
    "Pets",
    "RoadScenes",
    "Scene",
    "Shape",
    "ShapeScenes",
    "augment",
    "class_frequencies",
    "denormalise",
    "draw",
    "load",
    "median_frequency_weights",
    "normalise",
    "photograph",
]
