"""What a paper says about its network, as a record that tests compare with the code."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Result:
    """One measured figure of the paper."""

    measure: str  # "mIoU, PASCAL VOC 2011 seg11valid"
    value: float  # in per cent, unless the measure says otherwise
    source: str  # "table 2"


@dataclass(frozen=True)
class Paper:
    """The network in its own terms, as in the paper or in the authors' release.

    Attributes:
        citation: authors, title, venue.
        link: its address.
        num_classes: classes of the network that the figures are for.
        in_channels: channels of its images.
        input_size: (h, w) of the image that sizes are given for.
        output_size: (h, w) of the logits then.
        parameters: trainable ones.
        output_stride: pixels from one unit to the next in the finest map that scores, before it is upsampled.
        receptive_field: sizes in pixels of what one output sees, the distinct ones over all pixel phases.
        printed: where print and definition disagree: what is printed, and why ours differs.
        results: what it reached.
    """

    citation: str
    link: str
    num_classes: int
    input_size: tuple[int, int]
    output_size: tuple[int, int]
    parameters: int
    output_stride: int
    receptive_field: tuple[int, ...]
    results: tuple[Result, ...]
    in_channels: int = 3
    printed: str = ""
