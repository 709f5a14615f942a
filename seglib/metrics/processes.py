"""One result from several processes, each of which has counted its own pictures."""

import copy
from typing import TypeVar

import torch.distributed

M = TypeVar("M")


def gather(metric: M) -> M:
    """What all processes have counted together, in a new metric, the same in every process.

    Every process must call it, as with every collective of `torch.distributed`. Where that is not running there is one
    process, and this is a copy.

    Args:
        metric: any of `seglib.metrics`, made with the same arguments everywhere.
    """
    if not (torch.distributed.is_available() and torch.distributed.is_initialized()):
        return copy.deepcopy(metric)
    parts = [None] * torch.distributed.get_world_size()
    torch.distributed.all_gather_object(parts, metric)
    whole, *rest = parts
    for part in rest:
        whole.merge(part)
    return whole
