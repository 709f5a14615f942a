"""The figures of the book that a reader can touch."""

from seglib.widgets.architecture import ArchitectureViewer
from seglib.widgets.bilinear import BilinearExplorer
from seglib.widgets.crf import CRFExplorer
from seglib.widgets.dilation import DilationExplorer
from seglib.widgets.frames import FrameSlider
from seglib.widgets.object_size import ObjectSizeExplorer
from seglib.widgets.receptive_field import ReceptiveFieldExplorer
from seglib.widgets.skip_ablation import SkipAblationExplorer
from seglib.widgets.transposed_convolution import TransposedConvolutionExplorer
from seglib.widgets.unpooling import UnpoolingExplorer
from seglib.widgets.upload import PhotoUpload

__all__ = [
    "ArchitectureViewer",
    "BilinearExplorer",
    "CRFExplorer",
    "DilationExplorer",
    "FrameSlider",
    "ObjectSizeExplorer",
    "PhotoUpload",
    "ReceptiveFieldExplorer",
    "SkipAblationExplorer",
    "TransposedConvolutionExplorer",
    "UnpoolingExplorer",
]
