"""Every experiment builds its variants, and what it calls equal is."""

import itertools
import json
from importlib import import_module

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from seglib import data, models
from seglib.crf import DenseCRF
from seglib.experiments import (
    EXPERIMENTS,
    class_balance,
    context_module,
    crf_iterations,
    deeplab_rates,
    far_cue,
    measures,
    object_size,
    recipes,
)
from seglib.experiments.pooling_or_dilation import DensePooling, SmallNetwork
from seglib.experiments.sum_or_concat import Join, unet_with
from seglib.experiments.upsampling import InsertZeros, Interpolate, LearnedUpsampling, segnet_with
from seglib.receptive_field import receptive_field
from seglib.train import Recipe, Trained
from seglib.train.chains import recipe_hash
from seglib.train.initialise import build

WORDS = {"name", "source", "deviations"}


def built(recipe: Recipe, seed: int = 0) -> nn.Module:
    """The network before its first step, but for what it takes from its start."""
    torch.manual_seed(seed)
    return build(recipe, 3 if recipe.data == "far_cue" else 5)


def same_start(one: nn.Module, other: nn.Module) -> set[str]:
    """Keys of equal name and shape; that they have equal values is asserted."""
    ones, others = one.state_dict(), other.state_dict()
    shared = {key for key in ones.keys() & others.keys() if ones[key].shape == others[key].shape}
    different = [key for key in shared if not torch.equal(ones[key], others[key])]
    assert not different, different
    return shared


def differing(one: Recipe, other: Recipe) -> set[str]:
    ones, others = one.to_dict(), other.to_dict()
    return {field for field in ones if ones[field] != others[field]} - WORDS


