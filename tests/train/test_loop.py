"""The training loop: it learns, repeats itself, resumes bit for bit, and stops at NaN by name."""

import json
import math

import pytest
import torch
from accelerate.state import AcceleratorState

from seglib.train import checkpoint, train
from tests.train.tiny import RECIPE, Blocks, sha256, without_seconds


def losses(**options) -> list[float]:
    return [entry["loss"] for entry in train(RECIPE, **({"dataset": Blocks(), "progress": False} | options)).history]


def test_it_learns():
    trained = train(RECIPE.replace(steps=80, learning_rate=1e-2), dataset=Blocks(), progress=False)
    assert trained.history[0]["loss"] == pytest.approx(math.log(3))  # scores start at zero
    assert trained.history[-1]["loss"] < 0.8
    image, target = Blocks()[0]
    from seglib.data.normalisation import normalise

    with torch.no_grad():
        found = trained.model(normalise(image)[None]).argmax(1)[0]
    assert (found == target).float().mean() > 0.6


def test_what_comes_back():
    trained = train(RECIPE, seed=5, dataset=Blocks(), progress=False)
    assert [entry["step"] for entry in trained.history] == list(range(1, 11))
    assert {entry["learning_rate"] for entry in trained.history} == {RECIPE.learning_rate}
    seconds = [entry["seconds"] for entry in trained.history]
    assert 0 < seconds[0] <= seconds[-1] <= trained.seconds + 0.001
    assert seconds == sorted(seconds)
    assert (trained.recipe, trained.seed) == (RECIPE, 5)
    assert trained.device.startswith("CPU")
    assert not trained.model.training
    assert type(trained.model).__name__ == "FCN"
    assert {parameter.device.type for parameter in trained.model.parameters()} == {"cpu"}


def test_the_same_seed_gives_the_same_weights_and_another_does_not():
    digests = [sha256(train(RECIPE, seed=seed, dataset=Blocks(), progress=False).model) for seed in (0, 0, 1)]
    assert digests[0] == digests[1] != digests[2]


def test_the_callers_random_numbers_stay_as_they_were():
    torch.manual_seed(1)
    expected = torch.rand(2)
    torch.manual_seed(1)
    train(RECIPE.replace(steps=1), dataset=Blocks(), progress=False)
    assert torch.equal(torch.rand(2), expected)


