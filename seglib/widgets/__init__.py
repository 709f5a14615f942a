"""The figures of the book that a reader can touch."""

from seglib.widgets.dilation import DilationExplorer
from seglib.widgets.object_size import ObjectSizeExplorer
from seglib.widgets.receptive_field import ReceptiveFieldExplorer
from seglib.widgets.skip_ablation import SkipAblationExplorer

__all__ = ["DilationExplorer", "ObjectSizeExplorer", "ReceptiveFieldExplorer", "SkipAblationExplorer"]
