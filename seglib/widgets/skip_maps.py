"""What `SkipAblationExplorer` shows where no kernel runs, measured once: `python -m seglib.widgets.skip_maps`.

The trained U-Net labels scenes of the test split with every one of the 16 sets of skip connections switched on, each
kind of "off" in turn (`seglib.ablation`). Kept are the scores on all scenes, the label maps of a few, and the hash of
the weights, by which a test notices that the weights are others.

The control takes away as many channels of the same concatenation, drawn at random from both of its halves.
"""

import base64
import io
import json
from functools import cache
from importlib import resources
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import nn
from tqdm import tqdm

from seglib import ablation, data, models, weights
from seglib.data import denormalise

FILE = resources.files(__package__) / "static/skip_maps.json"
SIZE = 128
SCENES = 200  # of the test split, that the scores are means over
REFERENCES = 64  # of the training split, that the channels' means are taken over
SHOWN = (53, 16, 51, 55, 20, 29)  # chosen by eye: small, large and hidden objects, and one that the network gets wrong
DRAWS = 5  # of the control
STEP = 60  # grey level of class k in the pictures of labels is k * STEP
ALL = 15  # bit i of a set says whether the skip connection of level i is on


def sets() -> range:
    """All 16 sets of skip connections that are on, none first."""
    return range(ALL + 1)


def off(on: int) -> list[str]:
    """Names of the skip connections that are not in a set."""
    return [skip for level, skip in enumerate(ablation.JOINS) if not on >> level & 1]


@cache
def network() -> nn.Module:
    """The trained U-Net."""
    return models.create("unet", weights="scenes").eval()


@cache
def means() -> dict[str, torch.Tensor]:
    """The channels' means that stand in for a skip connection which is off."""
    scenes = data.load("scenes", "train", length=REFERENCES, size=SIZE)
    return ablation.channel_means(network(), ablation.Scenes.of(scenes).images)


@cache
def scenes(length: int = SCENES) -> ablation.Scenes:
    """The scenes that are measured on."""
    return ablation.Scenes.of(data.load("scenes", "test", length=length, size=SIZE))


def measure(length: int = SCENES) -> dict[str, Any]:
    """Scores, label maps of the scenes shown, and the control, as the JSON keeps them."""
    model, measured = network(), scenes(length)
    whole = ablation.predict(model, measured.images)
    base = ablation.score(whole, measured)
    maps = np.empty((len(ablation.KINDS), ALL + 1, len(SHOWN), SIZE, SIZE), np.uint8)
    scores = {}
    with tqdm(total=len(ablation.KINDS) * ALL + DRAWS * len(ablation.JOINS), unit="set") as bar:
        for k, kind in enumerate(ablation.KINDS):
            rows = []
            for on in sets():
                labels, found = whole, base
                if on < ALL:
                    labels = ablation.predict(model, measured.images, off(on), kind=kind, means=means())
                    found = ablation.score(labels, measured)
                    bar.update()
                maps[k, on] = labels[list(SHOWN)].numpy()
                rows.append(_row(found, base))
            scores[kind] = rows
        control = {skip: _control(model, measured, base, skip, bar) for skip in ablation.JOINS}
    return {
        "weights_sha256": weights.manifest()["unet_scenes"]["sha256"],
        "scenes": length,
        "small_objects": len(base.small_iou),
        "means": {skip: [round(value, 6) for value in each.flatten().tolist()] for skip, each in means().items()},
        "scores": scores,
        "control": control,
        "pictures": [_picture(measured, maps[:, :, i], index) for i, index in enumerate(SHOWN)],
    }


def _row(found: ablation.SceneScores, base: ablation.SceneScores) -> dict[str, list[float]]:
    """Means, and mean and standard error of what they differ by from those with all skip connections."""
    lost = found.minus(base)
    values = {"means": found.means(), "change": lost.means(), "error": lost.errors()}
    return {name: [round(value, 4) for value in each] for name, each in values.items()}


def _control(
    model: nn.Module, measured: ablation.Scenes, base: ablation.SceneScores, skip: str, bar: tqdm
) -> list[dict[str, list[float]]]:
    own = ablation.skip_channels(model, skip)
    rows = []
    for seed in range(DRAWS):
        drawn = np.random.default_rng(seed).choice(own[-1] + 1, len(own), replace=False).tolist()
        with ablation.replaced(model, {skip: means()[skip]}, {skip: drawn}):
            rows.append(_row(ablation.score(ablation.predict(model, measured.images), measured), base))
        bar.update()
    return rows


def _picture(measured: ablation.Scenes, maps: np.ndarray, index: int) -> dict[str, Any]:
    """One scene: its image, its truth, and its 3 x 16 label maps in one picture: a row a kind, a column a set."""
    image = denormalise(measured.images[index]).mul(255).round().clamp(0, 255).byte().permute(1, 2, 0).numpy()
    sheet = np.concatenate([np.concatenate(list(row), axis=1) for row in maps])
    return {
        "scene": index,
        "radii": [round(float(radius), 1) for radius in measured.instances[index][1]],
        "image": _encoded(Image.fromarray(image), "WEBP", quality=90, method=6),
        "truth": _encoded(_grey(measured.targets[index].numpy()), "WEBP", lossless=True, quality=100, method=6),
        "maps": _encoded(_grey(sheet), "WEBP", lossless=True, quality=100, method=6),
    }


def _grey(labels: np.ndarray) -> Image.Image:
    return Image.fromarray((labels * STEP).astype(np.uint8)).convert("RGB")


def _encoded(picture: Image.Image, form: str, **options: Any) -> str:
    buffer = io.BytesIO()
    picture.save(buffer, form, **options)
    return base64.b64encode(buffer.getvalue()).decode()


@cache
def load() -> dict[str, Any]:
    """What `measure` found, from the file beside the widgets' bundles."""
    return json.loads(FILE.read_text(encoding="utf-8"))


def labels_of(text: str) -> np.ndarray:
    """Labels of a picture as `measure` writes it: `H W`, uint8."""
    return (np.asarray(Image.open(io.BytesIO(base64.b64decode(text))).convert("L")) // STEP).astype(np.uint8)


def shown(scene: int, on: int, kind: str) -> np.ndarray:
    """The label map `H W` of one of the scenes shown."""
    sheet = labels_of(load()["pictures"][SHOWN.index(scene)]["maps"])
    row, column = ablation.KINDS.index(kind) * SIZE, on * SIZE
    return sheet[row : row + SIZE, column : column + SIZE]


if __name__ == "__main__":
    torch.set_num_threads(1)  # a network as small as this runs fastest on one core
    with FILE.open("w", encoding="utf-8") as file:
        json.dump(measure(), file, separators=(",", ":"))
        file.write("\n")
    print(f"wrote {FILE}")