def parameters(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


class TestAll:
    @pytest.mark.parametrize("name", EXPERIMENTS)
    class TestExperiment:
        def test_has_words_a_control_and_pairs_that_exist(self, name):
            each = EXPERIMENTS[name]
            assert each.question.endswith("?")
            assert all([each.varies, each.equal, each.reason, each.measured])
            named = set(each.variants) | set(each.references(1) if each.references else {})
            assert each.control in named
            assert each.pairs
            assert {variant for pair in each.pairs for variant in pair} <= named

        def test_knows_what_its_recipes_start_from(self, name):
            known = EXPERIMENTS[name].recipes()
            for recipe in known.values():
                assert recipe.start in known or recipe.start == "default", recipe.name

        def test_builds_every_variant(self, name):
            for recipe in EXPERIMENTS[name].recipes().values():
                with torch.device("meta"):
                    built(recipe)

        def test_module_says_all_that_an_experiment_must_say(self, name):
            module = import_module(f"seglib.experiments.{name}")
            for word in ("Question:", "Varies:", "Equal:", "Control:", "Measured:"):
                assert word in module.__doc__, word

    def test_a_name_is_the_same_recipe_everywhere(self):
        """Or two experiments would write into one place of a result, and share nothing."""
        found: dict[str, str] = {}
        for each in EXPERIMENTS.values():
            known = each.recipes()
            for name in known:
                assert found.setdefault(name, recipe_hash(name, known)) == recipe_hash(name, known), name

    def test_networks_are_shared(self):
        """What three seeds of all experiments train: each once."""
        all_of = [name for each in EXPERIMENTS.values() for name in each.recipes()]
        assert len(set(all_of)) < 0.7 * len(all_of)

    @pytest.mark.parametrize(("size", "steps", "fewer"), [(48, 2500, 400), (96, 1500, 300)])
    def test_budgets_are_equal(self, size, steps, fewer):
        """Steps that each network of the comparison has seen on pictures of one size, all stages together."""
        known = EXPERIMENTS["object_size"].recipes()

        def count(recipe: Recipe) -> int:
            before = known.get(recipe.start)
            own = recipe.steps * (recipe.data == "scenes" and recipe.data_options["size"] == size)
            return own + (0 if before is None else count(before))

        found = {variant: count(recipe) for variant, recipe in EXPERIMENTS["object_size"].variants.items()}
        assert found == dict.fromkeys(found, steps) | {"FC-DenseNet56": fewer}


class TestObjectSize:
    def test_stride_1_loses_nothing(self):
        target = torch.randint(5, (24, 40))
        assert torch.equal(object_size.through_stride(target, 1, 5), target)

    @pytest.mark.parametrize("stride", [8, 16, 32])
    def test_large_areas_stay_and_specks_go(self, stride):
        target = torch.zeros(96, 96, dtype=torch.int64)
        target[:, 48 - 48 % stride :] = 2
        target[5, 5] = 3
        found = object_size.through_stride(target, stride, 5)
        assert set(found.unique().tolist()) == {0, 2}
        clean = torch.where(target == 3, 0, target)
        assert (found == clean).float().mean() > 0.99

    def test_straight_edges_between_units_stay_where_they_are(self):
        target = torch.zeros(32, 32, dtype=torch.int64)
        target[:, 16:] = 1
        assert torch.equal(object_size.through_stride(target, 8, 5), target)

    def test_oracles_get_worse_with_the_stride(self):
        found = object_size.references(20)
        order = [found[f"true labels at stride {stride}"]["mean_iou"] for stride in (8, 16, 32)]
        assert order == sorted(order, reverse=True)
        nothing = found["background everywhere"]
        assert np.nanmax(np.array(nothing["iou_by_size"], dtype=float)) == 0
        assert np.nanmin(np.array(nothing["missed_by_size"], dtype=float)) == 1


class TestSkips:
    def test_stages_and_their_controls_differ_in_the_network_only(self):
        pairs = [
            (recipes.FCN16S, recipes.FCN32S_FURTHER),
            (recipes.FCN8S, recipes.FCN16S_LONG),
            (recipes.FCN8S, recipes.FCN32S_LONG),
        ]
        for one, other in pairs:
            assert differing(one, other) <= {"network", "start"}


def test_place_and_name_by_hand():
    # 10 pixels of objects, of which 8 are found, 6 of these with the right name; 2 of the background taken for one.
    confusion = np.array([[5, 1, 1], [1, 4, 1], [1, 1, 2]])
    assert measures.place_and_name(confusion) == {"object_iou": 8 / 12, "named_right": 6 / 8}
    assert measures.place_and_name(np.diag([7, 2, 1])) == {"object_iou": 1, "named_right": 1}
    nothing = measures.place_and_name(np.array([[7, 0, 0], [2, 0, 0], [1, 0, 0]]))
    assert nothing["object_iou"] == 0
    assert np.isnan(nothing["named_right"])


class TestUpsampling:
    VARIANTS = EXPERIMENTS["upsampling"].variants

    def test_differ_in_the_upsampling_only(self):
        for recipe in self.VARIANTS.values():
            assert differing(recipe, recipes.SEGNET_48) <= {"network", "options"}
            options = {option: value for option, value in recipe.options.items() if option != "upsampling"}
            assert options == recipes.SEGNET_48.options

    def test_all_layers_start_equal(self):
        segnet = built(recipes.SEGNET_48)
        for name, recipe in self.VARIANTS.items():
            model = built(recipe)
            assert same_start(segnet, model) == set(segnet.state_dict())
            # Four weights for each channel that is doubled: 64, 64, 32, 16 and 8 of them.
            assert parameters(model) - parameters(segnet) == (4 * 184 if name == "learned" else 0)

    def test_learned_starts_as_nearest(self):
        images = torch.rand(2, 3, 40, 56)
        models_of = [built(self.VARIANTS[name]).eval() for name in ("nearest", "learned")]
        with torch.no_grad():
            torch.testing.assert_close(models_of[0](images), models_of[1](images))

    @pytest.mark.parametrize("size", [(6, 8), (5, 7)])
    def test_each_upsampling_by_hand(self, size):
        x = torch.rand(2, 3, (size[0] + 1) // 2, (size[1] + 1) // 2)
        zeros = InsertZeros()(x, None, size)
        nearest = Interpolate("nearest")(x, None, size)
        learned = LearnedUpsampling(3)(x, None, size)
        for i, j in itertools.product(range(size[0]), range(size[1])):
            expected = x[:, :, i // 2, j // 2]
            assert torch.equal(nearest[:, :, i, j], expected)
            torch.testing.assert_close(learned[:, :, i, j], expected)
            assert torch.equal(zeros[:, :, i, j], expected if i % 2 == j % 2 == 0 else torch.zeros_like(expected))
        bilinear = Interpolate("bilinear")(x, None, size)
        whole = F.interpolate(x, scale_factor=2, mode="bilinear")
        assert torch.equal(bilinear, whole[:, :, : size[0], : size[1]])

    @pytest.mark.parametrize("upsampling", ["zeros", "nearest", "bilinear", "learned"])
    def test_any_size_goes_in(self, upsampling):
        model = segnet_with(num_classes=4, upsampling=upsampling, width=0.05).eval()
        assert model(torch.rand(1, 3, 37, 50)).shape == (1, 4, 37, 50)

    def test_unknown_upsampling_is_named(self):
        with pytest.raises(ValueError, match="upsampling='cubic' must be"):
            segnet_with(num_classes=4, upsampling="cubic")


class TestSumOrConcat:
    VARIANTS = EXPERIMENTS["sum_or_concat"].variants

    def test_differ_in_the_skips_only(self):
        for recipe in self.VARIANTS.values():
            assert differing(recipe, recipes.UNET_48) <= {"network", "options"}
            assert recipe.options["width"] == recipes.UNET["width"]

    def test_parameters(self):
        found = {name: parameters(built(recipe)) for name, recipe in self.VARIANTS.items()}
        assert found["sum"] == found["no skips"]
        assert abs(found["narrow concatenation"] / found["sum"] - 1) < 0.001
        assert found["concatenation"] > 1.1 * found["sum"]

    def test_start_equal_where_names_and_shapes_are(self):
        unet = built(recipes.UNET_48)
        for name, recipe in self.VARIANTS.items():
            shared = same_start(unet, built(recipe))
            contracting = {key for key in unet.state_dict() if key.startswith(("d0", "d1", "d2", "d3", "d4"))}
            assert contracting <= shared, name

    def test_concatenation_is_u_net(self):
        torch.manual_seed(3)
        one = unet_with(num_classes=5, skips="concat", width=0.125)
        torch.manual_seed(3)
        other = models.create("unet", num_classes=5, width=0.125, same_padding=True)
        assert same_start(one, other) == set(other.state_dict())

    def test_start_lends_the_contracting_path_only(self):
        recipe = recipes.UNET_48
        layers = {key.split(".")[-2] for key in built(recipe.replace(batch_norm=False)).state_dict()}
        assert layers - set(recipe.fresh) == {f"conv_d{level}{pair}" for level in range(5) for pair in ("a_b", "b_c")}

    def test_joins(self):
        up, skip = torch.rand(1, 2, 6, 6), torch.rand(1, 2, 5, 6)
        assert torch.equal(Join(add=True)(up, skip), up[:, :, :5] + skip)
        assert torch.equal(Join(add=False)(up, skip), up[:, :, :5])

    @pytest.mark.parametrize("skips", ["concat", "sum", "none", "narrow"])
    def test_any_size_goes_in(self, skips):
        model = unet_with(num_classes=4, skips=skips, width=0.05).eval()
        assert model(torch.rand(1, 3, 37, 50)).shape == (1, 4, 37, 50)

    def test_values_are_as_strong_behind_a_sum_as_behind_a_concatenation(self):
        """He: the variance of what comes out is that of what goes in, through n or 2 n channels."""
        torch.manual_seed(0)
        models_of = [unet_with(num_classes=5, skips=skips) for skips in ("concat", "none")]
        wide, half = (model.u1.conv_u1b_c for model in models_of)
        x = torch.randn(1, 256, 32, 32)
        ratio = (wide(x).var() / half(x[:, :128]).var()).item()
        assert ratio == pytest.approx(1, abs=0.1)

    def test_unknown_skips_are_named(self):
        with pytest.raises(ValueError, match="skips='add' must be one of concat, sum, none, narrow"):
            unet_with(num_classes=5, skips="add")


class TestDeconvNetSegNet:
    def test_differ_in_the_network_only(self):
        for one, other in ((recipes.DECONVNET, recipes.SEGNET), (recipes.DECONVNET_48, recipes.SEGNET_48)):
            assert differing(one, other) <= {"network", "options", "start"}
            assert one.options["width"] == other.options["width"]


class TestFarCue:
    def test_differ_in_the_network_only(self):
        known = EXPERIMENTS["far_cue"].recipes()
        one = EXPERIMENTS["far_cue"].variants["FCN-32s"]
        for recipe in EXPERIMENTS["far_cue"].variants.values():
            assert differing(recipe, one) <= {"network", "options", "start"}
            assert differing(known[recipe.start], known[one.start]) <= {"network", "options", "start", "fresh"}

    def test_without_its_mark_a_strip_is_the_same_but_for_the_mark(self):
        one, other = (data.load("far_cue", "test", length=5, mark=mark, noise=0.0) for mark in (True, False))
        for i in range(5):
            (with_mark, distance), (without, same_distance) = one.strip(i), other.strip(i)
            assert torch.equal(with_mark.target, without.target)
            assert torch.equal(torch.nan_to_num(distance), torch.nan_to_num(same_distance))
            assert with_mark.instances.any()
            assert not without.instances.any()
            changed = (with_mark.image != without.image).any(0)
            assert changed.any()
            assert not changed[:, (distance > 10).any(0)].any()

    def test_theoretical_reach_is_that_of_the_outermost_tap(self):
        model = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 2, 5, padding=8, dilation=4))
        assert far_cue.theoretical_reach(model) == 1 + 8

    def test_theoretical_reach_of_an_upsampled_map(self):
        """Pixel 0 of four takes its unit, which sees pixels 0 to 3 and, three wide, one unit more at each side."""
        layers = nn.MaxPool2d(4), nn.Conv2d(3, 2, 3, padding=1), nn.Upsample(scale_factor=4, mode="nearest")
        assert far_cue.theoretical_reach(nn.Sequential(*layers)) == 7

    def test_effective_reach_is_where_the_gradient_is(self):
        class Far(nn.Module):
            """Most of the gradient comes from 40 px away, and a little from 100."""

            def forward(self, x):
                return x + x.roll(40, 3) * 8 + x.roll(100, 3) * 0.1

        strips = data.load("far_cue", "test", length=2)
        assert far_cue.effective_reach(Far(), strips) == 40

    def test_chance_is_the_control(self):
        assert far_cue.references(1)["chance"]["accuracy_by_distance"] == [0.5] * (len(far_cue.EDGES) - 1)


class TestPoolingOrDilation:
    VARIANTS = EXPERIMENTS["pooling_or_dilation"].variants

    def field(self, name: str) -> tuple:
        return receptive_field(built(self.VARIANTS[name]).eval(), (3, 96, 96), "score").sizes

    def test_differ_in_the_way_only(self):
        for one, other in itertools.combinations(self.VARIANTS.values(), 2):
            assert differing(one, other) == {"options"}

    def test_all_weights_start_equal(self):
        pooling = built(self.VARIANTS["pooling"])
        for recipe in self.VARIANTS.values():
            assert same_start(pooling, built(recipe)) == set(pooling.state_dict())

    def test_pooling_and_dilation_have_one_field_and_neither_a_smaller_one(self):
        # Two 3 x 3 convolutions at strides 1, 2, 4 and 8, and poolings over 2 in between: 1 + 4 (1+2+4+8) + 1+2+4.
        assert self.field("pooling") == self.field("dilation") == ((68, 68),)
        assert self.field("neither") == ((20, 20),)

    def test_with_the_same_weights_they_give_the_same_scores(self):
        torch.manual_seed(0)
        pooling = SmallNetwork(num_classes=5, way="pooling").eval()
        dilation = SmallNetwork(num_classes=5, way="dilation").eval()
        dilation.load_state_dict(pooling.state_dict())
        images = torch.randn(2, 3, 64, 48)
        with torch.no_grad():
            coarse = pooling.score(pooling.layers(images))
            torch.testing.assert_close(dilation(images)[:, :, 3::8, 3::8], coarse)

    @pytest.mark.parametrize("rate", [1, 2, 4])
    def test_dense_pooling_by_hand(self, rate):
        x = torch.rand(1, 1, 9, 9)
        found = DensePooling(rate)(x)
        padded = F.pad(x, (rate,) * 4)
        for i, j in itertools.product(range(9), repeat=2):
            top, left = rate + i - rate // 2, rate + j - rate // 2
            assert found[0, 0, i, j] == padded[0, 0, top : top + rate + 1 : rate, left : left + rate + 1 : rate].max()

    def test_unknown_way_is_named(self):
        with pytest.raises(ValueError, match="way='stride' must be one of pooling, dilation, neither"):
            SmallNetwork(num_classes=5, way="stride")


class TestDeepLabRates:
    VARIANTS = EXPERIMENTS["deeplab_rates"].variants

    def test_differ_in_the_rate_only(self):
        models_of = {name: built(recipe.replace(batch_norm=False)) for name, recipe in self.VARIANTS.items()}
        for name, recipe in self.VARIANTS.items():
            assert differing(recipe, self.VARIANTS["rate 1"]) <= {"options"}
            assert models_of[name].fc6.dilation == (int(name.split()[-1]),) * 2
            assert same_start(models_of[name], models_of["rate 1"]) == set(models_of["rate 1"].state_dict())

    @pytest.mark.parametrize(("rate", "units"), [(1, 13), (2, 13), (4, 13), (8, 13), (12, 13), (16, 13), (12, 41)])
    def test_taps_in_the_padding_counted_one_by_one(self, rate, units):
        outside = [
            not (0 <= i + rate * dy < units and 0 <= j + rate * dx < units)
            for i, j in itertools.product(range(units), repeat=2)
            for dy, dx in itertools.product((-1, 0, 1), repeat=2)
            if (dy, dx) != (0, 0)
        ]
        assert deeplab_rates.in_padding(rate, units) == pytest.approx(np.mean(outside))

    def test_costs_say_the_field_and_the_map(self, monkeypatch):
        monkeypatch.setattr(
            measures, "seconds_in_turns", lambda networks, images, repeats: dict.fromkeys(networks, 1.0)
        )
        found = deeplab_rates.costs({"rate 12": self.VARIANTS["rate 12"]})["rate 12"]
        assert (found["rate"], found["field"], found["map"]) == (12, 435, 13)
        assert found["parameters"] == parameters(built(self.VARIANTS["rate 12"].replace(batch_norm=False)))


class TestContextModule:
    VARIANTS = EXPERIMENTS["context_module"].variants

    def test_from_the_same_front_end_on_the_same_scenes(self):
        three = [self.VARIANTS[name] for name in ("front end, as long", "context, identity", "context, random")]
        for one, other in itertools.combinations(three, 2):
            assert differing(one, other) <= {"network", "options"}

    def test_initialisation_differs_in_the_context_only(self):
        one, other = built(self.VARIANTS["context, identity"]), built(self.VARIANTS["context, random"])
        ones, others = one.state_dict(), other.state_dict()
        different = {key for key in ones if not torch.equal(ones[key], others[key])}
        assert {key.split(".")[0] for key in different} == {"context"}
        assert one.context.ctx_conv1_1.weight[0, 0, 1, 1] == 1

    def test_loss_by_tenths(self):
        history = [{"loss": float(step)} for step in range(20)]
        model = built(recipes.FRONT_END.replace(batch_norm=False)).eval()
        trained = Trained(model=model, recipe=recipes.FRONT_END, seed=0, history=history, seconds=0.0, device="")
        assert context_module.measure(trained, 1)["loss"] == [0.5 + 2 * i for i in range(10)]


class TestClassBalance:
    def test_differ_in_the_weights_only(self):
        assert differing(class_balance.PLAIN, class_balance.BALANCED) == {"class_weights"}
        assert class_balance.PLAIN.class_weights is None
        assert class_balance.BALANCED.class_weights == class_balance.ROAD_WEIGHTS

    def test_weights_are_those_of_median_frequency(self):
        scenes = data.load("road", size=class_balance.ROAD_SIZE, length=300, seed=5)
        found = data.median_frequency_weights(scenes)
        # Of 300 scenes the rarest class is in 160, so that 1000 others give another number.
        assert torch.allclose(torch.tensor(class_balance.ROAD_WEIGHTS), found, rtol=0.2)

    def test_shift_is_the_logarithm_of_the_weights(self):
        """Probabilities p become p * w, normalised."""
        torch.manual_seed(0)
        scores, weights = torch.randn(2, 11, 4, 5), torch.tensor(class_balance.ROAD_WEIGHTS)
        shifted = class_balance.Shifted(nn.Identity(), weights, 1.0)(scores).softmax(1)
        expected = scores.softmax(1) * weights[:, None, None]
        torch.testing.assert_close(shifted, expected / expected.sum(1, keepdim=True))
        back = class_balance.Shifted(class_balance.Shifted(nn.Identity(), weights, 1.0), weights, -1.0)(scores)
        torch.testing.assert_close(back, scores)

    def test_variants_are_measured_with_their_shift(self):
        measures_of = EXPERIMENTS["class_balance"].measure
        strengths = {
            name: getattr(measure, "keywords", {}).get("strength", 0.0) for name, measure in measures_of.items()
        }
        assert strengths == {
            "plain loss": 0.0,
            "balanced loss": 0.0,
            "plain loss, weights added": 1.0,
            "balanced loss, weights taken back": -1.0,
        }

    def test_colours_are_numbered_one_by_one(self):
        image = torch.tensor([[[0.0, 1.0]], [[0.13, 0.99]], [[0.5, 0.0]]])
        assert class_balance.colour_number(image).tolist() == [[0 * 64 + 1 * 8 + 4, 7 * 64 + 7 * 8 + 0]]

    def test_neither_place_nor_colour_alone_tells_the_class(self):
        found = class_balance.references(60)
        assert all(each["mean_iou"] < 0.25 for each in found.values())
        assert all(each["mean_accuracy"] < 0.35 for each in found.values())


class TestCRF:
    @pytest.fixture
    def trained(self) -> Trained:
        model = built(EXPERIMENTS["pooling_or_dilation"].variants["pooling"].replace(batch_norm=False)).eval()
        return Trained(model=model, recipe=recipes.FCN32S_LONG, seed=0, history=[], seconds=0.0, device="")

    def test_nothing_is_the_network_alone(self, trained):
        found = crf_iterations.measure(trained, 3, crf="nothing")
        alone = measures.of_scenes(trained, 3)
        assert {name: found[name] for name in alone if name.endswith(("iou", "f1"))} == {
            name: alone[name] for name in alone if name.endswith(("iou", "f1"))
        }
        assert found["iou_by_iteration"] == [alone["mean_iou"]] * 11
        assert found["chosen"] == [None] * 5

    def test_iterations_are_those_of_the_crf(self):
        torch.manual_seed(0)
        image, logits = torch.rand(3, 12, 16), torch.randn(5, 12, 16)
        labels = crf_iterations.refined(image, logits, (3.0, 1.0), (4.0, 10.0, 20.0))
        assert len(labels) == 11
        assert torch.equal(labels[0], logits.argmax(0))
        crf = DenseCRF(image, gaussian=(3.0, 1.0), bilateral=(4.0, 10.0, 20.0))
        for iterations in (1, 10):
            assert torch.equal(labels[iterations], crf(logits=logits, iterations=iterations).argmax(0))

    def test_numbers_are_chosen_on_validation_scenes_by_mean_iou(self, trained, monkeypatch):
        """The network is right but for single pixels, which smoothness mends."""
        splits = []
        load = data.load
        truth = {}
        for split in ("val", "test"):
            scenes = load("scenes", split, size=96, length=3)
            truth |= {scenes[i][0].sum().item(): scenes[i][1] for i in range(3)}

        def noisy(trained, image):
            labels = truth[image.sum().item()]
            wrong = torch.rand(labels.shape, generator=torch.Generator().manual_seed(0)) < 0.1
            return F.one_hot(torch.where(wrong, 4 - labels, labels), 5).permute(2, 0, 1).float()

        monkeypatch.setattr(crf_iterations, "predict", noisy)
        monkeypatch.setattr(data, "load", lambda name, split, **o: splits.append(split) or load(name, split, **o))
        monkeypatch.setattr(crf_iterations, "GAUSSIANS", ((0.0, 1.0), (3.0, 1.0)))
        monkeypatch.setattr(crf_iterations, "BILATERALS", ((0.0, 10.0, 20.0), (3.0, 10.0, 20.0)))
        found = crf_iterations.measure(trained, 3, crf="colours")
        assert found["chosen"][:2] == [3.0, 1.0]
        assert splits[:2] == ["val", "val"]
        assert set(splits[2:]) == {"test"}
        assert found["iou_by_iteration"][0] < found["iou_by_iteration"][-1]

    def test_each_network_is_measured_in_three_ways(self):
        each = EXPERIMENTS["crf_iterations"]
        ways = {variant: each.measure_of(variant).keywords["crf"] for variant in each.variants}
        assert ways["U-Net"] == "nothing"
        assert ways["U-Net + smoothness"] == "smoothness"
        assert ways["U-Net + CRF"] == "colours"
        assert each.variants["U-Net"] is each.variants["U-Net + CRF"]


def test_recipes_are_json():
    for each in EXPERIMENTS.values():
        for recipe in each.recipes().values():
            assert Recipe.from_dict(json.loads(json.dumps(recipe.to_dict()))) == recipe
