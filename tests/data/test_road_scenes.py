"""Drawn road scenes: what they promise about labels, perspective, imbalance, chance and seeds."""

from functools import cache

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.data import DataLoader

from seglib.data import CAMVID_TRAIN, CamVid, RoadScenes, load, median_frequency_weights
from seglib.data import road_scenes as road

IDS = set(range(12))


@cache
def counts(length: int = 300, seed: int = 7) -> np.ndarray:
    """Pixels of each id in each scene, `length 12`."""
    scenes = RoadScenes(length, seed=seed)
    return np.stack([np.bincount(scenes[i][1].numpy().ravel(), minlength=12) for i in range(length)])


def test_what_a_scene_is_made_of():
    scenes = RoadScenes(20, size=(64, 80))
    image, target = scenes[4]
    assert (image.dtype, image.shape, target.dtype, target.shape) == (torch.float32, (3, 64, 80), torch.int64, (64, 80))
    assert image.is_contiguous()
    assert len(scenes) == 20
    assert repr(scenes) == "RoadScenes(20, size=(64, 80), split='train', seed=0)"
    assert RoadScenes(1).size == (96, 128)
    assert RoadScenes(1, size=64).size == (64, 64)


def test_classes_are_camvid_s():
    assert RoadScenes.classes == CamVid.classes
    assert RoadScenes.colours == CamVid.colours
    assert RoadScenes.ignore_index == CamVid.ignore_index == 11
    names = [CamVid.classes[i] for i in (road.SKY, road.POLE, road.SIGN, road.BICYCLIST)]
    assert names == ["Sky", "Pole", "SignSymbol", "Bicyclist"]


@given(st.integers(0, 10_000), st.integers(32, 150), st.integers(32, 150), st.floats(0, 0.3))
@settings(max_examples=60, deadline=None)
def test_any_size_and_seed_gives_pictures_and_labels(seed, h, w, noise):
    image, target = RoadScenes(3, size=(h, w), seed=seed, noise=noise)[seed % 3]
    assert image.shape == (3, h, w)
    assert image.isfinite().all()
    assert image.min() >= 0
    assert image.max() <= 1
    assert set(target.unique().tolist()) <= IDS
    assert road.ROAD in target or w > 2 * h  # in a strip, one car may hide all of it


def test_a_scene_follows_from_seed_and_index_alone():
    first, second = (RoadScenes(50, seed=3) for _ in range(2))
    for index in (7, 3, 7, 49):
        image, target = first[index]
        again, labels = second[index]
        assert torch.equal(image, again)
        assert torch.equal(target, labels)
    assert torch.equal(first[-1][0], second[49][0])
    assert torch.equal(RoadScenes(9, seed=1)[4][0], RoadScenes(20, seed=1)[4][0])


def test_what_is_given_out_is_not_painted_on_again():
    scenes = RoadScenes(9)
    image, target = scenes[1]
    kept = image.clone(), target.clone()
    image += 1
    target += 1
    again = scenes[1]
    assert torch.equal(again[0], kept[0])
    assert torch.equal(again[1], kept[1])


def test_seeds_splits_and_indices_give_other_scenes():
    pictures = [
        RoadScenes(9, size=32, seed=seed, split=split)[index][0].numpy().tobytes()
        for seed in (0, 1)
        for split in ("train", "val", "test")
        for index in range(3)
    ]
    assert len(set(pictures)) == len(pictures)


def test_more_workers_give_the_same_batches():
    scenes = RoadScenes(12, size=48)
    alone = list(DataLoader(scenes, batch_size=4))
    shared = list(DataLoader(scenes, batch_size=4, num_workers=2))
    for (image, target), (other, labels) in zip(alone, shared, strict=True):
        assert torch.equal(image, other)
        assert torch.equal(target, labels)


def test_noise_changes_the_picture_and_not_the_labels():
    clean, noisy = (RoadScenes(5, noise=noise)[2] for noise in (0.0, 0.1))
    assert torch.equal(clean[1], noisy[1])
    inside = (clean[0] > 0.35) & (clean[0] < 0.65)  # where nothing is cut off at 0 or 1
    assert 0.08 < (noisy[0] - clean[0])[inside].std() < 0.12


def test_every_class_appears_and_void():
    assert ((counts() > 0).sum(0) >= 60).all()


def test_frequencies_are_like_camvid_s():
    """Each class has a share of the pixels, and occurs in a share of the scenes, near that of CamVid."""
    found = counts()[:, :11].sum(0) / counts()[:, :11].sum()
    pixels = np.array([pixels for pixels, _ in CAMVID_TRAIN.values()])
    theirs = pixels / pixels.sum()
    assert (np.abs(np.log2(found / theirs)) < 0.75).all(), found / theirs
    assert np.argsort(found).tolist()[-3:] == np.argsort(theirs).tolist()[-3:]


def test_weights_are_like_camvid_s():
    shares = {name: pixels / where for name, (pixels, where) in CAMVID_TRAIN.items()}
    middle = np.median(list(shares.values()))
    theirs = np.array([middle / share for share in shares.values()])
    ours = median_frequency_weights(RoadScenes(300, seed=7)).numpy()
    assert (np.abs(np.log2(ours / theirs)) < 0.75).all(), ours / theirs


