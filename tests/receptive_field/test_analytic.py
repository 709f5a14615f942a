"""Closed forms, operations that see everything, errors, and the model left as it was."""

import math
from fractions import Fraction

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from seglib.receptive_field import UnsupportedOperationError, receptive_field
from tests.receptive_field.test_against_gradients import Function

KERNELS = st.tuples(st.integers(1, 5), st.integers(1, 3), st.integers(0, 2), st.integers(1, 2))


@given(st.lists(KERNELS, min_size=1, max_size=5))
@settings(max_examples=60, deadline=None, derandomize=True)
def test_chain_has_the_closed_form_of_araujo_norris_and_sim(layers):
    model = nn.Sequential(*(nn.Conv2d(1, 1, k, s, p, d) for k, s, p, d in layers))
    size, jump, padding = 1, 1, 0
    for k, s, p, d in layers:
        size += d * (k - 1) * jump
        padding += p * jump
        jump *= s
    field = receptive_field(model, (1, 800, 700))
    assert field.sizes == ((size, size),)
    assert (field.stride, field.padding) == ((jump, jump), (padding, padding))
    assert field.centre == ((size - 1) / 2 - padding,) * 2
    y, x = field.output_size[0] - 1, field.output_size[1] // 2
    top, left = y * jump - padding, x * jump - padding
    assert field.box(y, x) == (top, left, top + size, left + size)


def test_axes_are_told_apart():
    field = receptive_field(nn.Conv2d(3, 1, (3, 5), stride=(2, 1), padding=(0, 2)), (3, 21, 30))
    assert (field.size, field.stride, field.padding) == ((3, 5), (2, 1), (0, 2))
    assert field.output_size == (10, 30)
    assert field.box(1, 0) == (2, -2, 5, 3)
    assert field.clipped_box(1, 0) == (2, 0, 5, 3)


def test_upsampling_past_the_image_has_a_fraction_for_a_stride():
    field = receptive_field(nn.Sequential(nn.Upsample(scale_factor=2), nn.Conv2d(3, 1, 3, padding=1)), (3, 9, 9))
    assert field.stride == (Fraction(1, 2), Fraction(1, 2))
    assert field.sizes == ((2, 2),)


def test_sizes_are_those_of_the_phases_even_if_the_map_is_smaller_than_a_period():
    down = [nn.MaxPool2d(2)] * 4
    model = nn.Sequential(*down, nn.Conv2d(3, 3, 1), nn.ConvTranspose2d(3, 3, 24, stride=16, padding=4))
    small, large = (receptive_field(model, (3, n, n)) for n in (16, 320))
    assert small.sizes == large.sizes == ((16, 16), (16, 32), (32, 16), (32, 32))
    assert small.heights == (16, 32)


def test_zeros_between_pixels_are_seen_to_have_no_field():
    field = receptive_field(nn.ConvTranspose2d(1, 1, 1, stride=2, bias=False), (1, 8, 8))
    assert field.sizes == ((0, 0), (1, 1))
    assert field.box(2, 4) == (1, 2, 2, 3)
    top, left, bottom, right = field.box(2, 3)
    assert (bottom - top, right - left) == (0, 0)


def test_channels_of_a_concatenation_are_told_apart_by_a_slice():
    near, far = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(3, 4, 9, padding=4)
    both = receptive_field(Function(lambda x: torch.cat([near(x), far(x)], dim=1)), (3, 20, 20))
    first = receptive_field(Function(lambda x: torch.cat([near(x), far(x)], dim=1)[:, :4]), (3, 20, 20))
    last = receptive_field(Function(lambda x: torch.cat([near(x), far(x)], dim=1).relu()[:, 3:]), (3, 20, 20))
    assert (both.size, first.size, last.size) == ((9, 9), (3, 3), (9, 9))


