"""The metrics by their definitions, in loops over pixels, and small maps to hold them against."""

import math
from collections import defaultdict

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

IGNORE = 255
NAN = math.nan


@st.composite
def pairs(draw, *, most_classes=4, most_pictures=3, most_pixels=7):
    """K, prediction, target and ignore index; of the K classes often only some occur."""
    K = draw(st.integers(1, most_classes))
    shape = draw(st.tuples(st.integers(1, most_pictures), st.integers(1, most_pixels), st.integers(1, most_pixels)))
    ignore = draw(st.sampled_from([None, IGNORE]))
    some = st.lists(st.integers(0, K - 1), min_size=1, unique=True)
    labels = st.sampled_from(draw(some) + ([IGNORE] if ignore is not None else []))
    target = draw(arrays(np.int64, shape, elements=labels))
    prediction = draw(arrays(np.int64, shape, elements=st.sampled_from(draw(some))))
    return K, prediction, target, ignore


def pixels(picture):
    return [(y, x) for y in range(picture.shape[0]) for x in range(picture.shape[1])]


def average(values):
    values = [v for v in values if not math.isnan(v)]
    return sum(values) / len(values) if values else NAN


def four(K, prediction, target, ignore):
    """Pixel accuracy, mean accuracy, mean IoU, frequency-weighted IoU, and the IoU of each class, by sets of pixels."""
    true, found = defaultdict(set), defaultdict(set)
    for at in np.ndindex(target.shape):
        if target[at] != ignore:
            true[int(target[at])].add(at)
            found[int(prediction[at])].add(at)
    total = sum(map(len, true.values()))
    iou = [len(true[c] & found[c]) / len(true[c] | found[c]) if true[c] | found[c] else NAN for c in range(K)]
    accuracy = [len(true[c] & found[c]) / len(true[c]) if true[c] else NAN for c in range(K)]
    if not total:
        return NAN, NAN, NAN, NAN, iou
    right = sum(len(true[c] & found[c]) for c in range(K))
    weighted = sum(len(true[c]) * iou[c] for c in range(K) if true[c])
    return right / total, average(accuracy), average(iou), weighted / total, iou


def objects(prediction, target, instances, ignore, background):
    """One scene: for each object pixels, right, least and most wrong (ties); and the unassigned pixels."""
    own = defaultdict(set)
    for at in pixels(target):
        if instances[at] and target[at] != ignore:
            own[int(instances[at])].add(at)
    result = {k: [len(ats), sum(prediction[at] == target[at] for at in ats), 0, 0] for k, ats in own.items()}
    unassigned = total = 0
    for at in pixels(target):
        if target[at] == ignore or prediction[at] in (target[at], background):
            continue
        rivals = {k: min(math.dist(at, b) for b in ats) for k, ats in own.items() if target[min(ats)] == prediction[at]}
        if not rivals:
            unassigned += 1
            continue
        total += 1
        nearest = [k for k in rivals if rivals[k] == min(rivals.values())]
        for k in nearest:
            result[k][2] += len(nearest) == 1
            result[k][3] += 1
    return result, unassigned, total


def boundary(labels, true, ignore):
    """Class to the pixels of its boundary."""
    result = defaultdict(list)
    for y, x in pixels(labels):
        if true[y, x] == ignore:
            continue
        for b, a in ((y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)):
            inside = 0 <= b < labels.shape[0] and 0 <= a < labels.shape[1]
            if inside and true[b, a] != ignore and labels[b, a] != labels[y, x]:
                result[int(labels[y, x])].append((y, x))
                break
    return result


def boundary_f1(K, prediction, target, ignore, tolerance):
    """One picture: F1 of each class."""
    found, real = boundary(prediction, target, ignore), boundary(target, target, ignore)
    result = []
    for c in range(K):
        if not found[c] and not real[c]:
            result.append(NAN)
            continue
        hits = sum(any(math.dist(a, b) <= tolerance for b in real[c]) for a in found[c])
        met = sum(any(math.dist(a, b) <= tolerance for b in found[c]) for a in real[c])
        p, r = hits / len(found[c]) if found[c] else 0, met / len(real[c]) if real[c] else 0
        result.append(2 * p * r / (p + r) if p + r else 0)
    return result


def distance_to_other_label(target, ignore):
    result = np.full(target.shape, np.inf)
    known = [at for at in pixels(target) if target[at] != ignore]
    for at in known:
        others = [math.dist(at, b) for b in known if target[b] != target[at]]
        result[at] = min(others, default=np.inf)
    return result