@pytest.mark.parametrize(
    ("options", "tolerance"),
    [
        ({"channels_last": True}, 1e-4),
        ({"compile": "eager"}, 1e-6),
        ({"workers": 1}, 0),
        ({"mixed_precision": "bf16"}, 3e-2),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_options_give_the_same_losses(options, tolerance):
    plain, other = losses(), losses(**options)
    assert other == pytest.approx(plain, rel=tolerance)
    if "mixed_precision" in options:
        assert other != plain  # it was switched on


@pytest.mark.parametrize("channels_last", [False, True])
def test_channels_last_is_how_weights_and_images_lie(channels_last):
    seen = []

    def look(model):
        def note(_, images):
            seen.append(images[0].is_contiguous(memory_format=torch.channels_last))

        model.stage1.conv1_1.register_forward_pre_hook(note)
        return model.stage1.conv1_1.weight.is_contiguous(memory_format=torch.channels_last)

    recipe = RECIPE.replace(steps=3)
    options = {"dataset": Blocks(), "progress": False, "channels_last": channels_last}
    history = train(recipe, **options, validate=look, every=2).history
    assert history[1]["validation"] is channels_last
    assert seen == [channels_last]  # of the third step; the network does not change the layout by itself


def test_compile_compiles(monkeypatch):
    backends = []
    monkeypatch.setattr(torch.nn.Module, "compile", lambda self, *, backend: backends.append(backend))
    losses(compile=False)
    losses(compile=True)
    losses(compile="eager")
    assert backends == ["inductor", "eager"]


def test_a_network_keeps_no_trace_of_how_it_was_trained():
    trained = train(RECIPE, dataset=Blocks(), progress=False, channels_last=True, compile="eager")
    again = train(RECIPE, dataset=Blocks(), progress=False, channels_last=True)
    assert list(trained.model.state_dict()) == list(again.model.state_dict())
    assert all(tensor.is_contiguous() for tensor in trained.model.state_dict().values())


def test_a_loss_that_is_not_finite_stops_with_step_rate_and_samples(tmp_path):
    recipe = RECIPE.replace(batch_size=3, learning_rate=0.0125)
    steps = []
    with pytest.raises(FloatingPointError) as error:
        train(recipe, dataset=Blocks(broken=4), folder=tmp_path, progress=False, every=1, on_step=steps.append)
    message = str(error.value)
    assert f"the loss of step {len(steps) + 1} is nan, at learning rate 0.0125" in message
    samples = json.loads(message.split("samples ")[1].split(" (of")[0])
    assert 4 in samples
    assert len(samples) == 3
    # What came before is kept, and finite.
    if steps:
        kept = checkpoint.load_checkpoint(tmp_path / checkpoint.CHECKPOINT, _run_of(tmp_path))
        assert kept["step"] == len(steps)
        assert all(tensor.isfinite().all() for tensor in kept["model"].values())


def _run_of(folder):
    import io

    content = (folder / checkpoint.CHECKPOINT).read_bytes()
    return torch.load(io.BytesIO(content[content.index(b"\n") + 1 :]), weights_only=True)["run"]


def test_a_rate_that_is_too_high_stops_it_too():
    recipe = RECIPE.replace(optimiser="sgd", learning_rate=1e30, steps=30)
    with pytest.raises(FloatingPointError, match="at learning rate 1e\\+30"):
        train(recipe, dataset=Blocks(), progress=False)


def test_clip_bounds_the_step():
    def step(clip):
        recipe = RECIPE.replace(steps=1, optimiser="sgd", momentum=0, learning_rate=1.0, clip=clip)
        before = train(recipe.replace(learning_rate=1e-30), dataset=Blocks(), progress=False).model.state_dict()
        after = train(recipe, dataset=Blocks(), progress=False).model.state_dict()
        return math.sqrt(sum((after[name] - before[name]).square().sum().item() for name in before))

    free = step(None)
    assert step(free / 10) == pytest.approx(free / 10, rel=1e-3)
    assert step(free * 10) == pytest.approx(free, rel=1e-3)


def test_a_data_set_that_labels_all_may_be_padded_by_the_crop():
    class Full(Blocks):
        ignore_index = None

    trained = train(RECIPE.replace(crop=(40, 40), steps=2), dataset=Full(), progress=False)
    assert all(math.isfinite(entry["loss"]) for entry in trained.history)


def test_validation_sees_the_network_as_it_is_tested_every_so_many_steps():
    seen = []

    def validate(model):
        size = tuple(model(torch.zeros(1, 3, 33, 33)).shape)
        seen.append((model.training, torch.is_grad_enabled(), model.upsample, size))
        return {"score": len(seen), "absent": float("nan"), "each": torch.tensor([1.0, 2.0])}

    options = {"width": 1 / 32, "fc_channels": 8, "upsample": False}
    recipe = RECIPE.replace(network="deeplab_v1_largefov", options=options, steps=7)
    trained = train(recipe, dataset=Blocks(size=(33, 33)), progress=False, validate=validate, every=3)
    assert seen == [(False, False, True, (1, 3, 33, 33))] * 3
    noted = {entry["step"]: entry["validation"] for entry in trained.history if "validation" in entry}
    assert list(noted) == [3, 6, 7]
    assert noted[6] == {"score": 2, "absent": None, "each": [1.0, 2.0]}
    assert trained.model.upsample  # trained at stride 8, tested at the image's size


def test_validation_does_not_change_the_training():
    def validate(model):
        torch.rand(7)
        return model(torch.zeros(1, 3, 32, 32)).mean()

    plain = train(RECIPE, dataset=Blocks(), progress=False)
    validated = train(RECIPE, dataset=Blocks(), progress=False, validate=validate, every=1)
    assert sha256(plain.model) == sha256(validated.model)


def test_what_json_cannot_keep_is_refused_at_once():
    with pytest.raises(TypeError, match="JSON cannot keep"):
        train(RECIPE, dataset=Blocks(), progress=False, validate=lambda model: {"at": object()}, every=1)


def test_the_folder_gets_weights_recipe_and_log(tmp_path):
    folder = tmp_path / "new" / "run"
    trained = train(RECIPE, dataset=Blocks(), folder=folder, progress=False)
    trained.model.load_state_dict(checkpoint.load_model(folder / checkpoint.MODEL))
    assert json.loads((folder / checkpoint.LOG).read_text()) == trained.history
    facts = json.loads((folder / checkpoint.RECIPE).read_text())
    assert RECIPE.from_dict(facts["recipe"]) == RECIPE
    assert facts["classes"] == list(Blocks.classes)
    assert (facts["seed"], facts["processes"], facts["device"]) == (0, 1, trained.device)


def test_without_a_folder_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    train(RECIPE, dataset=Blocks(), progress=False)
    assert list(tmp_path.iterdir()) == []


def test_stages_start_from_what_was_trained_before(tmp_path):
    coarse = RECIPE.replace(name="coarse", network="fcn16s")
    fine = RECIPE.replace(name="fine", start="coarse", learning_rate=1e-30, steps=1)
    with pytest.raises(
        ValueError, match=r"there is no .*coarse-2.model.safetensors: run `python -m seglib.train coarse"
    ):
        train(fine, seed=2, dataset=Blocks(), folder=tmp_path / "fine-2", progress=False)
    before = train(coarse, seed=2, dataset=Blocks(), folder=tmp_path / "coarse-2", progress=False)
    given = {
        "beside": train(fine, seed=2, dataset=Blocks(), folder=tmp_path / "fine-2", progress=False),
        "file": train(fine, dataset=Blocks(), weights=tmp_path / "coarse-2" / checkpoint.MODEL, progress=False),
        "state": train(fine, dataset=Blocks(), weights=before.model.state_dict(), progress=False),
    }
    for trained in given.values():
        after = trained.model.state_dict()
        assert all(torch.equal(after[name], tensor) for name, tensor in before.model.state_dict().items())
    with pytest.raises(ValueError, match="train that first"):
        train(fine, dataset=Blocks(), progress=False)


@pytest.mark.parametrize("start", ["default", "he", "vgg16"])
def test_weights_for_a_recipe_that_starts_from_none_are_refused(start, tmp_path):
    for weights in ({}, tmp_path / "none.safetensors"):
        with pytest.raises(ValueError, match=f"recipe 'tiny' has start=\"{start}\", so it would not use the weights"):
            train(RECIPE.replace(start=start), dataset=Blocks(), weights=weights, progress=False)


@pytest.mark.parametrize("every", [0, -1])
def test_checkpoints_are_a_step_apart_or_more(every):
    with pytest.raises(ValueError, match=f"every={every} must be 1 step or more"):
        train(RECIPE, dataset=Blocks(), every=every, progress=False)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
def test_steps_on_a_gpu_lose_what_they_lose_on_the_cpu(monkeypatch):
    recipe = RECIPE.replace(steps=3, dropout=0.0)  # dropout draws other masks on a GPU
    on_cpu = train(recipe, dataset=Blocks(), progress=False)
    monkeypatch.delenv("ACCELERATE_USE_CPU")
    AcceleratorState._reset_state(reset_partial_state=True)  # it keeps the device of the first training
    try:
        on_gpu = train(recipe, dataset=Blocks(), progress=False)
    finally:
        AcceleratorState._reset_state(reset_partial_state=True)
    assert on_gpu.device == torch.cuda.get_device_name()
    assert {parameter.device.type for parameter in on_gpu.model.parameters()} == {"cpu"}
    losses = [[entry["loss"] for entry in trained.history] for trained in (on_gpu, on_cpu)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-2)  # convolutions round to TF32 there


def test_the_data_of_the_recipe_are_loaded(monkeypatch):
    asked = []
    monkeypatch.setattr(
        "seglib.data.load", lambda name, split, **options: asked.append((name, split, options)) or Blocks()
    )
    train(RECIPE.replace(steps=1, data="scenes", split="val", data_options={"size": 4}), progress=False)
    assert asked == [("scenes", "val", {"size": 4})]


def test_the_valid_unet_trains():
    recipe = RECIPE.replace(network="unet", options={"width": 1 / 32}, steps=2, batch_size=1)
    trained = train(recipe, dataset=Blocks(size=(188, 204)), progress=False)
    assert len(without_seconds(trained.history)) == 2
