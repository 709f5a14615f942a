"""What networks cost: counted memory against sums by hand, time in turns, and a table of both."""

import copy
import time

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from seglib import models
from seglib.models import cost
from seglib.models.cost import LiveBytes, live_bytes, measure
from seglib.models.segnet import SegNet


def chain() -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(inplace=True), nn.Conv2d(4, 8, 3, padding=1))


class TestLiveBytes:
    def test_of_a_chain_is_the_largest_pair_of_neighbours(self):
        # 4 channels and then 8 of 10 x 12, in float32; the ReLU works in place.
        assert live_bytes(chain(), (10, 12)) == (4 + 8) * 10 * 12 * 4

    def test_grows_with_the_batch(self):
        assert live_bytes(chain(), (10, 12), batch=5) == 5 * live_bytes(chain(), (10, 12))

    def test_map_that_a_skip_connection_keeps_counts_until_it_is_used(self):
        class Skip(nn.Module):
            in_channels = 2

            def forward(self, x):
                kept = x + 1
                for _ in range(3):
                    x = x * 2
                return x + kept

        # The kept map, the one that goes in and the one that comes out, of 2 channels each.
        assert live_bytes(Skip(), (4, 4)) == 3 * 2 * 16 * 4

    def test_views_count_once(self):
        class View(nn.Module):
            def forward(self, x):
                return (x + 1).flatten(2).transpose(1, 2)

        assert live_bytes(View(), (5, 6)) == 3 * 30 * 4

    def test_same_tensors_with_and_without_numbers(self):
        torch.manual_seed(0)
        for name in ("segnet", "deconvnet", "unet"):
            options = {"deconvnet": {"fc6_kernel": 2, "fc_channels": 64}, "unet": {"same_padding": True}}.get(name, {})
            model = models.create(name, num_classes=4, width=0.1, **options).eval()
            images = torch.rand(1, 3, 64, 80)
            with torch.inference_mode(), LiveBytes() as live:
                model(images)
            assert live.peak == live_bytes(model, (64, 80)), name

    def test_training_keeps_maps_and_makes_gradients(self):
        model = nn.Sequential(*(nn.Conv2d(3, 3, 1, bias=False) for _ in range(6)))
        once, twice = (live_bytes(model, (16, n), training=True) for n in (16, 32))
        pixels = 16 * 16 * 3 * 4  # of one map
        assert twice - once >= 6 * pixels  # all six maps wait for the way back
        assert live_bytes(model, (16, 16)) == 2 * pixels < once

    def test_training_counts_the_same_tensors_with_and_without_numbers(self):
        torch.manual_seed(0)
        model = models.create("segnet", num_classes=4, width=0.1).train()
        images = torch.rand(1, 3, 64, 80)
        with LiveBytes() as live:
            torch.autograd.grad(model(images).square().mean(), list(model.parameters()))
        counted = live_bytes(model, (64, 80), training=True)
        assert counted == pytest.approx(live.peak, rel=0.02)

    def test_leaves_the_model_as_it_was(self):
        model = chain().train()
        before = copy.deepcopy(model.state_dict())
        live_bytes(model, (8, 8))
        live_bytes(model, (8, 8), training=True)
        assert model.training
        assert all(torch.equal(before[key], tensor) for key, tensor in model.state_dict().items())

    def test_needs_no_weights(self):
        with torch.device("meta"):
            large = models.create("deconvnet", num_classes=11)
        assert live_bytes(large, (224, 224)) > 0

    @given(st.integers(1, 4), st.integers(1, 6), st.integers(2, 20), st.integers(2, 20))
    @settings(max_examples=25, deadline=None)
    def test_of_any_bottleneck_is_the_two_largest_neighbours(self, batch, channels, h, w):
        model = nn.Sequential(
            nn.Conv2d(3, channels, 1), nn.Conv2d(channels, 2 * channels, 1), nn.Conv2d(2 * channels, 1, 1)
        )
        found = live_bytes(model, (h, w), batch=batch)
        pixel = batch * h * w * 4
        assert found == 3 * channels * pixel  # the middle map, and the one that it is made of

    def test_switches_take_less_than_maps(self):
        """SegNet's claim: what waits for the decoder is smaller when it is places and not maps."""

        class Encoder(SegNet):
            keep_maps = False

            def forward(self, x):
                kept = []
                for i in range(1, 6):
                    maps = getattr(self, f"encoder{i}")(x)
                    x, switches = getattr(self, f"pool{i}")(maps)
                    kept.append(maps if self.keep_maps else switches)
                # What waits at the bottleneck, and sixteen times as much as all of it could be.
                return torch.cat([each.flatten().float() for each in kept]).repeat(16)

        with torch.device("meta"):
            switches, maps = Encoder(num_classes=11), Encoder(num_classes=11)
        maps.keep_maps = True
        found = [live_bytes(network, (96, 128)) for network in (switches, maps)]
        assert 3.5 < found[1] / found[0] < 4.5


