"""The book's own recipes: narrow copies of the networks, on drawn scenes, each in at most an hour on one CPU core.

They go the papers' way, in small. A VGG16 first learns to tell single shapes apart, as the papers' VGG16 learned
ImageNet; every network with its layers starts from there, FCN-16s from FCN-32s and FCN-8s from FCN-16s, and
DilatedNet's context module from its front end. U-Net and FC-DenseNet start at random in their papers. Here their ways
down learn the single shapes first too, or the little that they see in minutes would not teach them shapes at all.

What the small networks need, and the papers' did not: batch normalisation while they train (folded into the weights
afterwards, see `batch_norm.py`), Adam, and no dropout, which takes too much from layers this narrow.

The networks that learn a whole decoder need two things more. Their loss is balanced: three quarters of the pixels are
background, and without weights SegNet stays at it (mean IoU 0.25, with weights 0.74, after 1000 steps on one object a
picture). SegNet's and U-Net's papers balance theirs too, and FCN's finds it unnecessary, as it is here. And they begin
with one object a picture, as DeconvNet's paper does, on small pictures, seven of which take a core as long as one
scene. Where nothing but switches leads from the encoder to the decoder, a thousand steps of that are few: in a run of
2500 (one seed) SegNet's loss was at 0.6 after the first thousand and at 0.2 in the end. So DeconvNet and SegNet have
2500 steps of it, and 2500 of scenes.

FC-DenseNet56 adds 12 maps a layer in the paper; an eighth of them would be one or two. With a quarter (91,000 weights)
it found objects and did not learn their names: mean IoU 0.43 after 500 steps of scenes, 0.54 after 1500. With a half,
as many weights as the others have, and 2500 steps of single objects in place of 1000, it is at 0.64 after 1000.

SegNet learns road scenes as well, from random weights and balanced by median frequency, as its paper does on CamVid.
"""

from typing import Any

from seglib.train.recipe import Recipe

SIZE = 128  # px: objects of 2 to 77 px radius, from specks to more than the picture holds
BATCH = 16

# What makes a network small; every change stands under Deviations in the network's file. `fc_channels` is before
# `width`, so that fc6 and fc7 have 128 channels; a 3 x 3 fc6 sees three fifths of a 4 x 4 map as 7 x 7 sees a 16 x 16.
NARROW: dict[str, Any] = {"width": 0.125}
VGG: dict[str, Any] = NARROW | {"fc_channels": 1024, "fc6_kernel": 3, "same_padding": True}
UNET: dict[str, Any] = NARROW | {"same_padding": True}
DENSE: dict[str, Any] = {"width": 0.5}
DECONV: dict[str, Any] = NARROW | {"fc_channels": 1024, "fc6_kernel": 2}  # all of 48 px, a quarter of a scene
BALANCED = (0.3, 1.0, 1.0, 1.0, 1.0)  # of the loss: background, disc, square, triangle, cross


# On road scenes: median frequency weights of 3000 of them, in the order of their classes.
ROAD_SIZE = [96, 128]
ROAD_WEIGHTS = (0.3, 0.24, 4.43, 0.17, 1.0, 0.52, 3.2, 2.03, 0.91, 5.57, 7.92)


def scenes_recipe(network: str, options: dict[str, Any], steps: int, **changes: Any) -> Recipe:
    """A recipe for a narrow network on drawn scenes; each scene is seen once."""
    values: dict[str, Any] = {
        "name": f"{network}_scenes",
        "network": network,
        "options": options,
        "start": "vgg16_one_shape",
        "batch_norm": True,
        "dropout": 0.0,
        "data": "scenes",
        "data_options": {"size": SIZE, "length": steps * BATCH},
        "steps": steps,
        "batch_size": BATCH,
        "optimiser": "adam",
        "learning_rate": 3e-3,
        "schedule": "cosine",
        "warmup": steps // 10,
        "clip": 5.0,
    }
    return Recipe(**(values | changes))


def one_shape_recipe(name: str, network: str, options: dict[str, Any], **changes: Any) -> Recipe:
    """A recipe for a classifier of single shapes, with the picture's label at every pixel of the target."""
    values: dict[str, Any] = {
        "name": name,
        "start": "default",
        "data": "one_shape",
        "data_options": {"size": 48, "length": 1500 * 32},
        "batch_size": 32,
    }
    return scenes_recipe(network, options, 1500, **(values | changes))


def decoder_recipes(
    network: str, options: dict[str, Any], steps: int, *, one_object_steps: int = 1000, **changes: Any
) -> tuple[Recipe, Recipe]:
    """Recipes for a network with a decoder to learn: one object a picture, then scenes."""
    changes = {"class_weights": BALANCED} | changes
    one_object: dict[str, Any] = {
        "name": f"{network}_one_object",
        "data_options": {
            "size": 48,
            "length": one_object_steps * 32,
            "radius": [4.0, 20.0],
            "objects": [1, 1],
            "margin": 1 / 3,
        },
        "steps": one_object_steps,
        "batch_size": 32,
        "warmup": 100,
    }
    return (
        scenes_recipe(network, options, **(changes | one_object)),
        scenes_recipe(network, options, steps, **(changes | {"start": f"{network}_one_object"})),
    )


def road_recipe(network: str, options: dict[str, Any], steps: int, **changes: Any) -> Recipe:
    """A recipe for a narrow network on road scenes, from random weights and with a balanced loss."""
    values: dict[str, Any] = {
        "name": f"{network}_road",
        "start": "default",
        "data": "road",
        "data_options": {"size": ROAD_SIZE, "length": steps * 8},
        "batch_size": 8,
        "class_weights": ROAD_WEIGHTS,
    }
    return scenes_recipe(network, options, steps, **(values | changes))


SCENES: dict[str, Recipe] = {
    recipe.name: recipe
    for recipe in (
        one_shape_recipe("vgg16_one_shape", "fcn32s", VGG),
        one_shape_recipe("unet_one_shape", "seglib.train.classifier:unet", UNET),
        one_shape_recipe("fc_densenet56_one_shape", "seglib.train.classifier:fc_densenet56", DENSE, batch_norm=False),
        scenes_recipe("fcn32s", VGG, 2500, fresh=("score_fr",)),
        scenes_recipe("fcn16s", VGG, 1000, start="fcn32s_scenes"),
        scenes_recipe("fcn8s", VGG, 1000, start="fcn16s_scenes"),
        *decoder_recipes("deconvnet", DECONV, 2500, one_object_steps=2500),
        *decoder_recipes("segnet", NARROW, 2500, one_object_steps=2500),
        *decoder_recipes("unet", UNET, 1000, start="unet_one_shape"),
        *decoder_recipes(
            "fc_densenet56",
            DENSE,
            1000,
            one_object_steps=2500,
            start="fc_densenet56_one_shape",
            batch_norm=False,
        ),
        scenes_recipe("deeplab_v1_largefov", NARROW | {"fc_channels": 1024}, 2500),
        scenes_recipe("dilated_front_end", VGG, 2500),
        scenes_recipe("dilated_net", VGG, 1000, start="dilated_front_end_scenes"),
        road_recipe("segnet", NARROW, 1200),
    )
}
