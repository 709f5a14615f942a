"""Files that are whole or not there: checkpoints to resume from, and what a finished run leaves."""

import hashlib
import io
import json
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor, nn

CHECKPOINT, MODEL, RECIPE, LOG = "checkpoint.pt", "model.safetensors", "recipe.json", "log.json"
# The first line of a checkpoint says what it is and holds the hash of all that follows.
MAGIC = b"seglib checkpoint 1 sha256 "


class CheckpointError(ValueError):
    """A checkpoint that cannot be resumed from; the message names the file and what to do."""


def write_atomically(path: Path, write: Callable[[IO[bytes]], Any]) -> None:
    """Write a file such that, whenever the process is killed, `path` is the old file or the new one, never a part.

    The new one is written beside it, flushed to the disk, and renamed; renaming is atomic within a folder. One name
    for all unfinished files keeps a run that is killed again and again from filling the disk.
    """
    partial = path.with_name(path.name + ".partial")
    try:
        with partial.open("wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    if os.name == "posix":  # the renaming itself must reach the disk too; other systems cannot open a folder
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write `state` (tensors, numbers, texts, and lists and dicts of them) atomically, with its hash."""
    buffer = io.BytesIO()
    torch.save(state, buffer)
    content = buffer.getbuffer()
    header = MAGIC + hashlib.sha256(content).hexdigest().encode() + b"\n"
    write_atomically(path, lambda file: (file.write(header), file.write(content)))


def load_checkpoint(path: Path, expected: dict[str, Any]) -> dict[str, Any]:
    """Read a checkpoint of a run for which `expected` (recipe, seed ...) holds.

    Raises:
        CheckpointError: the file is damaged or no checkpoint, or it is of another run.
    """
    fix = f"Move it away, choose another folder, or start again with resume=False (--no-resume), which replaces {path}"
    with path.open("rb") as file:
        header, content = file.readline(200), file.read()
    if not header.startswith(MAGIC):
        raise CheckpointError(f"{path} is no checkpoint of seglib. {fix}")
    if hashlib.sha256(content).hexdigest().encode() != header[len(MAGIC) :].strip():
        raise CheckpointError(f"{path} is damaged: its content does not have the hash that was written with it. {fix}")
    try:
        state = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except (RuntimeError, pickle.UnpicklingError, EOFError) as error:
        raise CheckpointError(f"{path} cannot be read by this version of PyTorch ({error}). {fix}") from error
    if differences := _differences(state["run"], json.loads(json.dumps(expected))):
        raise CheckpointError(f"{path} is of another run: {'; '.join(differences)}. {fix}")
    return state


def _differences(there: dict[str, Any], here: dict[str, Any], prefix: str = "") -> list[str]:
    """What two runs differ in, down to the fields of their recipes."""
    found = []
    for name in sorted(there.keys() | here.keys()):
        old, new = there.get(name), here.get(name)
        if old == new:
            continue
        if isinstance(old, dict) and isinstance(new, dict):
            found += _differences(old, new, f"{prefix}{name}.")
        else:
            found.append(f"{prefix}{name} was {old!r} and is {new!r}")
    return found


def save_model(path: Path, model: nn.Module, metadata: dict[str, str] | None = None) -> None:
    """Write a network's weights as safetensors, atomically."""
    state = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    content = safetensors.torch.save(state, metadata)
    write_atomically(path, lambda file: file.write(content))


def load_model(path: Path) -> dict[str, Tensor]:
    """The weights in a file of safetensors."""
    try:
        return safetensors.torch.load_file(path)
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{path} cannot be read as safetensors ({error}); train it again") from error


def save_json(path: Path, values: Any) -> None:
    """Write JSON atomically; NaN, which is no JSON, is refused."""
    text = json.dumps(values, indent=1, allow_nan=False, ensure_ascii=False) + "\n"
    write_atomically(path, lambda file: file.write(text.encode()))
