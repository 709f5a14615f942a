"""The loss by hand: class weights, ignored pixels, sums."""

import pytest
import torch
import torch.nn.functional as F

from seglib import models
from seglib.train.loss import first_label, pixel_loss, targets_for
from seglib.train.session import class_weights
from tests.train.tiny import RECIPE, Blocks


def batch(seed: int = 0):
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(2, 3, 6, 5, generator=generator).requires_grad_()
    target = torch.randint(0, 3, (2, 6, 5), generator=generator)
    target[0, :2] = 255
    return logits, target


def test_the_sum_is_the_mean_times_the_labelled_pixels():
    logits, target = batch()
    total, labelled = pixel_loss(logits, target, weights=None, ignore_index=255)
    assert labelled.item() == 2 * 6 * 5 - 2 * 5
    torch.testing.assert_close(total, F.cross_entropy(logits, target, ignore_index=255) * labelled)


def test_class_weights_by_hand():
    logits, target = batch()
    weights = torch.tensor([0.5, 1.0, 4.0])
    total, mass = pixel_loss(logits, target, weights=weights, ignore_index=255)
    by_hand = by_mass = 0.0
    for n, y, x in (target != 255).nonzero().tolist():
        c = target[n, y, x].item()
        scores = logits[n, :, y, x].double()
        by_hand += weights[c] * (scores.exp().sum().log() - scores[c])
        by_mass += weights[c]
    assert total.item() == pytest.approx(by_hand.item())
    assert mass.item() == pytest.approx(by_mass.item())


def test_ignored_pixels_have_no_gradient_and_others_do():
    logits, target = batch()
    total, _ = pixel_loss(logits, target, weights=None, ignore_index=255)
    (gradient,) = torch.autograd.grad(total, logits)
    assert not gradient[0, :, :2].any()
    assert (gradient[0, :, 2:].abs().sum(0) > 0).all()


def test_a_batch_without_labels_is_0_over_0_pixels():
    logits, target = batch()
    total, labelled = pixel_loss(logits, torch.full_like(target, 255), weights=None, ignore_index=255)
    assert (total.item(), labelled.item()) == (0.0, 0.0)


def test_half_precision_scores_are_summed_in_full():
    logits = torch.zeros(1, 2, 300, 300, dtype=torch.bfloat16)
    total, _ = pixel_loss(logits, torch.zeros(1, 300, 300, dtype=torch.long), weights=None, ignore_index=255)
    assert total.item() == pytest.approx(90_000 * torch.tensor(2.0).log().item(), rel=1e-5)


def test_median_frequency_weights_of_a_recipe_by_hand():
    class Pair:
        classes, ignore_index = ("a", "b", "c", "absent"), 255
        targets = (torch.tensor([[0, 0, 0, 1], [0, 0, 255, 255]]), torch.tensor([[0, 0, 2, 2], [0, 2, 2, 2]]))

        def __len__(self):
            return 2

        def __getitem__(self, index):
            return torch.zeros(3, 2, 4), self.targets[index]

    # a: 8 of the 14 labelled pixels of both images; b: 1 of the first's 6; c: 5 of the second's 8. Median: a's 8/14.
    recipe = RECIPE.replace(class_weights="median_frequency")
    weights = class_weights(recipe, Pair(), torch.device("cpu"))
    median = 8 / 14
    torch.testing.assert_close(weights, torch.tensor([1.0, median / (1 / 6), median / (5 / 8), 0.0]))


def test_as_many_weights_as_classes():
    with pytest.raises(ValueError, match="2 class_weights, and the data has 3 classes"):
        class_weights(RECIPE.replace(class_weights=(1, 2)), Blocks(), torch.device("cpu"))


NUMBERED = torch.arange(220 * 236).view(1, 220, 236)  # each pixel is its own label


def test_targets_of_the_same_size_are_all():
    assert targets_for(torch.zeros(1, 2, 220, 236), NUMBERED) is NUMBERED


def test_targets_of_the_valid_unet_are_the_pixels_from_92_on():
    with torch.device("meta"):
        logits = models.create("unet", num_classes=2, width=1 / 16)(torch.zeros(1, 3, 220, 236))
    targets = targets_for(logits, NUMBERED)
    assert targets.shape == (1, 220 - 184, 236 - 184)
    assert torch.equal(targets, NUMBERED[:, 92:-92, 92:-92])


@pytest.mark.parametrize(
    ("name", "sizes", "first"),
    [
        ("deeplab_v1_largefov", (321, 41), 0),
        ("deeplab_v1", (306, 39), 1),
        ("dilated_front_end", (220, 28), 0),
        ("dilated_net", (200, 25), 0),
    ],
)
def test_targets_at_stride_8_are_those_that_the_papers_train_with(name, sizes, first):
    size, scores = sizes
    with torch.device("meta"):
        model = models.create(name, num_classes=2, width=1 / 64, upsample=False)
        logits = model(torch.zeros(1, 3, size, size))
    assert logits.shape[2:] == (scores, scores)
    numbered = torch.arange(size**2).view(1, size, size)
    targets = targets_for(logits, numbered, first=first_label(model))
    assert torch.equal(targets, numbered[:, first::8, first::8])


def test_scores_of_a_strange_size_are_refused():
    with pytest.raises(ValueError, match="scores of 100 x 50 belong to no known pixels of a target of 220 x 236"):
        targets_for(torch.zeros(1, 2, 100, 50), NUMBERED)
