"""Drawn scenes: what they promise about shapes, labels, chance and seeds."""

from collections import Counter
from math import inf, nan, pi

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.data import DataLoader

from seglib.data import OneShape, Shape, ShapeScenes, draw, load
from seglib.data.scenes import CLASSES, COLOURS, SHAPES, distance, reach
from seglib.data.surfaces import CONTRAST, KINDS

kinds = st.sampled_from(SHAPES)


@pytest.mark.parametrize("kind", SHAPES)
def test_every_shape_of_one_radius_has_the_area_of_the_disc(kind):
    scene = draw([Shape(kind, 100.3, 99.6, 60.0, 0.3)], (200, 200))
    assert scene.target.count_nonzero().item() == pytest.approx(pi * 60**2, rel=0.005)


@pytest.mark.parametrize("kind", SHAPES)
def test_no_point_of_a_shape_is_farther_than_its_reach(kind):
    y, x = np.mgrid[-200:200, -200:200] + 0.5
    far = np.hypot(x, y)[distance(kind, 80.0, x, y) <= 0].max()
    assert reach(kind, 80.0) - 2 < far <= reach(kind, 80.0)


@pytest.mark.parametrize(
    ("kind", "turn"), [("square", pi / 2), ("triangle", 2 * pi / 3), ("cross", pi / 2), ("disc", 1.0)]
)
def test_a_symmetric_turn_changes_nothing(kind, turn):
    targets = [draw([Shape(kind, 32, 32, 20, angle)], (64, 64)).target for angle in (0.1, 0.1 + turn)]
    assert (targets[0] != targets[1]).sum() <= 4  # rounding, on an outline of more than 100 pixels


@given(kinds, st.floats(1.5, 80), st.floats(-20, 60), st.floats(-20, 60), st.floats(0, 7))
@settings(max_examples=60, deadline=None)
def test_labels_are_the_pixels_whose_centre_lies_inside(kind, radius, x, y, angle):
    shape = Shape(kind, x, y, radius, angle)
    scene = draw([shape], (40, 48))
    column, row = np.meshgrid(np.arange(48) + 0.5 - x, np.arange(40) + 0.5 - y)
    turned = (np.exp(-1j * angle) * (column + 1j * row)).astype(np.complex128)
    depth = distance(kind, radius, turned.real, turned.imag)
    sure = np.abs(depth) > 1e-3  # float32 against float64
    np.testing.assert_array_equal((scene.target.numpy() == shape.label)[sure], (depth <= 0)[sure])
    assert ((scene.instances == 1) == (scene.target == shape.label)).all()


def test_later_shapes_lie_in_front():
    back, front = Shape("square", 32, 32, 20), Shape("disc", 32, 32, 8)
    scene = draw([back, front], (64, 64))
    assert scene.target[32, 32] == front.label
    assert scene.target[32, 18] == back.label
    assert scene.instances.unique().tolist() == [0, 1, 2]
    hidden = draw([front, back], (64, 64))
    assert hidden.instances.unique().tolist() == [0, 2]


@pytest.mark.parametrize("surface", KINDS)
def test_a_growing_shape_uncovers_more_of_the_same_surface(surface):
    small, large = (draw([Shape("disc", 48, 48, radius)], seed=5, surface=surface) for radius in (10, 30))
    y, x = np.mgrid[:96, :96] + 0.5 - 48
    core, rim = np.hypot(x, y) < 9, np.hypot(x, y) > 32
    for region in (core, rim):
        torch.testing.assert_close(small.image[:, region], large.image[:, region], rtol=0, atol=0)
    assert not torch.equal(small.image[:, ~core & ~rim], large.image[:, ~core & ~rim])


def test_edges_are_smooth_in_the_picture_and_sharp_in_the_labels():
    scene = draw([Shape("square", 32, 32, 16, 0.5)], (64, 64), seed=1, noise=0)
    assert scene.target.unique().tolist() == [0, 2]
    # Over a plain background and a plain square there are mixed colours at the outline only.
    edge = (torch.nn.functional.max_pool2d(scene.target[None, None].float(), 3, 1, 1)[0, 0] > 0) != (scene.target > 0)
    assert edge.sum() > 50
    assert scene.image.min() >= 0
    assert scene.image.max() <= 1


