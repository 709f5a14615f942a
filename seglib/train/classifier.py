"""The way down of a network as a classifier: what U-Net and FC-DenseNet learn before they learn to draw labels.

FCN-32s is a classifier as it stands, slid over the picture. U-Net and FC-DenseNet are not: their last layers see the
pixels again, through skip connections, and learn edges and colours long before they learn what lies at the bottom.
Here the maps at the bottom are averaged over the picture and classified, as in the networks that the papers start from.
"""

import torch
from torch import Tensor, nn

from seglib import models


class Classifier(nn.Module):
    """The layers of `network` down to `layer`, the mean of its maps, and one linear layer.

    Takes `N 3 H W` and gives `N K H W`, one answer at all pixels, so that the loop and its targets stay what they are.
    """

    def __init__(self, network: nn.Module, layer: str, *, num_classes: int):
        super().__init__()
        self.network, self.layer = network, layer
        with torch.no_grad():
            reference = next(network.parameters())
            image = torch.zeros(2, network.in_channels, 64, 64, device=reference.device, dtype=reference.dtype)
            channels = self._maps(image).shape[1]
        self.classifier = nn.Linear(channels, num_classes)
        for module in network.modules():  # the image of zeros has left its mark
            if isinstance(module, nn.BatchNorm2d):
                module.reset_running_stats()

    def _maps(self, images: Tensor) -> Tensor:
        hook = self.network.get_submodule(self.layer).register_forward_hook(_stop)
        try:
            self.network(images)
        except _Reached as reached:
            return reached.maps
        finally:
            hook.remove()
        raise RuntimeError(f"{type(self.network).__name__} does not come by its layer {self.layer}")

    def forward(self, images: Tensor) -> Tensor:
        """One answer for each picture, at each of its pixels."""
        scores = self.classifier(self._maps(images).mean((2, 3)))
        return scores[:, :, None, None].expand(-1, -1, *images.shape[2:])


class _Reached(Exception):  # noqa: N818  (not an error: what comes after the layer need not be computed)
    def __init__(self, maps: Tensor):
        super().__init__()
        self.maps = maps


def _stop(module: nn.Module, arguments: tuple[Tensor], maps: Tensor) -> None:
    raise _Reached(maps)


def unet(*, num_classes: int, **options) -> Classifier:
    """U-Net's contracting path, down to the map d4c."""
    return Classifier(models.create("unet", num_classes=num_classes, **options), "d4", num_classes=num_classes)


def fc_densenet56(*, num_classes: int, **options) -> Classifier:
    """FC-DenseNet56's way down, to the last transition down: a DenseNet."""
    network = models.create("fc_densenet56", num_classes=num_classes, **options)
    return Classifier(network, "td5", num_classes=num_classes)
