"""Small trained copies of the networks of the book: `models.create(name, weights="scenes")` loads one.

Each is a file `<network>_<data>.safetensors` beside this one: `scenes` of most, `road` of SegNet. `manifest.json` says
of each how it came about (recipe, seed, device, seconds), what it can do (metrics), and what its bytes must be
(sha256). `python -m seglib.weights` trains all of them from nothing.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

import safetensors.torch
import torch
from torch import Tensor, nn

FOLDER: Traversable = resources.files(__name__)
MANIFEST = "manifest.json"
FIX = "Reinstall seglib, or run `make weights` in its repository"


def load(network: str, name: str = "scenes", *, folder: Traversable | None = None) -> tuple[dict[str, Tensor], dict]:
    """The weights of a trained network, in single precision, and its entry in the manifest.

    The file's hash is compared before anything in the file is looked at.

    Args:
        network: one of `seglib.models.MODELS`.
        name: what it was trained on.
        folder: where the files and their manifest lie; seglib's own if not given.

    Raises:
        ValueError: no such network has been trained on that.
        FileNotFoundError: the manifest or the file is not there.
        RuntimeError: the file or the manifest is damaged.
    """
    folder = FOLDER if folder is None else folder
    entries = manifest(folder)
    key = f"{network}_{name}"
    if key not in entries:
        near = get_close_matches(key, entries, n=1)
        hint = f"did you mean {near[0]}? " if near else ""
        raise ValueError(
            f'there is no trained copy of {network!r} with weights="{name}"; {hint}There are {_listed(entries)}'
        )
    entry = entries[key]
    file = folder / entry["file"]
    if not file.is_file():
        there = [other for other, its in entries.items() if (folder / its["file"]).is_file()]
        raise FileNotFoundError(f"{file} is missing; there are {_listed(there)}. {FIX}")
    content = file.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    if digest != entry["sha256"]:
        raise RuntimeError(f"{file} is damaged: its sha256 is {digest}, the manifest says {entry['sha256']}. {FIX}")
    return decode(content), entry


def manifest(folder: Traversable | None = None) -> dict[str, dict]:
    """What is known of every trained network, by `<network>_<name>`.

    Raises:
        FileNotFoundError: there is no manifest.
        RuntimeError: it cannot be read.
    """
    file = (FOLDER if folder is None else folder) / MANIFEST
    if not file.is_file():
        raise FileNotFoundError(f"{file} is missing, so there are no trained networks. {FIX}")
    try:
        return json.loads(file.read_bytes())
    except ValueError as error:
        raise RuntimeError(f"{file} is damaged ({error}). {FIX}") from error


def save(key: str, content: bytes, entry: Mapping, folder: Path) -> dict:
    """Write the weights `content` and their entry; a kill at any moment leaves no entry that names another file.

    The name of a file stays the same when its network is trained again. So first the old entry goes, then the new file
    comes, then the new entry.

    Returns:
        The entry with file, sha256 and bytes.
    """
    from seglib.train.checkpoint import write_atomically  # here, since who loads weights need not train any

    def write(name: str, content: bytes) -> None:
        write_atomically(folder / name, lambda file: file.write(content))

    entry = {
        **entry,
        "file": f"{key}.safetensors",
        "sha256": hashlib.sha256(content).hexdigest(),
        "bytes": len(content),
    }
    folder.mkdir(parents=True, exist_ok=True)
    entries = manifest(folder) if (folder / MANIFEST).is_file() else {}
    if key in entries and entries[key]["sha256"] != entry["sha256"]:
        del entries[key]
        write(MANIFEST, _as_text(entries))
    write(entry["file"], content)
    write(MANIFEST, _as_text(entries | {key: entry}))
    return entry


def encode(model: nn.Module, *, half: bool) -> bytes:
    """The weights of a network as a safetensors file, with `half` its kernels in half precision.

    Buffers keep their type: a running variance of 1e-8 would become 0, and one of 1e5 infinite. So do biases, factors
    and shifts, which take next to no room and whose rounding moves a whole map, and kernels too large for half.
    """
    kernels = {name for name, parameter in model.named_parameters() if parameter.ndim > 1}
    state = {}
    for name, tensor in model.state_dict().items():
        tensor = tensor.detach().cpu()
        if half and name in kernels and tensor.half().isfinite().all():
            tensor = tensor.half()
        state[name] = tensor.contiguous().clone()  # no two may share memory
    return safetensors.torch.save(state)


def decode(content: bytes) -> dict[str, Tensor]:
    """The inverse of `encode`; floating point numbers come as single precision."""
    state = safetensors.torch.load(content)
    return {name: tensor.float() if tensor.is_floating_point() else tensor for name, tensor in state.items()}


def agreement(one: nn.Module, other: nn.Module, images: Iterable[Tensor]) -> float:
    """Share of the pixels that two networks give the same label; `images` are batches `N C H W`, normalised."""
    equal = pixels = 0
    with torch.inference_mode():
        for image in images:
            same = one(image).argmax(1) == other(image).argmax(1)
            equal += int(same.sum())
            pixels += same.numel()
    return equal / pixels


def _as_text(entries: Mapping[str, Mapping]) -> bytes:
    return (json.dumps(entries, indent=2, sort_keys=True, allow_nan=False) + "\n").encode()


def _listed(keys: Iterable[str]) -> str:
    return ", ".join(sorted(keys)) or "none"


__all__ = ["FOLDER", "MANIFEST", "agreement", "decode", "encode", "load", "manifest", "save"]