@pytest.mark.parametrize("surface", [*KINDS, "mixed"])
def test_a_scene_follows_from_seed_and_index_alone(surface):
    first, second = (ShapeScenes(50, size=48, seed=3, surface=surface) for _ in range(2))
    order = [7, 3, 7, 49]
    for index in order:
        image, target = first[index]
        again, labels = second[index]
        assert torch.equal(image, again)
        assert torch.equal(target, labels)
    assert torch.equal(first[-1][0], second[49][0])


def test_seeds_splits_and_indices_give_other_scenes():
    pictures = [
        ShapeScenes(9, size=32, seed=seed, split=split)[index][0].numpy().tobytes()
        for seed in (0, 1)
        for split in ("train", "val", "test")
        for index in range(3)
    ]
    assert len(set(pictures)) == len(pictures)


def test_more_workers_give_the_same_batches():
    scenes = ShapeScenes(12, size=32)
    alone = list(DataLoader(scenes, batch_size=4))
    shared = list(DataLoader(scenes, batch_size=4, num_workers=2))
    for (image, target), (other, labels) in zip(alone, shared, strict=True):
        assert torch.equal(image, other)
        assert torch.equal(target, labels)


def test_what_a_scene_is_made_of():
    scenes = ShapeScenes(20, size=(40, 56), objects=(2, 3), radius=(3, 9))
    image, target = scenes[4]
    assert (image.dtype, image.shape, target.dtype, target.shape) == (torch.float32, (3, 40, 56), torch.int64, (40, 56))
    assert len(scenes) == 20
    assert repr(scenes) == "ShapeScenes(20, size=(40, 56), split='train', seed=0)"
    for index in range(20):
        shapes = scenes.shapes(index)
        assert 2 <= len(shapes) <= 3
        assert [shape.radius for shape in shapes] == sorted((shape.radius for shape in shapes), reverse=True)
        assert all(3 <= shape.radius <= 9 for shape in shapes)
        instances, sizes = scenes.instances(index)
        labels = torch.tensor([0, *(shape.label for shape in shapes)])[instances]
        assert torch.equal(labels, scenes[index][1])
        np.testing.assert_array_equal(sizes, [shape.radius for shape in shapes])


def test_a_margin_keeps_centres_from_the_borders():
    scenes = ShapeScenes(200, size=(30, 60), margin=0.25)
    places = np.array([(shape.y / 30, shape.x / 60) for index in range(200) for shape in scenes.shapes(index)])
    assert 0.25 <= places.min() < 0.27
    assert 0.73 < places.max() <= 0.75


def test_one_shape_has_one_label_everywhere():
    pictures = OneShape(40, size=32, seed=1)
    count = Counter()
    for index in range(40):
        image, target = pictures[index]
        assert image.shape == (3, 32, 32)
        assert target.shape == (32, 32)
        (label,) = target.unique().tolist()
        assert CLASSES[label] == pictures.scenes.shapes(index)[0].kind
        count[label] += 1
    assert set(count) == {1, 2, 3, 4}
    assert repr(pictures) == "OneShape(40, size=32, split='train', seed=1)"


def test_only_the_shape_tells_the_class():
    """Class is independent of size, place and colour: chi-squared and means over many scenes."""
    scenes = ShapeScenes(3000, size=48, objects=(1, 1), noise=0)
    shapes = [scenes.shapes(index)[0] for index in range(3000)]
    count = Counter(shape.kind for shape in shapes)
    expected = 3000 / len(SHAPES)
    assert sum((count[kind] - expected) ** 2 / expected for kind in SHAPES) < 16.3  # p = 0.001 at 3 degrees of freedom
    logarithms = np.log([shape.radius for shape in shapes])
    low, high = np.log(2), np.log(0.6 * 48)
    spread = (high - low) / np.sqrt(12)
    colours = {kind: [] for kind in SHAPES}
    for index in range(600):
        scene = scenes.scene(index)
        if (scene.instances == 1).sum() > 20:
            colours[scene.shapes[0].kind].append(scene.image[:, scene.instances == 1].mean(1).numpy())
    everything = np.concatenate([np.stack(values) for values in colours.values()])
    for kind in SHAPES:
        own = logarithms[[shape.kind == kind for shape in shapes]]
        assert abs(own.mean() - (low + high) / 2) < 4 * spread / np.sqrt(len(own))
        difference = np.mean(colours[kind], axis=0) - everything.mean(0)
        assert (np.abs(difference) < 4 * everything.std(0) / np.sqrt(len(colours[kind]))).all()


