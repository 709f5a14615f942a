"""Torchvision's pretrained networks on a photograph: with weights in the cache, and without a network."""

import threading
import time
from email.message import Message
from pathlib import Path
from urllib.error import HTTPError, URLError

import pytest
import torch
from PIL import Image
from torchvision.models import get_model, get_model_weights

from seglib import pretrained
from seglib.data import VOC, photograph
from seglib.pretrained import NETWORKS, segment

SMALL = "lraspp_mobilenet_v3_large"


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch) -> Path:
    """An empty cache of torchvision's."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    folder = tmp_path / "hub/checkpoints"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def shut(monkeypatch):
    """Let every request fail with an error."""

    def fail_with(error):
        def urlopen(*_, **__):
            raise error

        monkeypatch.setattr(pretrained, "urlopen", urlopen)
        monkeypatch.setattr(torch.hub, "urlopen", urlopen)

    return fail_with


def file_name(network: str) -> str:
    return get_model_weights(network).DEFAULT.url.rpartition("/")[2]


def put(cache: Path, network: str, spread: float | None = None, **options) -> torch.nn.Module:
    """Random weights where torchvision keeps the real ones; with `spread`, LR-ASPP's say several classes."""
    torch.manual_seed(0)
    model = get_model(network, weights=None, weights_backbone=None, num_classes=21, **options).eval()
    if spread:
        torch.nn.init.normal_(model.classifier.low_classifier.weight, std=spread)
    torch.save(model.state_dict(), cache / file_name(network))
    return model


def test_labels_are_the_network_s_own(cache):
    model = put(cache, SMALL, spread=1000.0)
    image = photograph("coffee", size=(90, 130))
    result = segment(image, SMALL, device="cpu")
    with torch.inference_mode():
        scores = model(get_model_weights(SMALL).DEFAULT.transforms()(image)[None])["out"]
        scores = torch.nn.functional.interpolate(scores, (90, 130), mode="bilinear")
    assert result.available
    assert torch.equal(result.labels, scores.argmax(1)[0])
    assert torch.equal(result.logits, scores[0])
    assert len(result.labels.unique()) > 1
    assert result.labels.dtype == torch.int64


def test_auxiliary_classifier_in_the_file_is_no_obstacle(cache):
    put(cache, "deeplabv3_mobilenet_v3_large", aux_loss=True)
    assert segment(photograph(size=(40, 40)), "deeplabv3_mobilenet_v3_large").labels.shape == (40, 40)


def test_classes_are_voc_s():
    # and so `plot.painted(labels, VOC.colours)` paints them
    assert len(NETWORKS) == 6
    for network in NETWORKS:
        categories = [name.strip("_") for name in get_model_weights(network).DEFAULT.meta["categories"]]
        assert len(categories) == len(VOC.colours) == len(VOC.classes)
        assert [name.replace(" ", "") for name in categories] == [name.replace(" ", "") for name in VOC.classes]


def test_found_counts_shares():
    labels = torch.tensor([[0, 0, 0, 2], [2, 1, 0, 0]])
    classes = ("background", "cat", "cup", "dog")
    result = pretrained.Segmented("net", torch.zeros(3, 2, 4), labels, torch.zeros(4, 2, 4), classes)
    assert result.found == {"background": 5 / 8, "cup": 2 / 8, "cat": 1 / 8}
    assert str(result) == "net sees background (62%), cup (25%), cat (12%)"


@pytest.mark.parametrize("kind", ["path", "str", "pil"])
def test_pictures_and_files_are_read(cache, tmp_path, kind):
    put(cache, SMALL)
    photo = photograph(size=(30, 50))
    picture = Image.fromarray((255 * photo).round().byte().permute(1, 2, 0).numpy())
    picture.save(path := tmp_path / "cat.png")
    result = segment({"path": path, "str": str(path), "pil": picture}[kind], SMALL)
    assert torch.equal(result.image, photo)
    assert result.labels.shape == (30, 50)


def test_a_file_is_turned_upright(cache, tmp_path):
    put(cache, SMALL)
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned by 90 degrees
    Image.new("RGB", (50, 30)).save(path := tmp_path / "turned.jpg", exif=exif)
    assert segment(path, SMALL).labels.shape == (50, 30)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (URLError(OSError("no route to host")), "no route to host"),
        (HTTPError("address", 403, "Forbidden", {}, None), "Forbidden"),
        (TimeoutError("timed out"), "timed out"),
        (ConnectionResetError(104, "Connection reset by peer"), "Connection reset by peer"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
@pytest.mark.filterwarnings("error")
def test_offline_is_a_record_and_no_error(shut, cache, error, reason, capsys):
    shut(error)
    result = segment(photograph(size=(30, 50)), SMALL)
    assert not result.available
    assert (result.network, result.reason, result.folder) == (SMALL, reason, cache)
    assert result.url.endswith(".pth")
    assert f"{SMALL} is not available offline: its weights (12 MB)" in str(result)
    assert str(cache) not in str(result), "a built page tells no one's folders"
    assert capsys.readouterr() == ("", "")


def test_a_silent_network_is_not_waited_for(monkeypatch):
    let_go = threading.Event()

    def urlopen(*_, **__):
        let_go.wait(10)
        raise TimeoutError

    monkeypatch.setattr(pretrained, "urlopen", urlopen)
    began = time.perf_counter()
    result = segment(photograph(size=(30, 50)), SMALL, patience=0.2)
    assert time.perf_counter() - began < 3
    assert result.reason == "no answer within 0.2 seconds"
    let_go.set()


def test_weights_in_the_cache_need_no_network(shut, cache):
    shut(AssertionError("the network was asked"))
    put(cache, SMALL)
    assert segment(photograph(size=(30, 50)), SMALL).available


class Answer:
    """What a server sends that knows nothing of the file."""

    def __init__(self):
        self.parts = [b"hello", b""]
        self.headers = Message()
        self.headers["Content-Length"] = "5"

    def info(self):
        return self.headers

    def read(self, _size):
        return self.parts.pop(0)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None


def test_another_file_than_torchvision_s_is_not_kept(monkeypatch, cache):
    monkeypatch.setattr(pretrained, "urlopen", lambda *_, **__: Answer())
    monkeypatch.setattr(torch.hub, "urlopen", lambda *_, **__: Answer())
    result = segment(photograph(size=(30, 50)), SMALL)
    assert "invalid hash value" in result.reason
    assert not list(cache.iterdir())


def test_damaged_file_in_the_cache_is_named(cache):
    (cache / file_name(SMALL)).write_bytes(b"hello")
    with pytest.raises(RuntimeError, match=r"lraspp_mobilenet_v3_large-\w+\.pth is damaged .*delete it"):
        segment(photograph(size=(30, 50)), SMALL)


def test_unknown_network_is_refused():
    with pytest.raises(ValueError, match=r"no network 'deeplabv3_resnet5' .* did you mean 'deeplabv3_resnet50'\?"):
        segment(photograph(size=(30, 50)), "deeplabv3_resnet5")


@pytest.mark.parametrize(
    "image", [torch.rand(1, 30, 50), torch.zeros(3, 30, 50, dtype=torch.uint8), 3], ids=["gray", "bytes", "number"]
)
def test_no_image_is_refused(image):
    with pytest.raises(ValueError, match=r"image must be float 3 H W from 0 to 1, a PIL picture or a path, not"):
        segment(image)


def test_missing_file_is_named():
    with pytest.raises(FileNotFoundError, match=r"nowhere\.jpg"):
        segment("nowhere.jpg")
