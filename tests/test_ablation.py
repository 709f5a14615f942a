"""Skip connections switched off: what is replaced, by what, and how it is scored."""

import numpy as np
import pytest
import torch

from seglib import ablation, data, metrics, models


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return models.create("unet", num_classes=5, width=1 / 16, same_padding=True).eval()


@pytest.fixture(scope="module")
def dense():
    torch.manual_seed(0)
    return models.create("fc_densenet56", num_classes=5, width=1 / 6).eval()


@pytest.fixture(scope="module")
def images():
    return torch.randn(5, 3, 32, 48, generator=torch.Generator().manual_seed(1))


def test_joined_maps_are_the_upsampled_ones_and_the_skips(model, images):
    maps = ablation.joined(model, images)
    assert list(maps) == ["d0c", "d1c", "d2c", "d3c"]
    with torch.no_grad():
        d0c = model.d0(images)
        d1c = model.d1(model.pool_d0c_1a(d0c))
    for skip, expected in {"d0c": d0c, "d1c": d1c}.items():
        own = ablation.skip_channels(model, skip)
        assert own == list(range(len(own), 2 * len(own)))
        torch.testing.assert_close(maps[skip][:, own], expected)
    assert not model.concat_d0cc_u0a_b._forward_hooks


def test_release_has_more_upsampled_channels_than_skip_channels():
    net = models.create("unet", num_classes=2, width=1 / 16, release=True)
    assert ablation.skip_channels(net, "d0c") == [8, 9, 10, 11]


def test_fc_densenet_has_five_skips_behind_what_it_upsamples(dense, images):
    maps = ablation.joined(dense, images)
    assert list(maps) == ["skip1", "skip2", "skip3", "skip4", "skip5"]
    with torch.no_grad():
        first = dense.first(images)
        skip1 = torch.cat([first, dense.db1(first)], 1)
        x = dense.td1(skip1)
        skip2 = torch.cat([x, dense.db2(x)], 1)
    for skip, expected in {"skip1": skip1, "skip2": skip2}.items():
        torch.testing.assert_close(maps[skip][:, ablation.skip_channels(dense, skip)], expected)
    for level, (skip, joined) in enumerate(maps.items(), 1):
        below = dense.get_submodule(f"tu{level}.up").out_channels
        assert ablation.skip_channels(dense, skip) == list(range(below, joined.shape[1]))


@pytest.mark.parametrize("skip", ablation.DENSE_JOINS)
def test_a_skip_of_fc_densenet_that_is_off_keeps_its_average_only(dense, images, skip):
    means = ablation.channel_means(dense, images)
    own = ablation.skip_channels(dense, skip)
    before = ablation.joined(dense, images)[skip]
    with ablation.replaced(dense, {skip: means[skip]}):
        now = ablation.joined(dense, images)[skip]
    expected = before.mean((0, 2, 3), keepdim=True).expand_as(before)
    torch.testing.assert_close(now[:, own], expected[:, own])
    torch.testing.assert_close(now[:, : own[0]], before[:, : own[0]])
    off = ablation.predict(dense, images, [skip], means=means)
    with torch.no_grad(), ablation.replaced(dense, {skip: means[skip]}):
        assert torch.equal(dense(images).argmax(1), off)


def test_a_network_without_concatenated_skips_is_refused(images):
    fcn = models.create("fcn8s", num_classes=5, width=1 / 16).eval()
    with pytest.raises(TypeError, match="FCN is neither a UNet nor an FCDenseNet"):
        ablation.joined(fcn, images)


def test_means_are_over_images_and_places(model, images):
    maps, means = ablation.joined(model, images), ablation.channel_means(model, images, batch_size=2)
    for skip in ablation.JOINS:
        torch.testing.assert_close(means[skip], maps[skip].mean((0, 2, 3), keepdim=True))


