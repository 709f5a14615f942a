"""What holds for every network of the book."""

import copy

import pytest
import torch
import torch.nn.functional as F

from seglib import models
from tests.models.small import CLASSES, NAMES, small

IMAGE = (64, 96)


def image(height: int, width: int, *, count: int = 2, channels: int = 3) -> torch.Tensor:
    return torch.rand(count, channels, height, width, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("name", NAMES)
class TestEveryNetwork:
    @pytest.mark.parametrize("size", [IMAGE, (65, 97), (70, 101)], ids=str)
    def test_gives_logits_at_the_size_of_the_image(self, name, size):
        with torch.inference_mode():
            logits = small(name)(image(*size))
        assert logits.shape == (2, CLASSES, *size)
        assert logits.dtype == torch.float32
        assert logits.isfinite().all()
        assert logits.std() > 0

    def test_takes_other_channels_and_classes(self, name):
        logits = small(name, num_classes=2, in_channels=1)(image(*IMAGE, channels=1))
        assert logits.shape == (2, 2, *IMAGE)

    def test_gradients_reach_every_trainable_parameter(self, name):
        model = small(name).train()
        torch.manual_seed(0)
        target = torch.randint(CLASSES, (2, *IMAGE))
        F.cross_entropy(model(image(*IMAGE)), target).backward()
        lost = [n for n, p in model.named_parameters() if p.requires_grad and (p.grad is None or not p.grad.any())]
        # of a bias before batch normalisation this shows the connection only: its gradient is rounding
        assert not lost

    def test_same_image_gives_the_same_logits(self, name):
        model = small(name)
        with torch.inference_mode():
            first, second = model(image(*IMAGE)), model(image(*IMAGE))
        assert torch.equal(first, second)

    def test_same_seed_gives_the_same_network(self, name):
        one, two = small(name).state_dict(), small(name).state_dict()
        assert list(one) == list(two)
        assert all(torch.equal(one[key], two[key]) for key in one)

    def test_images_of_a_batch_do_not_mix_in_eval_mode(self, name):
        model = small(name)
        batch = image(*IMAGE, count=3)
        with torch.inference_mode():
            together, alone = model(batch), model(batch[1:2])
        torch.testing.assert_close(together[1:2], alone, rtol=1e-4, atol=1e-5)

    def test_leaves_the_image_as_it_is(self, name):
        before = image(*IMAGE)
        given = before.clone()
        with torch.inference_mode():
            small(name)(given)
        assert torch.equal(given, before)

    def test_state_dict_round_trip(self, name, tmp_path):
        model = small(name)
        torch.save(model.state_dict(), tmp_path / "weights.pt")
        other = copy.deepcopy(model)
        for parameter in other.parameters():
            torch.nn.init.normal_(parameter)
        other.load_state_dict(torch.load(tmp_path / "weights.pt", weights_only=True))
        with torch.inference_mode():
            assert torch.equal(model(image(*IMAGE)), other(image(*IMAGE)))

    def test_channels_last_gives_the_same(self, name):
        model = small(name)
        last = copy.deepcopy(model).to(memory_format=torch.channels_last)
        with torch.inference_mode():
            expected = model(image(*IMAGE))
            given = last(image(*IMAGE).to(memory_format=torch.channels_last))
        torch.testing.assert_close(given, expected, rtol=1e-3, atol=1e-4)

    def test_float64_gives_the_same(self, name, agreement):
        model = small(name)
        with torch.inference_mode():
            expected = copy.deepcopy(model).double()(image(*IMAGE).double())
            given = model(image(*IMAGE))
        assert expected.dtype == torch.float64
        torch.testing.assert_close(given.double(), expected, rtol=1e-3, atol=1e-4)
        agreement("networks in single against double precision, scores", (given - expected).abs().max())

    @pytest.mark.parametrize(
        ("device", "dtype"),
        [
            ("cpu", torch.bfloat16),
            *[
                pytest.param(
                    "cuda", dtype, marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
                )
                for dtype in (torch.float16, torch.bfloat16)
            ],
        ],
        ids=str,
    )
    def test_autocast_trains(self, name, device, dtype):
        model = small(name).train().to(device)
        with torch.autocast(device, dtype):
            logits = model(image(*IMAGE).to(device))
        assert logits.shape == (2, CLASSES, *IMAGE)
        F.cross_entropy(logits.float(), torch.zeros(2, *IMAGE, dtype=torch.long, device=device)).backward()
        assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters() if p.requires_grad)

    def test_compiles_without_a_graph_break(self, name):
        # the "eager" backend traces as every backend does, and needs no C++ compiler
        model = small(name)
        torch._dynamo.reset()
        with torch.inference_mode():
            given = torch.compile(model, backend="eager", fullgraph=True)(image(*IMAGE))
            torch.testing.assert_close(given, model(image(*IMAGE)))

    def test_width_1_is_the_default(self, name):
        with torch.device("meta"):
            default = models.create(name, num_classes=3)
            paper = models.MODELS[name](num_classes=3)
        assert {k: v.shape for k, v in default.state_dict().items()} == {
            k: v.shape for k, v in paper.state_dict().items()
        }

    def test_says_where_it_comes_from(self, name):
        module = __import__(models.MODELS[name].__module__, fromlist=["_"])
        assert "Deviations" in module.__doc__
        assert models.PAPERS[name].link in module.__doc__
        assert models.MODELS[name].__doc__


