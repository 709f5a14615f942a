"""Checkpoints: whole or not there, and refused when broken."""

import hashlib
import io
import json

import pytest
import torch

from seglib.train import CheckpointError, checkpoint, train
from tests.train.tiny import RECIPE, Blocks

RUN = {"recipe": {"name": "tiny", "crop": (8, 8)}, "seed": 0}
STATE = {"run": json.loads(json.dumps(RUN)), "step": 3, "model": {"w": torch.arange(6.0)}}


@pytest.fixture
def path(tmp_path):
    path = tmp_path / checkpoint.CHECKPOINT
    checkpoint.save_checkpoint(path, STATE)
    return path


def test_what_is_saved_is_loaded(path):
    state = checkpoint.load_checkpoint(path, RUN)
    assert state["step"] == 3
    assert torch.equal(state["model"]["w"], torch.arange(6.0))


@pytest.mark.parametrize("fails", ["write", "fsync", "replace"])
def test_a_failure_at_any_moment_leaves_the_old_file(path, monkeypatch, fails):
    before = path.read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    if fails == "fsync":
        monkeypatch.setattr(checkpoint.os, "fsync", full)
    if fails == "replace":
        monkeypatch.setattr(type(path), "replace", full)

    def write(file):
        file.write(b"half of it")
        if fails == "write":
            full()

    with pytest.raises(OSError, match="No space left"):
        checkpoint.write_atomically(path, write)
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_the_content_is_on_the_disk_before_the_name_is_changed(path, monkeypatch):
    order = []
    sync, replace = checkpoint.os.fsync, type(path).replace
    monkeypatch.setattr(checkpoint.os, "fsync", lambda handle: (order.append("fsync"), sync(handle)))
    monkeypatch.setattr(type(path), "replace", lambda self, to: (order.append("replace"), replace(self, to)))
    checkpoint.write_atomically(path, lambda file: file.write(b"new"))
    assert order[:2] == ["fsync", "replace"]
    assert path.read_bytes() == b"new"


@pytest.mark.parametrize("damage", ["bit", "cut", "empty", "foreign", "torch"])
def test_a_broken_file_is_refused_by_name(path, damage):
    content = path.read_bytes()
    if damage == "bit":
        path.write_bytes(content[:-40] + bytes([content[-40] ^ 1]) + content[-39:])
    elif damage == "torch":
        torch.save({"model": {}}, path)
    else:
        path.write_bytes({"cut": content[: len(content) // 2], "empty": b"", "foreign": b"PNG\n" * 50}[damage])
    with pytest.raises(CheckpointError) as error:
        checkpoint.load_checkpoint(path, RUN)
    assert str(path) in str(error.value)
    assert "resume=False" in str(error.value)


def test_a_file_that_would_run_code_is_refused(path):
    class Bomb:
        def __reduce__(self):
            return (pytest.fail, ("the checkpoint ran code",))

    buffer = io.BytesIO()
    torch.save({"run": RUN, "model": Bomb()}, buffer)
    content = buffer.getvalue()
    path.write_bytes(checkpoint.MAGIC + hashlib.sha256(content).hexdigest().encode() + b"\n" + content)
    with pytest.raises(CheckpointError, match="cannot be read"):
        checkpoint.load_checkpoint(path, RUN)


def test_training_does_not_touch_a_broken_checkpoint(tmp_path):
    path = tmp_path / checkpoint.CHECKPOINT
    path.write_bytes(b"not a checkpoint")
    with pytest.raises(CheckpointError, match="no checkpoint of seglib"):
        train(RECIPE, dataset=Blocks(), folder=tmp_path, progress=False)
    assert path.read_bytes() == b"not a checkpoint"


def test_a_broken_model_file_is_refused_by_name(tmp_path):
    path = tmp_path / checkpoint.MODEL
    path.write_bytes(b"\xff" * 100)
    with pytest.raises(CheckpointError, match=r"model\.safetensors"):
        checkpoint.load_model(path)


def test_json_is_json(tmp_path):
    with pytest.raises(ValueError, match="not JSON compliant"):
        checkpoint.save_json(tmp_path / "log.json", [float("nan")])
    assert list(tmp_path.iterdir()) == []