def test_batch_normalisation_sees_the_batch_in_training_only():
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Conv2d(4, 4, 3))
    assert receptive_field(model.eval(), (3, 20, 20)).size == (5, 5)
    field = receptive_field(model.train(), (3, 20, 20))
    assert field.size == (math.inf, math.inf)
    assert field.whole_image == ("1 (BatchNorm2d): batch_norm by batch statistics",)
    assert field.box(3, 4) == (-math.inf, -math.inf, math.inf, math.inf)
    assert field.clipped_box(3, 4) == (0, 0, 20, 20)
    assert (field.output_size, field.stride) == ((16, 16), (1, 1))


def test_map_made_from_features_of_the_whole_image_has_units():
    model = nn.Sequential(nn.Flatten(), nn.Linear(3 * 8 * 8, 2 * 5 * 4), nn.Unflatten(1, (2, 5, 4)), nn.Conv2d(2, 2, 3))
    field = receptive_field(model, (3, 8, 8))
    assert (field.output_size, field.size) == ((3, 2), (math.inf, math.inf))
    assert field.clipped_box(2, 1) == (0, 0, 8, 8)


class Attention(nn.Module):
    """Self-attention over all positions."""

    def __init__(self, fused: bool):
        super().__init__()
        self.attend = nn.MultiheadAttention(4, 2, batch_first=True)
        self.fused = fused

    def forward(self, x):
        tokens = x.flatten(2).transpose(1, 2)
        tokens, _ = self.attend(tokens, tokens, tokens, need_weights=not self.fused)
        return tokens.transpose(1, 2).reshape(x.shape)


def non_local(x):
    """Wang et al. 2018, by matrix products and a softmax over positions."""
    flat = x.flatten(2)
    weights = torch.softmax(flat.transpose(1, 2) @ flat, dim=-1)
    return (flat @ weights.transpose(1, 2)).view(x.shape)


class SqueezeAndExcite(nn.Module):
    """A gate from a global average."""

    def __init__(self):
        super().__init__()
        self.gate = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(4, 4, 1), nn.Sigmoid())

    def forward(self, x):
        return x * self.gate(x)


@pytest.mark.parametrize(
    ("model", "cause"),
    [
        (nn.AdaptiveAvgPool2d(1), "model (AdaptiveAvgPool2d): adaptive_avg_pool2d"),
        (nn.AdaptiveMaxPool2d((1, 1)), "model (AdaptiveMaxPool2d): adaptive_max_pool2d"),
        (nn.Sequential(nn.Flatten(), nn.Linear(4 * 16 * 16, 5)), "1 (Linear): linear"),
        (nn.Sequential(nn.Flatten(2), nn.Softmax(dim=2), nn.Unflatten(2, (16, 16))), "1 (Softmax): softmax"),
        (nn.GroupNorm(2, 4), "model (GroupNorm): group_norm"),
        (nn.InstanceNorm2d(4), "model (InstanceNorm2d): instance_norm"),
        (nn.LayerNorm((4, 16, 16)), "model (LayerNorm): layer_norm"),
        (nn.Sequential(nn.Identity(), SqueezeAndExcite()), "1.gate.0 (AdaptiveAvgPool2d): adaptive_avg_pool2d"),
        (Function(lambda x: x / x.amax(dim=(2, 3), keepdim=True)), "model (Function): amax"),
        (Function(lambda x: x - x.mean()), "model (Function): mean"),
        (Function(non_local), "model (Function): matmul"),
        (Attention(fused=True).eval(), "attend (MultiheadAttention): _native_multi_head_attention"),
    ],
)
def test_operation_that_sees_the_whole_image_is_named(model, cause):
    field = receptive_field(model, (4, 16, 16))
    assert field.size == (math.inf, math.inf)
    assert cause in field.whole_image
    assert "inf" in str(field)


@pytest.mark.parametrize("fused", [False, True])
@pytest.mark.parametrize("training", [False, True])
def test_attention_sees_the_whole_image(fused, training):
    field = receptive_field(Attention(fused).train(training), (4, 6, 7))
    assert field.size == (math.inf, math.inf)
    assert all("MultiheadAttention" in cause for cause in field.whole_image)


