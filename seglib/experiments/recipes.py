"""The recipes that several experiments share, so that each is trained once for all of them.

They are those of `seglib.train.scenes` with fewer and smaller pictures, since an experiment trains every network three
times. A network goes through three stages, whatever it is, so that none has seen more than another:

1. its encoder learns to tell single shapes apart, 48 px (VGG16, or the network's own way down);
2. the network learns one object a picture, 48 px: 2500 steps of 32;
3. and scenes of one to four objects, 96 px: 1500 steps of 16.

The loss is balanced as in `seglib.train.scenes`, for all networks alike, though only decoders need it: without weights
they stay at background. FC-DenseNet has fewer steps, as one of its takes as long as eight of FCN's.
"""

from typing import Any

from seglib.train import SCENES, Recipe
from seglib.train.scenes import BALANCED, BATCH, NARROW, UNET, VGG, scenes_recipe

OBJECT_SIZE, OBJECT_RADII, OBJECT_BATCH = 48, [4.0, 20.0], 32  # px, px, pictures in a step
SIZE = 96  # px: objects of 2 to 57.6 px radius
OBJECT_STEPS = 2500  # a SegNet of this width stays at a loss of 0.6 for the first thousand, and leaves it then
STEPS = 1500
STAGE = 200  # steps of FCN-16s after FCN-32s, and of FCN-8s after FCN-16s
CONTEXT = 300  # steps of the context module after its front end

DENSE: dict[str, Any] = {"width": 0.25}  # half of what the copy in `seglib.weights` has, or three seeds take hours
DEEPLAB_OPTIONS = NARROW | {"fc_channels": 1024}
# pool5 is 2 x 2 of one object's picture and 3 x 3 of a scene: fc6 covers all of the one, and 2 x 2 of the other.
DECONVNET_OPTIONS = NARROW | {"fc_channels": 1024, "fc6_kernel": 2}
# U-Net's way up, of which no classifier has learned anything.
EXPANDING = (
    *("upconv_d4c_u3a", "conv_u3b_c", "conv_u3c_d", "upconv_u3d_u2a", "conv_u2b_c", "conv_u2c_d"),
    *("upconv_u2d_u1a", "conv_u1b_c", "conv_u1c_d", "upconv_u1d_u0a", "conv_u0b_c", "conv_u0c_d", "conv_u0d_score"),
)


def one_object(
    name: str, network: str, options: dict[str, Any], *, steps: int = OBJECT_STEPS, **changes: Any
) -> Recipe:
    """A recipe on pictures of one object, 48 px."""
    data_options = {
        "size": OBJECT_SIZE,
        "length": steps * OBJECT_BATCH,
        "objects": [1, 1],
        "margin": 1 / 3,
        "radius": OBJECT_RADII,
    }
    values = {"name": name, "data_options": data_options, "batch_size": OBJECT_BATCH, "class_weights": BALANCED}
    return scenes_recipe(network, options, steps, **(values | changes))


def scenes(
    name: str, network: str, options: dict[str, Any], *, steps: int = STEPS, seed: int = 0, **changes: Any
) -> Recipe:
    """A recipe on scenes of 96 px; `seed` is that of the scenes, so that a later stage sees others than an earlier."""
    data_options = {"size": SIZE, "length": steps * BATCH, "seed": seed}
    values = {"name": name, "data_options": data_options, "class_weights": BALANCED}
    return scenes_recipe(network, options, steps, **(values | changes))


VGG16 = SCENES["vgg16_one_shape"]
UNET_ENCODER = SCENES["unet_one_shape"]
DENSE_ENCODER = SCENES["fc_densenet56_one_shape"].replace(
    name="fc_densenet56_one_shape_short",
    options=DENSE,
    steps=400,
    warmup=40,
    data_options=SCENES["fc_densenet56_one_shape"].data_options | {"length": 400 * 32},
)

FCN32S_48 = one_object("fcn32s_48", "fcn32s", VGG, fresh=("score_fr",))
DECONVNET_48 = one_object("deconvnet_48", "deconvnet", DECONVNET_OPTIONS)
SEGNET_48 = one_object("segnet_48", "segnet", NARROW)
UNET_48 = one_object("unet_48", "unet", UNET, start=UNET_ENCODER.name, fresh=EXPANDING)
DENSE_48 = one_object("fc_densenet56_48", "fc_densenet56", DENSE, steps=400, start=DENSE_ENCODER.name, batch_norm=False)
DEEPLAB_48 = one_object("deeplab_v1_largefov_48", "deeplab_v1_largefov", DEEPLAB_OPTIONS)
FRONT_END_48 = one_object("dilated_front_end_48", "dilated_front_end", VGG)

FCN32S = scenes("fcn32s_96", "fcn32s", VGG, steps=STEPS - 2 * STAGE, start="fcn32s_48")
FCN16S = scenes("fcn16s_96", "fcn16s", VGG, steps=STAGE, seed=1, start="fcn32s_96")
FCN8S = scenes("fcn8s_96", "fcn8s", VGG, steps=STAGE, seed=2, start="fcn16s_96")
# What the coarser networks are when they too have learned for as long as FCN-8s.
FCN32S_FURTHER = scenes("fcn32s_96_further", "fcn32s", VGG, steps=STAGE, seed=1, start="fcn32s_96")
FCN32S_LONG = scenes("fcn32s_96_long", "fcn32s", VGG, steps=STAGE, seed=2, start="fcn32s_96_further")
FCN16S_LONG = scenes("fcn16s_96_long", "fcn16s", VGG, steps=STAGE, seed=2, start="fcn16s_96")

DECONVNET = scenes("deconvnet_96", "deconvnet", DECONVNET_OPTIONS, start="deconvnet_48")
SEGNET = scenes("segnet_96", "segnet", NARROW, start="segnet_48")
UNET_96 = scenes("unet_96", "unet", UNET, start="unet_48")
FC_DENSENET = scenes("fc_densenet56_96", "fc_densenet56", DENSE, steps=300, start="fc_densenet56_48", batch_norm=False)
DEEPLAB = scenes("deeplab_v1_largefov_96", "deeplab_v1_largefov", DEEPLAB_OPTIONS, start="deeplab_v1_largefov_48")

FRONT_END = scenes(
    "dilated_front_end_96", "dilated_front_end", VGG, steps=STEPS - CONTEXT, start="dilated_front_end_48"
)
FRONT_END_LONG = scenes(
    "dilated_front_end_96_long", "dilated_front_end", VGG, steps=CONTEXT, seed=1, start="dilated_front_end_96"
)
DILATED_NET = scenes("dilated_net_96", "dilated_net", VGG, steps=CONTEXT, seed=1, start="dilated_front_end_96")