@pytest.mark.parametrize("surface", KINDS)
def test_objects_differ_from_their_background(surface):
    scenes = ShapeScenes(200, size=64, objects=(1, 1), radius=(12, 20), surface=surface, noise=0)
    far = 0
    for index in range(200):
        scene = scenes.scene(index)
        inside, outside = (scene.image[:, scene.instances == label].mean(1) for label in (1, 0))
        far += bool((inside - outside).norm() > 0.6 * CONTRAST)
    assert far >= 190  # three random colours, all of them too near, happen now and then


def test_names_and_colours_are_one_for_each_class():
    assert len(CLASSES) == len(COLOURS) == len(set(COLOURS)) == 5
    assert Shape("triangle", 0, 0, 1).label == CLASSES.index("triangle")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"length": 0}, "length=0"),
        ({"seed": -1}, "seed=-1"),
        ({"split": "valid"}, "split='valid' must be one of train, val, test"),
        ({"objects": (3, 1)}, "objects=(3, 1)"),
        ({"radius": (0, 4)}, "radius=(0, 4)"),
        ({"margin": 0.6}, "margin=0.6"),
        ({"surface": "silk"}, "surface='silk' must be one of drawn, real, mixed"),
        ({"radius": (2, inf)}, "radius=(2, inf)"),
        ({"size": 0}, "size=(h, w) must be positive, got (0, 0)"),
        ({"size": -5}, "size=(h, w) must be positive, got (-5, -5)"),
        ({"size": (8, 8, 8)}, "size=(8, 8, 8) must be (h, w), two whole numbers"),
        ({"size": (8, 8.5)}, "size=(8, 8.5) must be (h, w), two whole numbers"),
        *[({"noise": noise}, f"noise={noise} must be from 0 to 1") for noise in (-1, nan, 5)],
    ],
)
def test_bad_settings_are_refused(options, message):
    with pytest.raises(ValueError) as error:  # noqa: PT011
        ShapeScenes(**options)
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": 0}, "size=0 must be the edge of a square"),
        ({"size": (48, 48)}, "size=(48, 48) must be the edge of a square"),
        ({"noise": nan}, "noise=nan must be from 0 to 1"),
    ],
)
def test_bad_settings_of_one_shape_are_refused(options, message):
    with pytest.raises(ValueError) as error:  # noqa: PT011
        OneShape(**options)
    assert message in str(error.value)


@pytest.mark.parametrize(
    "values", [{"x": nan}, {"y": -inf}, {"radius": inf}, {"angle": nan}], ids=lambda values: next(iter(values))
)
def test_a_shape_has_finite_numbers(values):
    ((name, value),) = values.items()
    with pytest.raises(ValueError, match=f"{name}={value} of a disc must be finite"):
        Shape(**({"kind": "disc", "x": 5, "y": 5, "radius": 3} | values))


def test_bad_drawings_are_refused():
    with pytest.raises(ValueError, match="no shape is called 'heart'"):
        draw([Shape("heart", 5, 5, 3)])
    with pytest.raises(ValueError, match="surface='silk'"):
        draw([], surface="silk")
    with pytest.raises(ValueError, match=r"size=\(h, w\) must be positive, got \(0, 5\)"):
        draw([], (0, 5))
    with pytest.raises(ValueError, match=r"size=96 must be \(h, w\), two whole numbers"):
        draw([], 96)
    for noise in (-1, nan, 5):
        with pytest.raises(ValueError, match=f"noise={noise} must be from 0 to 1"):
            draw([], noise=noise)
    with pytest.raises(IndexError, match="there is no scene 7 among 5"):
        ShapeScenes(5)[7]


def test_load_opens_by_name():
    scenes = load("scenes", "val", length=7, size=32)
    assert repr(scenes) == "ShapeScenes(7, size=(32, 32), split='val', seed=0)"
    with pytest.raises(ValueError, match=r"there is no data set 'coco'\. There are scenes, "):
        load("coco")


@pytest.mark.parametrize("name", ["camvid", "voc", "pets"])
def test_a_data_set_of_files_asks_for_its_folder(name):
    with pytest.raises(TypeError, match=rf"{name} needs root= \(--data-root FOLDER\).*download=True \(--download\)"):
        load(name)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"root": "x"}, r"scenes has no option root= \(--data-root\); its options are length, size, seed, "),
        ({"download": True}, r"scenes has no option download= \(--download\); its"),
        ({"lenght": 3}, "scenes has no option lenght=; its"),
    ],
)
def test_an_option_that_a_data_set_lacks_is_named(options, message):
    with pytest.raises(TypeError, match=message):
        load("scenes", **options)