def test_pooling_of_rows_leaves_the_columns():
    field = receptive_field(nn.AdaptiveAvgPool2d((1, None)), (3, 10, 12))
    assert field.size == (math.inf, 1)
    assert field.output_size == (1, 12)
    assert field.box(0, 5) == (-math.inf, 5, math.inf, 6)


def test_running_statistics_see_nothing():
    model = nn.Sequential(nn.InstanceNorm2d(3, track_running_stats=True), nn.Dropout(), nn.Conv2d(3, 3, 3))
    assert receptive_field(model.eval(), (3, 9, 9)).size == (3, 3)


def unpool_wrongly(x):
    pooled, indices = F.max_pool2d(x, 2, return_indices=True)
    return F.max_unpool2d(pooled, indices, 2, output_size=(x.shape[2] + 1, x.shape[3] + 1))


def write_into_a_slice(x):
    canvas = x.new_zeros(x.shape[0], x.shape[1], 2 * x.shape[2], 2 * x.shape[3])
    canvas[:, :, ::2, ::2] = x
    return canvas


def grow_from_holes(x):
    zeros_between = F.conv_transpose2d(x, torch.ones(3, 1, 1, 1), stride=2, output_padding=1, groups=3)
    return zeros_between + F.interpolate(x, scale_factor=2)


@pytest.mark.parametrize(
    ("function", "operation"),
    [
        (lambda x: torch.fft.rfft2(x).abs(), "_fft_r2c"),
        (lambda x: torch.roll(x, 2, dims=3), "roll"),
        (lambda x: x.flip(2), "flip"),
        (lambda x: torch.cumsum(x, dim=2), "cumsum"),
        (lambda x: F.grid_sample(x, torch.zeros(x.shape[0], 4, 4, 2), align_corners=False), "grid_sampler"),
        (lambda x: x[:, :, torch.tensor([3, 1])], "index"),
        (lambda x: torch.cat([x, x], dim=2), "cat"),
        (lambda x: x + x.transpose(2, 3), "add"),
        (lambda x: x.repeat(1, 1, 2, 1), "repeat"),
        (lambda x: x.reshape(x.shape[0], 3, 8, 18), "reshape"),
        (lambda x: F.conv2d(x, x.mean(dim=0, keepdim=True)), "conv2d"),
        (unpool_wrongly, "max_unpool2d"),
        (write_into_a_slice, "copy"),
        (grow_from_holes, "joins a branch with holes"),
    ],
)
def test_unknown_operation_is_refused_by_name(function, operation):
    with pytest.raises(UnsupportedOperationError, match=operation):
        receptive_field(Function(function), (3, 12, 12))


def test_refusal_names_the_module():
    model = nn.Sequential(nn.Conv2d(3, 3, 3), Function(lambda x: torch.roll(x, 1, dims=2)))
    with pytest.raises(UnsupportedOperationError, match=r"1 \(Function\).*layer="):
        receptive_field(model, (3, 12, 12))


def test_branching_on_pixels_is_refused():
    with pytest.raises(UnsupportedOperationError, match="decides by the values of pixels"):
        receptive_field(Function(lambda x: x if x.sum() > 0 else F.avg_pool2d(x, 2)), (3, 12, 12))


def test_unknown_layer_is_answered_with_those_alike():
    model = nn.Sequential()
    model.add_module("conv1_1", nn.Conv2d(3, 3, 3))
    model.add_module("conv1_2", nn.Conv2d(3, 3, 3))
    with pytest.raises(ValueError, match=r"'conv11'.*'conv1_1', 'conv1_2'"):
        receptive_field(model, (3, 12, 12), layer="conv11")


def test_layer_that_is_not_called_is_reported():
    model = nn.Sequential(nn.Conv2d(3, 3, 3))
    model[0].spare = nn.Conv2d(3, 3, 3)
    with pytest.raises(ValueError, match="not called"):
        receptive_field(model, (3, 12, 12), layer="0.spare")


