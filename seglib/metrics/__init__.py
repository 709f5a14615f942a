"""How good a segmentation is: over all pixels, by size of objects, at boundaries, and by distance from a cue.

Every metric has `update(prediction, target, ...)`, which takes class maps, `compute()`, `reset()` and `merge(other)`.
`evaluate` feeds them from a network and a data set; `gather` joins those of several processes.
"""

from seglib.metrics.boundary import BoundaryF1, BoundaryScores, TrimapIoU, TrimapScores
from seglib.metrics.confusion import Scores, Segmentation, scores
from seglib.metrics.distance import AccuracyByDistance, DistanceScores
from seglib.metrics.evaluation import evaluate
from seglib.metrics.processes import gather
from seglib.metrics.size import IoUBySize, SizeScores

__all__ = [
    "AccuracyByDistance",
    "BoundaryF1",
    "BoundaryScores",
    "DistanceScores",
    "IoUBySize",
    "Scores",
    "Segmentation",
    "SizeScores",
    "TrimapIoU",
    "TrimapScores",
    "evaluate",
    "gather",
    "scores",
]