class TestMeasure:
    def test_has_what_describe_says_and_more(self):
        networks = {
            "SegNet": models.create("segnet", num_classes=4, width=0.05),
            "SegNet-Basic": models.create("segnet_basic", num_classes=4, width=0.1),
        }
        found = measure(networks, input_size=(64, 96), repeats=3, device="cpu")
        assert list(found) == ["SegNet", "SegNet-Basic"]
        assert len(found) == 2
        for name, model in networks.items():
            about = models.describe(model, input_size=(64, 96))
            each = found[name]
            assert (each.parameters, each.macs) == (about.trainable, about.macs)
            assert each.live_bytes == live_bytes(model, (64, 96))
            assert each.weight_bytes == sum(t.nbytes for t in (*model.parameters(), *model.buffers()))
            assert each.memory == each.weight_bytes + each.live_bytes
            assert each.allocated_bytes is None
            assert len(each.seconds) == 3
            assert min(each.seconds) <= each.median <= max(each.seconds)
            assert all(module.training for module in model.modules())

    @pytest.mark.parametrize(
        "name", ["fcn8s", "deconvnet", "unet", "fc_densenet56", "deeplab_v1_largefov", "dilated_net"]
    )
    def test_counts_multiply_accumulates_as_describe_does(self, name):
        with torch.device("meta"):
            model = models.create(name, num_classes=11)
        size = models.PAPERS[name].input_size
        macs = cost._counted(model, (2, 3, *size))[1]
        assert macs == models.describe(model, input_size=size).macs

    def test_takes_turns_both_ways_round_after_one_pass_that_is_not_timed(self):
        said = []

        class Say(nn.Module):
            def __init__(self, word):
                super().__init__()
                self.word, self.layer = word, nn.Conv2d(3, 1, 1)

            def forward(self, x):
                if not x.is_meta and type(x) is torch.Tensor:
                    said.append(self.word)
                return self.layer(x)

        measure({"a": Say("a"), "b": Say("b")}, input_size=(4, 4), repeats=4, device="cpu")
        assert "".join(said[-10:]) == "ab" + "ba" + "ab" + "ba" + "ab"

    def test_slower_network_takes_longer(self):
        class Wait(nn.Module):
            def __init__(self, seconds):
                super().__init__()
                self.seconds, self.layer = seconds, nn.Conv2d(3, 1, 1)

            def forward(self, x):
                if not x.is_meta:
                    time.sleep(self.seconds)
                return self.layer(x)

        found = measure({"slow": Wait(0.05), "fast": Wait(0.0)}, input_size=(4, 4), repeats=3, device="cpu")
        assert found["slow"].median >= 0.05
        assert found["fast"].median < found["slow"].median

    def test_networks_without_weights_get_some(self):
        with torch.device("meta"):
            model = models.create("segnet", num_classes=4, width=0.05)
        measure({"SegNet": model}, input_size=(32, 32), repeats=1, device="cpu")
        assert all(tensor.device.type == "cpu" for tensor in model.state_dict().values())
        with torch.inference_mode():
            assert model.eval()(torch.rand(1, 3, 32, 32)).isfinite().all()

    def test_random_numbers_are_left_alone(self):
        torch.manual_seed(3)
        networks = {"chain": chain()}
        before = torch.get_rng_state()
        measure(networks, input_size=(4, 4), repeats=1, device="cpu")
        assert torch.equal(before, torch.get_rng_state())

    def test_mode_is_put_back_when_a_network_fails(self):
        class Fail(nn.Module):
            def __init__(self):
                super().__init__()
                self.layer = nn.Conv2d(3, 1, 1)

            def forward(self, x):
                if not x.is_meta and x.untyped_storage().data_ptr():
                    raise RuntimeError("no")
                return self.layer(x)

        model = Fail().train()
        with pytest.raises(RuntimeError, match="no"):
            measure({"it": model}, input_size=(4, 4), device="cpu")
        assert model.training

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"networks": {}}, "no network is given"),
            ({"batch": 0}, "batch=0 must be a whole number of 1 or more"),
            ({"repeats": 0}, "repeats=0 must be a whole number of 1 or more"),
            ({"in_channels": 1}, "in_channels=3; got 1 channels"),
        ],
    )
    def test_bad_settings_are_refused(self, options, message):
        networks = {"SegNet": models.create("segnet", num_classes=4, width=0.05)}
        with pytest.raises(ValueError, match=message):
            measure(**({"networks": networks, "input_size": (32, 32), "device": "cpu"} | options))

    def test_table_says_what_was_counted_and_what_was_measured(self):
        values = {
            "parameters": 29_449_355,
            "macs": 106_712_432_640,
            "weight_bytes": 117_900_000,
            "live_bytes": 165_000_000,
        }
        costs = {
            "SegNet": cost.Cost(**values, allocated_bytes=None, seconds=(0.52, 0.5, 0.61)),
            "small": cost.Cost(**(values | {"parameters": 1_000_000}), allocated_bytes=None, seconds=(0.0042,) * 3),
        }
        on_cpu = str(cost.Costs(costs, "an abacus", (1, 3, 360, 480)))
        assert on_cpu.splitlines()[0] == "an abacus; 1 image of 3 x 360 x 480, 3 passes each, in turns"
        segnet = on_cpu.splitlines()[2].split("  ")
        assert [cell.strip() for cell in segnet if cell] == [
            *("SegNet", "29.45 M", "106.71 G", "117.9 MB", "165.0 MB", "520 ms (500, 610)"),
        ]
        assert "4.2 ms (4.2, 4.2)" in on_cpu
        assert "allocated" not in on_cpu
        gpu = {"SegNet": cost.Cost(**values, allocated_bytes=400_000_000, seconds=(0.01,))}
        on_gpu = str(cost.Costs(gpu, "a GPU", (2, 3, 360, 480)))
        assert "2 images of 3" in on_gpu
        assert "400 MB" in on_gpu
        assert "allocated: measured" in on_gpu

    @pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
    def test_gpu_allocates_at_least_what_is_counted(self):
        networks = {"SegNet": models.create("segnet", num_classes=4, width=0.25)}
        found = measure(networks, input_size=(96, 128), repeats=2)["SegNet"]
        assert found.allocated_bytes >= found.memory
