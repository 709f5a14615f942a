"""The papers' own recipes, as paper and release tell them; what neither tells is ours, and said to be.

Common to all of them, and not repeated below: PASCAL VOC is the 1464 images of its own train split, where the papers
add some 9000 of SBD; VGG16's weights are torchvision's, with images in RGB and normalised; an epoch's order is drawn
anew. Caffe multiplies the learning rate of biases by 2 and does not decay them, which all Caffe recipes here share.
"""

from collections.abc import Iterator
from typing import Any

from seglib.train.recipe import Recipe

CAFFE: dict[str, Any] = {"optimiser": "sgd", "weight_decay": 5e-4, "bias_learning_rate": 2, "bias_weight_decay": 0}


def _fcn() -> Iterator[Recipe]:
    """Long et al., and shelhamer/fcn.berkeleyvision.org: voc-fcn32s, voc-fcn16s, voc-fcn8s."""
    for stride, start, rate in ((32, "vgg16", 1e-10), (16, "fcn32s_voc", 1e-12), (8, "fcn16s_voc", 1e-14)):
        yield Recipe(
            name=f"fcn{stride}s_voc",
            network=f"fcn{stride}s",
            start=start,
            data="voc",
            steps=100_000,
            batch_size=1,
            learning_rate=rate,
            momentum=0.99,
            loss="sum",
            **CAFFE,
            source=f"shelhamer/fcn.berkeleyvision.org@1305c73: voc-fcn{stride}s/solver.prototxt and net.py",
        )


def _deconvnet() -> Iterator[Recipe]:
    """Noh et al., and HyeonwooNoh/DeconvNet: training."""
    yield Recipe(
        name="deconvnet_voc",
        network="deconvnet",
        start="vgg16",
        data="voc",
        crop=(224, 224),
        flip=True,
        steps=40_000,
        batch_size=64,
        learning_rate=0.01,
        schedule="step",
        decay=0.1,
        period=10_000,
        **CAFFE,
        source="HyeonwooNoh/DeconvNet@87dd133: training/002_stage_2/solver.prototxt (batch 8, iter_size 8)",
        deviations=(
            "The second of the paper's two stages alone, on random windows of whole images: the first has crops around "
            "single objects (20,000 steps), the second object proposals, resized to 250 x 250 and cropped."
        ),
    )


def _segnet() -> Iterator[Recipe]:
    """Badrinarayanan et al., and alexgkendall/SegNet-Tutorial: Models."""
    yield Recipe(
        name="segnet_camvid",
        network="segnet",
        start="vgg16",
        data="camvid",
        steps=40_000,
        batch_size=4,
        learning_rate=1e-3,
        momentum=0.9,
        # Sky, Building, Pole, Road, Pavement, Tree, SignSymbol, Fence, Car, Pedestrian, Bicyclist
        class_weights=(0.2595, 0.1826, 4.5640, 0.1417, 0.9051, 0.3826, 9.6446, 1.8418, 0.6823, 6.2478, 7.3614),
        **CAFFE,
        source="alexgkendall/SegNet-Tutorial@bb68b64: Models/segnet_solver.prototxt and segnet_train.prototxt",
        deviations="The weighted loss is divided by the sum of the weights.",
    )


def _unet() -> Iterator[Recipe]:
    """Ronneberger et al., section 3, on other data: the paper's are microscope images."""
    yield Recipe(
        name="unet_camvid",
        network="unet",
        data="camvid",
        crop=(348, 476),
        flip=True,
        steps=36_700,
        batch_size=1,
        optimiser="sgd",
        learning_rate=1e-4,
        momentum=0.99,
        source="Ronneberger et al., MICCAI 2015, section 3: batch 1, momentum 0.99, He's initialisation",
        deviations=(
            "The paper names no learning rate and no number of steps (10 hours): these are ours, 100 epochs. CamVid "
            "instead of cells, so no elastic deformation and no weights for the borders between them; windows of 348 x "
            "476 are the largest of CamVid's 360 x 480 that the valid form takes."
        ),
    )