@pytest.mark.parametrize("name", NAMES)
class TestBadInput:
    @pytest.mark.parametrize(
        ("shape", "message"),
        [
            ((3, 64, 96), r"wants a batch of images, N 3 H W; got a tensor of shape \(3, 64, 96\)"),
            ((1, 4, 64, 96), r"in_channels=3; got 4 channels"),
        ],
        ids=["no batch", "channels"],
    )
    def test_shape_is_named(self, name, shape, message):
        with pytest.raises(ValueError, match=message):
            small(name)(torch.zeros(shape))

    def test_bytes_are_refused_with_the_fix(self, name):
        with pytest.raises(TypeError, match=r"torch\.uint8: convert with image\.float\(\) / 255"):
            small(name)(torch.zeros(1, 3, *IMAGE, dtype=torch.uint8))

    def test_weights_of_another_width_are_named(self, name):
        wide = small(name, width=0.25).state_dict()
        with pytest.raises(
            ValueError, match=r"weights are of another network: \S+ has shape .* Create the network with"
        ):
            small(name).load_state_dict(wide)

    @pytest.mark.parametrize("width", [0, -1.0, "a", float("inf")])
    def test_width_must_be_positive(self, name, width):
        with pytest.raises(ValueError, match=f"width={width!r} must be above 0"):
            models.create(name, num_classes=3, width=width)

    @pytest.mark.parametrize("classes", [0, -3, 2.5, True])
    def test_classes_must_be_a_whole_number(self, name, classes):
        with pytest.raises(ValueError, match=f"num_classes={classes!r} must be a whole number of 1 or more"):
            models.create(name, num_classes=classes, width=0.1)

    def test_unknown_option_names_the_known_ones(self, name):
        with pytest.raises(TypeError, match=rf"^{name}: .*'colour'.*its options are"):
            models.create(name, num_classes=3, width=0.1, colour="red")


def test_unknown_name_lists_the_right_ones():
    with pytest.raises(
        ValueError, match=r"there is no network 'fcn_8s'; did you mean 'fcn8s'\? There are fcn32s, fcn16s"
    ):
        models.create("fcn_8s", num_classes=3)


def test_unknown_weights_are_named():
    with pytest.raises(ValueError, match=r"weights='vgg19' must be None \(random\) or \"vgg16\""):
        models.create("fcn8s", num_classes=3, weights="vgg19")
