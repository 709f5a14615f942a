"""Augmentation moves picture and mask alike, and invents no label."""

import pickle

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchvision import tv_tensors

from seglib.data.augmentation import augment


def scene(h, w, *, ids=(0, 1, 2, 3), seed=0):
    """A target of random ids, and a picture that says the id and the place of each pixel in its three channels."""
    generator = torch.Generator().manual_seed(seed)
    target = torch.tensor(ids)[torch.randint(len(ids), (h, w), generator=generator)]
    y, x = torch.meshgrid(torch.arange(h), torch.arange(w), indexing="ij")
    return torch.stack([target.clamp(min=0) / 255, (y + 1) / 255, (x + 1) / 255]), target


sizes = st.integers(1, 24)


@given(
    h=sizes,
    w=sizes,
    crop=st.none() | st.tuples(sizes, sizes),
    scale=st.none() | st.tuples(st.floats(0.2, 1), st.floats(1, 3)),
    flip=st.booleans(),
    brightness=st.sampled_from([0.0, 0.4]),
    ignore=st.sampled_from([11, 255, -100]),
    seed=st.integers(0, 2**20),
)
@settings(max_examples=150, deadline=None)
def test_no_label_appears_that_was_not_there(h, w, crop, scale, flip, brightness, ignore, seed):
    image, target = scene(h, w, ids=(0, 3, 7, ignore), seed=seed)
    torch.manual_seed(seed)
    change = augment(crop=crop, flip=flip, scale=scale, brightness=brightness, ignore_index=ignore)
    changed_image, changed = change(image, target)
    assert set(changed.unique().tolist()) <= set(target.unique().tolist()) | {ignore}
    assert changed_image.shape == (3, *changed.shape)
    assert crop is None or changed.shape == crop
    assert changed_image.dtype == torch.float32
    assert changed.dtype == torch.int64
    assert type(changed_image) is type(changed) is torch.Tensor
    assert changed_image.min() >= 0
    assert changed_image.max() <= 1


@given(h=sizes, w=sizes, crop=st.tuples(sizes, sizes), seed=st.integers(0, 2**20))
@settings(max_examples=100, deadline=None)
def test_flip_and_crop_move_picture_and_mask_alike(h, w, crop, seed):
    image, target = scene(h, w, seed=seed)
    torch.manual_seed(seed)
    changed_image, changed = augment(crop=crop, ignore_index=255)(image, target)
    label, y, x = changed_image.mul(255).round().long()
    padded = y == 0  # black, as no pixel of the picture is
    assert torch.equal(changed == 255, padded)
    assert torch.equal(changed[~padded], label[~padded])
    assert torch.equal(changed[~padded], target[y[~padded] - 1, x[~padded] - 1])
    assert (~padded).sum() >= 1


def test_flip_exchanges_left_and_right_exactly_in_half_of_the_cases():
    image, target = scene(5, 7)
    torch.manual_seed(0)
    flipped = 0
    for _ in range(200):
        changed_image, changed = augment()(image, target)
        if torch.equal(changed, target.flip(-1)):
            assert torch.equal(changed_image, image.flip(-1))
            flipped += 1
        else:
            assert torch.equal(changed, target)
            assert torch.equal(changed_image, image)
    assert 70 < flipped < 130


@pytest.mark.parametrize("factor", [0.5, 2.0, 3.0])
def test_resized_mask_lies_where_the_picture_lies(factor):
    # vertical halves: where the picture has more of the right colour, the mask has the right label
    target = torch.zeros(12, 12, dtype=torch.int64)
    target[:, 6:] = 1
    image, changed = augment(scale=(factor, factor), flip=False)(target.float().expand(3, -1, -1), target)
    assert changed.shape == (12 * factor, 12 * factor)
    assert torch.equal(changed, (image[0] > 0.5).long())


@pytest.mark.parametrize("factor", [0.3, 1 / 3, 1.7, 2.0])
def test_resizing_treats_left_and_right_alike(factor):
    image, target = scene(12, 15)
    change = augment(scale=(factor, factor), flip=False)
    image_of_flipped, of_flipped = change(image.flip(-1), target.flip(-1))
    changed_image, changed = change(image, target)
    torch.testing.assert_close(image_of_flipped, changed_image.flip(-1))
    assert (of_flipped != changed.flip(-1)).float().mean() < 0.1  # a place between two pixels is a tie


def test_padding_has_the_colour_that_was_asked_for():
    image, target = augment(crop=(4, 40), flip=False, fill=(0.1, 0.2, 0.3), ignore_index=11)(*scene(4, 4))
    assert (target == 11).sum() == 4 * 36
    torch.testing.assert_close(image[:, target == 11].mean(1), torch.tensor([0.1, 0.2, 0.3]))


def test_brightness_leaves_the_mask_and_stays_in_range():
    image, target = scene(6, 6)
    torch.manual_seed(1)
    bright, same = augment(flip=False, brightness=0.5)(image, target)
    assert torch.equal(same, target)
    ratio = (bright / image)[image > 0]
    torch.testing.assert_close(ratio, ratio[0].expand_as(ratio))
    assert 0.5 <= ratio[0] <= 1.5


def test_seed_repeats_what_happened():
    change = augment(crop=5, scale=(0.5, 2), brightness=0.5)
    torch.manual_seed(3)
    first = change(*scene(9, 9))
    torch.manual_seed(3)
    again = pickle.loads(pickle.dumps(change))(*scene(9, 9))
    assert torch.equal(first[0], again[0])
    assert torch.equal(first[1], again[1])


def test_tensors_of_torchvision_and_small_integers_are_taken():
    image, target = scene(6, 6)
    changed_image, changed = augment(crop=8)(tv_tensors.Image(image), tv_tensors.Mask(target.byte()))
    assert type(changed_image) is type(changed) is torch.Tensor
    assert changed.dtype == torch.int64


def test_what_cannot_be_is_refused():
    with pytest.raises(ValueError, match=r"crop=\(0, 3\) must be \(h, w\)"):
        augment(crop=(0, 3))
    with pytest.raises(ValueError, match=r"scale=\(2, 0.5\) must be the smallest and the largest"):
        augment(scale=(2, 0.5))
    with pytest.raises(ValueError, match="brightness=2 must be from 0"):
        augment(brightness=2)
    with pytest.raises(ValueError, match=r"\(4, 4\) is smaller than crop=\(3, 9\), and padding needs ignore_index="):
        augment(crop=(3, 9), ignore_index=None)(*scene(4, 4))
    assert augment(crop=(3, 3), ignore_index=None)(*scene(4, 4))[1].shape == (3, 3)
    with pytest.raises(ValueError, match="are not one size"):
        augment()(scene(4, 4)[0], scene(4, 5)[1])
    with pytest.raises(ValueError, match="divide bytes by 255"):
        augment()(scene(4, 4)[0].byte(), scene(4, 4)[1])


def test_augmentation_says_what_it_does():
    assert repr(augment(crop=4, scale=(0.5, 2))) == "augment(scale 0.5 to 2, RandomHorizontalFlip, RandomCrop)"
