"""How fast are drawn scenes? Scenes a second on one core, beside scikit-image's `random_shapes`.

`random_shapes` draws circles, rectangles and triangles of flat colour on white, with boxes for labels: less than
`ShapeScenes`, which adds surfaces, smooth edges, rotation, noise and a label for each pixel.
Recorded in scenes.txt: `python -m benchmarks.scenes > benchmarks/scenes.txt`.
"""

import platform
import time
from collections.abc import Callable

import torch
from skimage.draw import random_shapes

from seglib.data import FarCue, RoadScenes, ShapeScenes

SIZE, OBJECTS, SCENES, ROUNDS = 96, 4, 200, 5


def main() -> None:
    """Measure in turns, and print the best of each."""
    torch.set_num_threads(1)
    works: dict[str, Callable[[int], object]] = {
        "skimage.draw.random_shapes": lambda i: random_shapes(
            (SIZE, SIZE), max_shapes=OBJECTS, max_size=SIZE, allow_overlap=True, rng=i
        )
    }
    for surface in ("drawn", "real"):
        works[f'ShapeScenes(surface="{surface}")'] = ShapeScenes(SCENES, size=SIZE, surface=surface).__getitem__
    works["FarCue(size=(32, 384))"] = FarCue(SCENES).__getitem__
    works["RoadScenes(size=(96, 128))"] = RoadScenes(SCENES).__getitem__
    seconds = dict.fromkeys(works, float("inf"))
    for work in works.values():
        work(0)  # surfaces are made once
    for _ in range(ROUNDS):
        for name, work in works.items():
            began = time.perf_counter()
            for i in range(SCENES):
                work(i)
            seconds[name] = min(seconds[name], (time.perf_counter() - began) / SCENES)
    peer = next(iter(seconds.values()))
    print(
        f"{SIZE} x {SIZE} px, 1 to {OBJECTS} objects; one core, CPU {platform.machine()}; "
        f"torch {torch.__version__}, best of {ROUNDS} x {SCENES}"
    )
    print(f"{'':<34}{'scenes/s':>10}{'time / peer':>14}")
    for name, each in seconds.items():
        print(f"{name:<34}{1 / each:>10.0f}{each / peer:>14.2f}")


if __name__ == "__main__":
    main()
