"""Torchvision's pretrained segmentation networks on a photograph of one's own: `segment("street.jpg")`.

They were trained on COCO's pictures of Pascal VOC's classes, and come from torchvision with its own cache and check of
the file's hash. Offline they are there only if they were fetched before; `segment` says so and does not wait for it.
"""

import socket
import threading
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path
from textwrap import fill
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageOps
from torch import Tensor, nn
from torchvision.models import WeightsEnum, get_model, get_model_weights, list_models, segmentation

from seglib.names import did_you_mean

NETWORKS = tuple(list_models(module=segmentation))
DEFAULT = "lraspp_mobilenet_v3_large"  # the smallest
PATIENCE = 3.0  # seconds for a first answer of the server


@dataclass(frozen=True)
class Segmented:
    """A photograph and what a network sees in it.

    Attributes:
        network: the network's name.
        image: float32 `3 H W`, 0 to 1.
        labels: int64 `H W`, numbers of `classes`.
        logits: float32 `K H W`, interpolated from the network's coarser ones; what a dense CRF begins with.
        classes: name of each class, "background" first.
    """

    available = True
    network: str
    image: Tensor = field(repr=False)
    labels: Tensor = field(repr=False)
    logits: Tensor = field(repr=False)
    classes: tuple[str, ...] = field(repr=False)

    @property
    def found(self) -> dict[str, float]:
        """Classes that are there with their shares of the picture, the largest first."""
        counts = torch.bincount(self.labels.flatten(), minlength=len(self.classes))
        shares = {name: n / self.labels.numel() for name, n in zip(self.classes, counts.tolist(), strict=True) if n}
        return dict(sorted(shares.items(), key=lambda item: -item[1]))

    def __str__(self) -> str:
        return f"{self.network} sees " + ", ".join(f"{name} ({share:.0%})" for name, share in self.found.items())


@dataclass(frozen=True)
class Unavailable:
    """The network's weights are not on this computer and could not be fetched.

    Attributes:
        network: the network's name.
        url: where its weights are.
        megabytes: what they weigh.
        reason: why they did not come.
        folder: where torchvision looks for the file before it asks the internet.
    """

    available = False
    network: str
    url: str
    megabytes: float
    reason: str
    folder: Path

    def __str__(self) -> str:
        host = urlsplit(self.url).hostname
        return fill(
            f"{self.network} is not available offline: its weights ({self.megabytes:.0f} MB) are not in torchvision's "
            f"cache, and {host} did not send them ({self.reason}). With internet, run this once more.",
            80,
        )


def segment(
    image: Tensor | Image.Image | str | Path,
    network: str = DEFAULT,
    *,
    device: torch.device | str | None = None,
    progress: bool = False,
    patience: float = PATIENCE,
) -> Segmented | Unavailable:
    """Let a pretrained network of torchvision name every pixel of a photograph.

    The weights are downloaded at the first call, by torchvision, which checks the file's hash and keeps it.

    Args:
        image: float32 `3 H W` from 0 to 1, a PIL picture, or a file's path (turned upright as its EXIF data say).
        network: one of `NETWORKS`.
        device: where to compute; None is the GPU if there is one.
        progress: show a bar during the download.
        patience: seconds to wait for the server's first sign of life.

    Returns:
        The labels at the photograph's size; or, if the weights cannot be had, a record that says so. Both tell which by
        `available`, and in words by `print`.

    Raises:
        ValueError: an unknown network, or no image.
        FileNotFoundError: there is no such file.
        RuntimeError: the weights in the cache are damaged.
    """
    if network not in NETWORKS:
        raise ValueError(
            f"torchvision has no network {network!r} for segmentation{did_you_mean(network, NETWORKS)} "
            f"There are {', '.join(NETWORKS)}"
        )
    image = _to_tensor(image)
    weights = get_model_weights(network).DEFAULT
    state = _state(network, weights, progress=progress, patience=patience)
    if isinstance(state, Unavailable):
        return state
    device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    model = _built(network, weights, state).to(device)
    with torch.inference_mode():
        scores = model(weights.transforms()(image)[None].to(device))["out"]  # 1 K h w
        logits = F.interpolate(scores, image.shape[1:], mode="bilinear", align_corners=False)[0].float().cpu()
    classes = tuple(name.strip("_") for name in weights.meta["categories"])
    return Segmented(network, image, logits.argmax(0), logits, classes)


def _state(network: str, weights: WeightsEnum, *, progress: bool, patience: float) -> dict[str, Tensor] | Unavailable:
    """The weights, from torchvision's cache or from the internet."""
    folder = Path(torch.hub.get_dir()) / "checkpoints"
    path = folder / Path(urlsplit(weights.url).path).name
    cached = path.exists()
    refusal = None if cached else _refusal(weights.url, patience)
    if refusal is None:
        try:
            return weights.get_state_dict(progress=progress, check_hash=True, weights_only=True)
        except Exception as error:  # of the network, the disk, the hash, or of unpickling, which may be any
            if cached:
                raise RuntimeError(
                    f"{path} is damaged ({error}); delete it, and it is downloaded again from {weights.url}"
                ) from error
            refusal = _told(error)
    return Unavailable(network, weights.url, weights.meta["_file_size"], refusal, folder)


def _refusal(url: str, patience: float) -> str | None:
    """None if the server answers the door; else why not. Looking up a name may hang for long, so it does so alone."""
    answers: list[str | None] = []
    knock = threading.Thread(target=lambda: answers.append(_knock(url, patience)), daemon=True)
    knock.start()
    knock.join(patience)
    return answers[0] if answers else f"no answer within {patience:g} seconds"


def _knock(url: str, patience: float) -> str | None:
    try:
        with urlopen(Request(url, method="HEAD"), timeout=patience):
            return None
    except (OSError, HTTPException) as error:
        return _told(error)


def _told(error: Exception) -> str:
    """An error in a few words."""
    reason = getattr(error, "reason", None) or error
    if isinstance(reason, socket.gaierror):
        return "no connection"
    return str(getattr(reason, "strerror", None) or reason or type(error).__name__)


def _built(network: str, weights: WeightsEnum, state: dict[str, Tensor]) -> nn.Module:
    """The network with its weights, ready to predict."""
    auxiliary = any(name.startswith("aux_classifier.") for name in state)  # trained with it; LR-ASPP has none
    options = {"aux_loss": True} if auxiliary else {}
    with torch.device("meta"):  # nothing is initialised that is overwritten at once
        model = get_model(
            network, weights=None, weights_backbone=None, num_classes=len(weights.meta["categories"]), **options
        )
    model.load_state_dict(state, assign=True)
    return model.eval()


def _to_tensor(image: Tensor | Image.Image | str | Path) -> Tensor:
    if isinstance(image, (str, Path)):
        with Image.open(image) as picture:
            image = ImageOps.exif_transpose(picture).convert("RGB")
    if isinstance(image, Image.Image):
        pixels = np.asarray(image.convert("RGB"), dtype=np.float32) / 255  # H W 3
        image = torch.from_numpy(pixels).permute(2, 0, 1).contiguous()
    if not isinstance(image, Tensor) or image.ndim != 3 or len(image) != 3 or not image.is_floating_point():
        what = f"a {image.dtype} tensor of shape {tuple(image.shape)}" if isinstance(image, Tensor) else repr(image)
        raise ValueError(f"image must be float 3 H W from 0 to 1, a PIL picture or a path, not {what}")
    return image.detach().float().cpu()
