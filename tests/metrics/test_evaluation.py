"""From a network and a data set to numbers."""

import pickle

import numpy as np
import pytest
import torch
from torch import nn

from seglib.data import normalise
from seglib.metrics import AccuracyByDistance, BoundaryF1, IoUBySize, Segmentation, TrimapIoU, evaluate, gather

K = 3
GREYS = torch.linspace(0.1, 0.9, K)


class Pictures:
    """Maps whose grey values tell the class; the maps are noise."""

    classes = ("ground", "disc", "square")

    def __init__(self, sizes):
        generator = torch.Generator().manual_seed(0)
        self.targets = [torch.randint(K, size, generator=generator) for size in sizes]

    def __len__(self):
        return len(self.targets)

    def __getitem__(self, i):
        return GREYS[self.targets[i]].expand(3, -1, -1), self.targets[i]


class Objects(Pictures):
    def instances(self, i):
        return self.targets[i], np.array([4.0, 20.0])

    def distance(self, i):
        h, w = self.targets[i].shape
        return torch.arange(float(w)).expand(h, w)


class Reader(nn.Module):
    """Reads the grey values; `margin` pixels are lost at every side, and `wrong` of the classes are not known."""

    def __init__(self, margin=0, wrong=0):
        super().__init__()
        self.margin, self.wrong = margin, wrong
        self.layers = nn.Sequential(nn.BatchNorm2d(3), nn.Dropout(0.9))
        self.greys = nn.Parameter(normalise(GREYS[:, None, None, None].expand(-1, 3, 1, 1)))
        self.batches = []

    def forward(self, x):
        assert not self.training
        assert not self.layers[0].training
        assert not torch.is_grad_enabled()
        self.batches.append(tuple(x.shape))
        logits = -(x[:, None] - self.greys).square().sum(2)  # N K H W
        logits[:, : self.wrong] = -100
        m = self.margin
        return logits[..., m : logits.shape[2] - m, m : logits.shape[3] - m]


SQUARES = [(8, 8)] * 5


def test_a_perfect_network_gets_a_perfect_score():
    model = Reader()
    results = evaluate(model, Pictures(SQUARES), batch_size=2)
    assert list(results) == ["segmentation"]
    assert results["segmentation"].mean_iou == 1
    assert results["segmentation"].classes == Pictures.classes
    assert model.batches == [(2, 3, 8, 8), (2, 3, 8, 8), (1, 3, 8, 8)]


def test_all_metrics_are_fed_as_by_hand():
    data = Objects(SQUARES)
    target = torch.stack(data.targets)
    prediction = target.where(target > 0, 1)  # with class 0 unknown, the next grey is nearest
    instances, sizes = zip(*(data.instances(i) for i in range(5)), strict=True)
    distances = torch.stack([data.distance(i) for i in range(5)])

    def metrics():
        return {
            "all": Segmentation(K),
            "size": IoUBySize((0, 10, 30)),
            "boundary": BoundaryF1(K),
            "trimap": TrimapIoU(K),
            "distance": AccuracyByDistance((0, 4, 8)),
        }

    expected = metrics()
    expected["size"].update(prediction, target, torch.stack(instances), sizes)
    expected["distance"].update(prediction, target, distances)
    for name in ("all", "boundary", "trimap"):
        expected[name].update(prediction, target)
    for batch_size in (2, 16):
        results = evaluate(Reader(wrong=1), data, metrics=metrics(), batch_size=batch_size)
        assert {k: str(v) for k, v in results.items()} == {k: str(v.compute()) for k, v in expected.items()}


@pytest.mark.parametrize("margin", [1, 3])
def test_truth_is_cropped_to_smaller_logits(margin):
    data = Objects(SQUARES)
    metrics = {"all": Segmentation(K), "size": IoUBySize((0, 30)), "distance": AccuracyByDistance((0, 8))}
    results = evaluate(Reader(margin), data, metrics=metrics)
    side = 8 - 2 * margin
    assert results["all"].confusion.sum() == 5 * side**2
    assert results["all"].pixel_accuracy == results["size"].iou[0] == results["distance"].accuracy[0] == 1
    assert results["distance"].distance[0] == 3.5


def test_modes_come_back_as_they_were():
    model = Reader()
    model.train()
    model.layers[0].eval()  # a frozen batch norm
    evaluate(model, Pictures(SQUARES))
    assert model.training
    assert model.layers[1].training
    assert not model.layers[0].training
    model.greys.data.fill_(torch.nan)
    with pytest.raises(ValueError, match="NaN for picture 0"):
        evaluate(model, Pictures(SQUARES))
    assert model.training
    assert not model.layers[0].training
    model.eval()
    with pytest.raises(ValueError, match="NaN for picture 0"):
        evaluate(model, Pictures(SQUARES))
    assert not model.training