def _fc_densenet() -> Iterator[Recipe]:
    """Jégou et al., and SimJeg/FC-DenseNet: config/FC-DenseNet103.py and train.py."""
    epoch = 367 / 5  # steps: CamVid's training images over the batch
    for layers in (56, 67, 103):
        yield Recipe(
            name=f"fc_densenet{layers}_camvid",
            network=f"fc_densenet{layers}",
            data="camvid",
            crop=(224, 224),
            flip=True,
            steps=round(750 * epoch),
            batch_size=5,
            optimiser="rmsprop",
            learning_rate=1e-3,
            momentum=0,
            weight_decay=2e-4,
            bias_weight_decay=0,
            schedule="step",
            decay=0.995,
            period=epoch,
            source="SimJeg/FC-DenseNet@cf2375b: config/FC-DenseNet103.py (750 epochs) and train.py",
            deviations=(
                "The release adds 1e-4 times the sum of the squared weights to the loss; that decays them by 2e-4. "
                "It stops when validation has not improved for 150 epochs, and keeps the best; here all 750 are "
                "trained, and the last is kept. The fine-tuning on whole images that follows in the paper is left out."
                + ("" if layers == 103 else f" The file is for 103 layers; that it holds for {layers} too is ours.")
            ),
        )


def _deeplab() -> Iterator[Recipe]:
    """Chen et al., section 4.1, and a fork of their code, TheLegendAli/DeepLab-Context: voc12, config."""
    for network, crop in (("deeplab_v1", 306), ("deeplab_v1_largefov", 321)):
        yield Recipe(
            name=f"{network}_voc",
            network=network,
            options={"upsample": False},
            start="vgg16",
            data="voc",
            crop=(crop, crop),
            flip=True,
            steps=6000,
            batch_size=20,
            learning_rate=1e-3,
            momentum=0.9,
            layer_learning_rates={"fc8": 10},
            schedule="step",
            decay=0.1,
            period=2000,
            **CAFFE,
            source="Chen et al., ICLR 2015, section 4.1; TheLegendAli/DeepLab-Context@fb04e9e: voc12/vgg128_noup",
            deviations=(
                ""
                if network == "deeplab_v1"
                else "Batch 20 is the paper's; table 2 of DeepLab v2 has 30 for LargeFOV. The learning rate falls to a "
                "tenth each time, as in the paper; one solver of the fork has 0.316."
            ),
        )


def _dilated_net() -> Iterator[Recipe]:
    """Yu and Koltun, and fyu/dilation: docs/training.md, train.py and network.py."""
    release = "fyu/dilation@0f10574: docs/training.md, train.py and network.py"
    margin = (
        "The release's crops of 500 pixels have 186 of margin, taken from the image where it goes on; here 500 are "
        "labelled, and the margin is reflected."
    )
    ours = "The number of steps is ours: the release's solver runs to 400,000 with a tenth of the rate each 100,000."
    front = ("stage1", "stage2", "stage3", "stage4", "stage5", "fc6", "fc7", "final")
    common: dict[str, Any] = {"options": {"upsample": False}, "momentum": 0.9, **CAFFE}
    voc: dict[str, Any] = {**common, "data": "voc", "crop": (500, 500), "flip": True, "source": release}
    camvid: dict[str, Any] = {**common, "data": "camvid", "flip": True, "source": release}
    yield Recipe(
        name="dilated_front_end_voc",
        network="dilated_front_end",
        start="vgg16",
        steps=60_000,
        batch_size=14,
        learning_rate=1e-4,
        deviations=f"{margin} {ours}",
        **voc,
    )
    yield Recipe(
        name="dilated_context_voc",
        network="dilated_net",
        start="dilated_front_end_voc",
        dropout=0,  # the front end's scores are computed once, in test mode, and trained on
        layer_learning_rates=dict.fromkeys(front, 0.0),
        steps=60_000,
        batch_size=60,
        learning_rate=1e-3,
        deviations=f"{margin} {ours} The release computes the front end's scores once; here they are computed anew.",
        **voc,
    )
    yield Recipe(
        name="dilated_net_voc",
        network="dilated_net",
        start="dilated_context_voc",
        steps=60_000,
        batch_size=14,
        learning_rate=1e-5,
        deviations=f"{margin} {ours}",
        **voc,
    )
    small = (
        "Rates and batch are those that the release has for all data; it refers to the paper for each. Whole images, "
        "with a reflected margin."
    )
    yield Recipe(
        name="dilated_front_end_camvid",
        network="dilated_front_end",
        start="vgg16",
        steps=20_000,
        batch_size=14,
        learning_rate=1e-4,
        deviations=f"{small} {ours}",
        **camvid,
    )
    yield Recipe(
        name="dilated_net_camvid",
        network="dilated_net",
        start="dilated_front_end_camvid",
        steps=20_000,
        batch_size=14,
        learning_rate=1e-5,
        deviations=f"Joint training at once, as the release advises for hundreds of images. {small} {ours}",
        **camvid,
    )


PAPER_RECIPES: dict[str, Recipe] = {
    recipe.name: recipe
    for family in (_fcn, _deconvnet, _segnet, _unet, _fc_densenet, _deeplab, _dilated_net)
    for recipe in family()
}