def test_image_too_small_is_reported_with_the_fix(caplog):
    with pytest.raises(ValueError, match=r"\(3, 4, 4\).*larger input_size"):
        receptive_field(nn.Sequential(nn.MaxPool2d(2), nn.Conv2d(3, 3, 3)), (3, 4, 4))
    assert not caplog.records


@pytest.mark.parametrize("size", [(3, 12), (3, 0, 12), (3, 12.5, 12), (1, 3, 12, 12), 224, "RGB"])
def test_input_size_that_is_none_is_reported(size):
    with pytest.raises(ValueError, match="three positive integers"):
        receptive_field(nn.Identity(), size)


@pytest.mark.parametrize(
    ("function", "message"),
    [(lambda x: (x, x), "returns 2 tensors"), (lambda x: torch.ones(1, 2), "does not depend on the image")],
)
def test_output_without_a_field_is_reported(function, message):
    with pytest.raises(ValueError, match=message):
        receptive_field(Function(function), (3, 12, 12))


def test_unit_outside_the_map_is_reported():
    field = receptive_field(nn.Conv2d(3, 3, 3), (3, 12, 12))
    with pytest.raises(IndexError, match="10 x 10 units"):
        field.box(10, 0)


def test_dictionary_with_one_tensor_is_an_output():
    assert receptive_field(Function(lambda x: {"out": F.avg_pool2d(x, 3)}), (3, 12, 12)).size == (3, 3)


def test_module_called_twice_is_seen_after_its_last_call():
    conv = nn.Conv2d(3, 3, 3)
    assert receptive_field(nn.Sequential(conv, conv), (3, 12, 12), layer="1").size == (5, 5)


def test_model_is_left_as_it_was():
    model = nn.Sequential(
        nn.utils.parametrizations.weight_norm(nn.Conv2d(3, 4, 3)), nn.BatchNorm2d(4), nn.Dropout(), nn.Conv2d(4, 4, 3)
    )
    model[3].eval()
    model[0].bias.grad = torch.ones(4)
    state = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    objects = {name: id(tensor) for name, tensor in [*model.named_parameters(), *model.named_buffers()]}
    flags = [module.training for module in model.modules()]
    hooks = [len(module._forward_hooks) + len(module._forward_pre_hooks) for module in model.modules()]
    random_state = torch.get_rng_state()
    receptive_field(model, (3, 12, 12))
    assert torch.equal(torch.get_rng_state(), random_state)
    assert [module.training for module in model.modules()] == flags
    assert [len(module._forward_hooks) + len(module._forward_pre_hooks) for module in model.modules()] == hooks
    assert {name: id(tensor) for name, tensor in [*model.named_parameters(), *model.named_buffers()]} == objects
    assert all(torch.equal(tensor, state[name]) for name, tensor in model.state_dict().items())
    assert torch.equal(model[0].bias.grad, torch.ones(4))
    assert model(torch.rand(2, 3, 12, 12)).shape == (2, 4, 8, 8)


def test_failed_trace_leaves_no_hooks():
    with pytest.raises(UnsupportedOperationError):
        receptive_field(Function(lambda x: x.flip(2)), (3, 12, 12))
    assert not nn.modules.module._global_forward_hooks
    assert not nn.modules.module._global_forward_pre_hooks


def test_image_as_large_as_one_likes_takes_no_memory():
    assert receptive_field(nn.Conv2d(3, 64, 3, padding=1), (3, 30_000, 30_000)).size == (3, 3)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_model_of_another_precision(dtype):
    assert receptive_field(nn.Conv2d(3, 4, 3).to(dtype), (3, 12, 12)).size == (3, 3)


def test_field_is_a_plain_record():
    one, other = (receptive_field(nn.Conv2d(3, 4, 3), (3, 12, 12)) for _ in range(2))
    assert one == other
    assert hash(one) == hash(other)
    assert str(one) == "output: sees 3 x 3 pixels, stride 1 x 1"
    with pytest.raises(AttributeError):
        one.size = (5, 5)
