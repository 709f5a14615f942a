"""The pictures that the book works on: drawn scenes, photographs, and readers for public data sets.

Every data set is a map: `len(data)`, and `data[i]` is an image, float32 `3 H W` from 0 to 1, with its labels, int64
`H W`. `data.classes` names them, `data.colours` paints them, `data.ignore_index` is one that does not count, or None.
"""

from torch.utils.data import Dataset

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
        ValueError: an unknown name.
        TypeError: an option that this data set does not have.
    """
    if name not in DATASETS:
        raise ValueError(f"there is no data set {name!r}; choose one of {', '.join(DATASETS)}")
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