def test_pictures_of_other_sizes_and_a_limit():
    model = Reader()
    data = Pictures([(8, 8), (8, 8), (8, 10), (8, 10), (6, 6)])
    assert evaluate(model, data)["segmentation"].confusion.sum() == 2 * 64 + 2 * 80 + 36
    assert model.batches == [(2, 3, 8, 8), (2, 3, 8, 10), (1, 3, 6, 6)]
    assert evaluate(model, data, limit=3)["segmentation"].confusion.sum() == 2 * 64 + 80
    assert evaluate(model, data, limit=99)["segmentation"].confusion.sum() == 2 * 64 + 2 * 80 + 36


def test_metrics_are_emptied_first_and_the_bar_can_be_seen(capsys):
    metric = Segmentation(K)
    for _ in range(2):
        result = evaluate(Reader(), Pictures(SQUARES), metrics={"all": metric}, progress=True)["all"]
        assert result.confusion.sum() == 5 * 64
    assert "5/5" in capsys.readouterr().err
    evaluate(Reader(), Pictures(SQUARES))
    assert capsys.readouterr() == ("", "")


def test_ignore_index_of_the_data_set_is_used():
    data = Pictures(SQUARES)
    data.ignore_index = 0
    result = evaluate(Reader(), data)["segmentation"]
    assert result.absent == ("ground",)
    assert result.confusion.sum() == sum(int((t > 0).sum()) for t in data.targets)


def test_a_network_with_fewer_classes_than_the_data_is_named():
    data = Pictures(SQUARES)
    data.classes = (*Pictures.classes, "cross", "ring")
    with pytest.raises(ValueError, match=r"the network has 3 classes and Pictures 5, ground, .*made for this data set"):
        evaluate(Reader(), data)
    assert evaluate(Reader(), data, metrics={"own": Segmentation(K)})["own"].mean_iou == 1


class Broken(nn.Module):
    def __init__(self, change):
        super().__init__()
        self.change = change

    def forward(self, x):
        return self.change(x)


class Bytes(Pictures):
    def __getitem__(self, i):
        image, target = super().__getitem__(i)
        return (255 * image).byte(), target


class Shifted(Pictures):
    def __getitem__(self, i):
        image, target = super().__getitem__(i)
        return image, target[1:]


@pytest.mark.parametrize(
    ("model", "data", "options", "error", "words"),
    [
        (
            Reader(),
            Pictures(SQUARES),
            {"metrics": {"s": IoUBySize((0, 1))}},
            TypeError,
            r"'s', IoUBySize, needs Pictures.in",
        ),
        (
            Reader(),
            Pictures(SQUARES),
            {"metrics": {"d": AccuracyByDistance((0, 1))}},
            TypeError,
            r"Pictures.distance\(i\)",
        ),
        (Reader(), Pictures([]), {}, ValueError, "no pictures"),
        (Reader(), Pictures(SQUARES), {"batch_size": 0}, ValueError, "batch_size=0"),
        (Reader(), Pictures(SQUARES), {"limit": 0}, ValueError, "limit=0"),
        (Reader(), Bytes(SQUARES), {}, TypeError, "image 0 is of torch.uint8"),
        (Reader(), Shifted(SQUARES), {}, ValueError, r"\(3, 8, 8\) and a target of shape \(7, 8\)"),
        (Broken(lambda x: {"out": x}), Pictures(SQUARES), {}, ValueError, "returned a dict"),
        (Broken(lambda x: x.argmax(1)), Pictures(SQUARES), {}, ValueError, r"shape \(5, 8, 8\) .* N K h w"),
        (Broken(lambda x: nn.functional.pad(x, (1, 1))), Pictures(SQUARES), {}, ValueError, "larger than its images"),
    ],
)
def test_refusals_name_the_value_and_the_fix(model, data, options, error, words):
    with pytest.raises(error, match=words):
        evaluate(model, data, **options)


def test_gather_without_other_processes_is_a_copy():
    metric = Segmentation(2)
    metric.update(np.array([[0, 1]]), np.array([[0, 1]]))
    whole = gather(metric)
    assert whole is not metric
    np.testing.assert_array_equal(whole.compute().confusion, metric.compute().confusion)


def test_gather_joins_what_processes_have_counted(monkeypatch):
    first, second = Segmentation(2), Segmentation(2)
    first.update(np.array([[0, 1]]), np.array([[0, 1]]))
    second.update(np.array([[1, 1]]), np.array([[0, 1]]))

    def all_gather_object(parts, own):
        parts[:] = [pickle.loads(pickle.dumps(metric)) for metric in (first, second)]

    monkeypatch.setattr("torch.distributed.is_initialized", lambda: True)
    monkeypatch.setattr("torch.distributed.get_world_size", lambda: 2)
    monkeypatch.setattr("torch.distributed.all_gather_object", all_gather_object)
    np.testing.assert_array_equal(gather(first).compute().confusion, [[1, 1], [0, 2]])
    np.testing.assert_array_equal(first.compute().confusion, [[1, 0], [0, 1]])