def test_camvid_s_counts_are_of_its_classes_and_fit_its_masks():
    assert tuple(CAMVID_TRAIN) == CamVid.classes
    pixels, where = (np.array(column) for column in zip(*CAMVID_TRAIN.values(), strict=True))
    assert (pixels < where).all()
    assert pixels.sum() == where.max() < 367 * 360 * 480


def test_road_lies_below_and_sky_above():
    scenes = RoadScenes(60, seed=1)
    rows = {label: [] for label in (road.SKY, road.BUILDING, road.ROAD)}
    for i in range(60):
        target = scenes[i][1]
        for label, found in rows.items():
            found.append(torch.nonzero(target == label)[:, 0].float().mean().item())
        assert (target[:20] != road.ROAD).all()
    sky, building, street = (np.nanmean(found) for found in rows.values())
    assert sky < building < street


def test_what_is_farther_is_smaller_and_nearer_to_the_horizon():
    rows, areas = [], []
    for distance in (6.0, 12.0, 24.0):
        picture = road.Picture((96, 128), np.random.default_rng(1))
        road.draw_thing(picture, "pedestrian", road.PEDESTRIAN, 0.0, distance, 1.7, 0.6, np.full(7, 0.3))
        there = picture.target == road.PEDESTRIAN
        rows.append(np.nonzero(there.any(1))[0].max() - float(picture.horizon))
        areas.append(there.sum())
    assert rows[0] > 1.6 * rows[1] > 2.5 * rows[2] > 0
    assert areas[0] > 3 * areas[1] > 9 * areas[2] > 0


def test_eyes_of_the_height_of_the_camera_are_on_the_horizon():
    picture = road.Picture((96, 128), np.random.default_rng(1))
    for distance in (5.0, 11.0, 40.0):
        picture.target[:] = 0
        road.draw_thing(picture, "box", road.VOID, 0.0, distance, float(picture.eye), 2.0, np.full(7, 0.3))
        top = np.nonzero((picture.target == road.VOID).any(1))[0].min()
        assert abs(top - float(picture.horizon)) <= 1


def test_nothing_is_thinner_than_a_pixel_and_what_lies_outside_is_not_drawn():
    picture = road.Picture((96, 128), np.random.default_rng(1))
    road.draw_thing(picture, "pole", road.POLE, 0.0, 300.0, 5.0, 0.1, np.full(7, 0.3))
    assert (picture.target == road.POLE).any(0).sum() == 1
    before = picture.target.copy()
    road.draw_thing(picture, "car", road.CAR, 500.0, 10.0, 1.5, 1.8, np.full(7, 0.3))
    assert (picture.target == before).all()


def test_a_sign_stands_on_a_pole():
    picture = road.Picture((96, 128), np.random.default_rng(1))
    road.draw_thing(picture, "sign", road.SIGN, 0.0, 6.0, 3.0, 0.9, np.full(7, 0.6))
    sign, pole = (np.argwhere(picture.target == label) for label in (road.SIGN, road.POLE))
    assert sign[:, 0].max() <= pole[:, 0].max()
    assert abs(sign[:, 1].mean() - pole[:, 1].mean()) < 3


def test_lane_markings_are_road():
    """Bright pixels on the carriageway far from all else have the label of the road, as in CamVid."""
    scenes = RoadScenes(40, noise=0, seed=2)
    bright = 0
    for i in range(40):
        image, target = scenes[i]
        lower, labels = image[:, 70:].mean(0), target[70:]
        asphalt = lower[labels == road.ROAD].median()
        marked = (lower > asphalt + 0.2) & (labels == road.ROAD)
        bright += bool(marked.sum() > 15)
    assert bright >= 10
    assert not any("lane" in name.lower() for name in RoadScenes.classes)


@pytest.mark.parametrize("name", ["tree", "car", "van", "pedestrian", "bicyclist", "pole", "sign", "box"])
def test_sprites_fill_their_square(name):
    for sprite in road._sprites(name):
        assert sprite.shape == (road.SPRITE, road.SPRITE)
        assert sprite.max() < 5
        rows, columns = np.nonzero((sprite > 0).any(1))[0], np.nonzero((sprite > 0).any(0))[0]
        assert len(rows) > 0.6 * road.SPRITE
        assert len(columns) > 0.3 * road.SPRITE


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"length": 0}, "length=0"),
        ({"seed": -1}, "seed=-1"),
        ({"split": "valid"}, "split='valid' must be one of train, val, test"),
        ({"size": (31, 64)}, "size=(31, 64) must be at least 32 px"),
        ({"noise": -0.1}, "noise=-0.1 must be from 0 to 1"),
        ({"noise": float("nan")}, "noise=nan must be from 0 to 1"),
    ],
)
def test_bad_settings_are_refused(options, message):
    with pytest.raises(ValueError) as error:  # noqa: PT011
        RoadScenes(**options)
    assert message in str(error.value)


def test_scene_beyond_the_last_is_refused():
    with pytest.raises(IndexError, match="there is no scene 5 among 5"):
        RoadScenes(5)[5]
    with pytest.raises(IndexError, match="there is no scene -6 among 5"):
        RoadScenes(5)[-6]


def test_load_opens_by_name():
    scenes = load("road", "val", length=7, size=[48, 64])
    assert repr(scenes) == "RoadScenes(7, size=(48, 64), split='val', seed=0)"
