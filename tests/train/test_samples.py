"""The order of samples and their augmentation depend on seed, epoch and index alone."""

import pickle

import pytest
import torch

from seglib.data.augmentation import augment
from seglib.train.samples import Order, ProcessBatches, Samples, collate, derived_seed
from tests.train.tiny import Blocks


def test_every_epoch_has_each_sample_once_in_an_order_of_its_own():
    order = Order(7, size=3, seed=0)
    keys = [key for step in range(14) for key in order.step(step)]  # 42 places: 6 epochs
    epochs = [[index for epoch, index in keys if epoch == e] for e in range(6)]
    assert all(sorted(epoch) == list(range(7)) for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) == 6


def test_the_order_depends_on_the_seed_and_not_on_where_one_begins():
    order = Order(7, size=3, seed=0)
    forward = [order.step(step) for step in range(14)]
    assert [Order(7, size=3, seed=0).step(step) for step in range(13, -1, -1)] == forward[::-1]
    assert [Order(7, size=3, seed=1).step(step) for step in range(14)] != forward


def test_processes_share_a_step_in_equal_parts():
    order = Order(7, size=6, seed=0)
    parts = [list(ProcessBatches(order, start=2, stop=9, process=process, processes=3)) for process in range(3)]
    assert [a + b + c for a, b, c in zip(*parts, strict=True)] == [order.step(step) for step in range(2, 9)]
    assert {len(batch) for part in parts for batch in part} == {2}
    assert len(ProcessBatches(order, start=2, stop=9, process=0, processes=3)) == 7


def test_augmentation_depends_on_seed_epoch_and_index_alone():
    make = augment(crop=(24, 24), flip=True)
    samples = Samples(Blocks(), seed=0, augment=make)
    alone = [samples.__getitems__([(0, index)])[0] for index in range(7)]
    torch.manual_seed(99)
    together = samples.__getitems__([(0, index) for index in (3, 1, 5)])
    for (image, target), index in zip(together, (3, 1, 5), strict=True):
        assert torch.equal(image, alone[index][0])
        assert torch.equal(target, alone[index][1])
    changed = [
        Samples(Blocks(), seed=1, augment=make).__getitems__([(0, 3)])[0][0],
        samples.__getitems__([(1, 3)])[0][0],
    ]
    assert not any(torch.equal(image, alone[3][0]) for image in changed)


def test_samples_of_one_batch_are_augmented_differently():
    class Same(Blocks):
        def __getitem__(self, index):
            return super().__getitem__(0)

    samples = Samples(Same(size=(64, 64)), seed=0, augment=augment(crop=(24, 24)))
    images = [image for image, _ in samples.__getitems__([(0, index) for index in range(5)])]
    assert len({image.numpy().tobytes() for image in images}) == 5


def test_augmentation_leaves_the_random_numbers_alone():
    samples = Samples(Blocks(), seed=0, augment=augment(crop=(24, 24), flip=True))
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    samples.__getitems__([(0, 0), (0, 1)])
    assert torch.equal(torch.rand(3), expected)


def test_a_data_set_that_gives_many_at_once_is_asked_once():
    class Many(Blocks):
        asked = ()

        def __getitems__(self, indices):
            self.asked = (*self.asked, tuple(indices))
            return [self[index] for index in indices]

    dataset = Many()
    got = Samples(dataset, seed=0).__getitems__([(0, 4), (1, 2)])
    assert dataset.asked == ((4, 2),)
    assert torch.equal(got[1][0], Blocks()[2][0])


def test_samples_can_go_to_workers_that_start_anew():
    samples = pickle.loads(pickle.dumps(Samples(Blocks(), seed=0, augment=augment(crop=(24, 24)))))
    assert samples.__getitems__([(0, 0)])[0][0].shape == (3, 24, 24)


@pytest.mark.parametrize(
    ("image", "target", "message"),
    [
        (torch.zeros(3, 4, 4), torch.full((4, 4), 3), "the label 3; there are 3 classes"),
        (torch.zeros(3, 4, 4), torch.full((4, 4), -1), "the label -1"),
        (torch.zeros(3, 4, 4), torch.zeros(4, 5, dtype=torch.long), r"image of \(4, 4\) has a target of \(4, 5\)"),
        (torch.zeros(3, 4, 4, dtype=torch.uint8), torch.zeros(4, 4, dtype=torch.long), "got torch.uint8"),
        (torch.zeros(3, 4, 4), torch.zeros(4, 4), "int64 H W; got"),
    ],
)
def test_a_wrong_sample_is_named(image, target, message):
    class Wrong(Blocks):
        def __getitem__(self, index):
            return image, target

    with pytest.raises(ValueError, match=message) as error:
        Samples(Wrong(), seed=0).__getitems__([(0, 6)])
    assert str(error.value).startswith("sample 6 of Wrong")


def test_images_of_different_sizes_are_no_batch():
    with pytest.raises(ValueError, match="different sizes, 32 x 32, 32 x 40: give the recipe a crop, or batch_size=1"):
        collate([Blocks()[0], Blocks(size=(32, 40))[1]])


def test_derived_seeds_are_what_they_have_always_been():
    # printf "(0, 'epoch', 0)" | sha256sum; checkpoints of older versions would go on differently if this changed
    assert derived_seed(0, "epoch", 0) == 0xCF12AE584759F999 >> 1
    assert len({derived_seed(0, "epoch", 0), derived_seed(0, "epoch", 1), derived_seed(1, "epoch", 0)}) == 3
