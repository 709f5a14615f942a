"""`PhotoUpload`: a photograph of the reader's own, where there is a kernel to take it."""

import io
import sys
from typing import Any

import ipywidgets
import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

MOST = 1024  # px: the longer side of what is kept
WITHOUT_KERNEL = (
    "<p class='seglib-note'>Here would be a button to upload a photograph of your own. It needs a kernel: open this "
    "page in Colab or Jupyter. Without one, it goes on with a photograph of the book.</p>"
)


class PhotoUpload(ipywidgets.FileUpload):
    """A button that takes one photograph; in a page without a kernel, a sentence that says so.

    Args:
        traits: those of `ipywidgets.FileUpload`.
    """

    def __init__(self, **traits: Any) -> None:
        super().__init__(**{"accept": "image/*", "multiple": False, "description": "Your photograph", **traits})
        self.layout.width = "auto"

    def photograph(self) -> Tensor | None:
        """The photograph, `3 H W` with values from 0 to 1, at most 1024 pixels along its longer side.

        Returns:
            None where nothing has been uploaded.

        Raises:
            ValueError: the file is no picture that can be read.
        """
        files = list(self.value.values() if isinstance(self.value, dict) else self.value)  # ipywidgets 7 and 8
        return read_photograph(bytes(files[-1]["content"])) if files else None

    def __repr__(self) -> str:
        """No address in memory."""
        return f"{type(self).__name__}({'a photograph' if self.value else ''})"

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any] | None:
        bundle = getattr(super(), "_repr_mimebundle_", None)  # ipywidgets 7, as in Colab, displays itself another way
        given = bundle and bundle(**kwargs)
        if given is not None and "google.colab" not in sys.modules:  # Colab would show the sentence, not the button
            given["text/html"] = WITHOUT_KERNEL
        return given


def read_photograph(content: bytes) -> Tensor:
    """A picture file as `3 H W`, upright, with values from 0 to 1.

    Raises:
        ValueError: it cannot be read.
    """
    try:
        with Image.open(io.BytesIO(content)) as file:
            picture = ImageOps.exif_transpose(file).convert("RGB")
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise ValueError(f"the file cannot be read as a picture ({error}); give a JPEG or a PNG") from error
    picture.thumbnail((MOST, MOST), Image.Resampling.LANCZOS)
    return torch.from_numpy(np.asarray(picture, dtype=np.float32).transpose(2, 0, 1) / 255)