@pytest.mark.parametrize("skip", ablation.JOINS)
def test_a_skip_that_is_off_says_nothing_of_the_image(model, images, skip):
    """Changed in the skip connection's map only, the network gives the same logits as before."""
    means = ablation.channel_means(model, images)
    stage = model.get_submodule(skip[:2])

    def disturb(_module, _given, out):
        return out + 1

    with torch.no_grad(), ablation.replaced(model, {skip: means[skip]}):
        seen = ablation.joined(model, images)[skip]
    own = ablation.skip_channels(model, skip)
    below = [c for c in range(seen.shape[1]) if c not in own]
    torch.testing.assert_close(seen[:, own], means[skip].expand_as(seen)[:, own])
    torch.testing.assert_close(seen[:, below], ablation.joined(model, images)[skip][:, below])
    handle = stage.register_forward_hook(disturb)
    assert not torch.allclose(ablation.joined(model, images)[skip][:, own], seen[:, own])
    handle.remove()


def test_chosen_channels_alone_are_replaced_and_only_within(model, images):
    before = ablation.joined(model, images)["d1c"]
    sevens = {"d1c": torch.full((1, 1, 1, 1), 7.0)}
    with ablation.replaced(model, sevens, {"d1c": [0, 5]}):
        now = ablation.joined(model, images)["d1c"]
    assert (now[:, [0, 5]] == 7).all()
    rest = [c for c in range(before.shape[1]) if c not in (0, 5)]
    torch.testing.assert_close(now[:, rest], before[:, rest])
    torch.testing.assert_close(ablation.joined(model, images)["d1c"], before)


def test_predictions_do_not_depend_on_the_batch(model, images):
    means = ablation.channel_means(model, images)
    for kind in ablation.KINDS:
        whole = ablation.predict(model, images, ["d0c", "d2c"], kind=kind, means=means)
        parts = ablation.predict(model, images, ["d0c", "d2c"], kind=kind, means=means, batch_size=2)
        assert torch.equal(whole, parts)
    with torch.no_grad():
        assert torch.equal(ablation.predict(model, images), model(images).argmax(1))


def test_other_gives_each_image_the_skips_of_the_one_before(model, images):
    labels = ablation.predict(model, images, ["d3c"], kind="other")
    maps = ablation.joined(model, images[:1])
    with torch.no_grad(), ablation.replaced(model, {"d3c": maps["d3c"]}):
        assert torch.equal(model(images[1:2]).argmax(1)[0], labels[1])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"off": ["d4c"], "kind": "zero"}, "UNet has no skip connection 'd4c'; it has d0c, d1c"),
        ({"off": ["d0c"], "kind": "noise"}, "kind='noise' must be one of mean, zero, other"),
        ({"off": ["d0c"]}, "wants means=channel_means"),
    ],
)
def test_bad_wishes_are_named(model, images, options, message):
    with pytest.raises(ValueError, match=message):
        ablation.predict(model, images, **options)


def test_scores_are_those_of_the_metrics():
    dataset = data.load("scenes", "val", length=4, size=64)
    scenes = ablation.Scenes.of(dataset)
    torch.testing.assert_close(data.denormalise(scenes.images[2]), dataset[2][0])
    prediction = scenes.targets.roll(1, 0)
    found = ablation.score(prediction, scenes)
    boundary = metrics.BoundaryF1(5, tolerance=2)
    boundary.update(prediction, scenes.targets)
    assert np.nanmean(found.boundary_f1) == pytest.approx(boundary.compute().mean_f1)
    for i in range(4):
        overall = metrics.Segmentation(5)
        overall.update(prediction[i], scenes.targets[i])
        assert found.iou[i] == pytest.approx(overall.compute().mean_iou)
    perfect = ablation.score(scenes.targets, scenes)
    small = sum(
        radius < 8 and bool((i == k).any()) for i, radii in scenes.instances for k, radius in enumerate(radii, 1)
    )
    assert len(perfect.small_iou) == small
    assert perfect.means() == (1, 1, 1)
    lost = found.minus(perfect)
    assert lost.means() == pytest.approx([f - 1 for f in found.means()])
    assert lost.errors()[0] == pytest.approx(found.iou.std(ddof=1) / 2)
