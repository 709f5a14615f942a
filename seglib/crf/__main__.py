"""Refine a coarse label picture with a dense CRF.

    python -m seglib.crf photo.jpg coarse.png -o refined.png --picture before_after.png

Labels are the values of a greyscale or palette picture; --ignore names the one that means "not known". The result has
the same values and palette.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image, UnidentifiedImageError
from skimage.segmentation import find_boundaries
from tqdm import tqdm

from seglib.crf.mean_field import DenseCRF

MODES = ("L", "P", "1", "I;16", "I")
# Okabe and Ito's colours, which colour-blind eyes tell apart too
COLOURS = ((230, 159, 0), (86, 180, 233), (0, 158, 115), (240, 228, 66), (0, 114, 178), (213, 94, 0), (204, 121, 167))


class _UserError(Exception):
    """Something that the user can mend, in one sentence."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code: 0, or 2 for input that is wrong."""
    options = _parser().parse_args(arguments)
    try:
        refine(options)
    except _UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def refine(options: argparse.Namespace) -> None:
    """Read, refine, write."""
    if options.output.suffix.lower() != ".png":
        raise _UserError(f"{options.output}: labels are kept by PNG only; name the result .png")
    for path in (options.output, options.picture):
        _check_output(path)
    if not 0 < options.gt_prob < 1:
        raise _UserError(f"--gt-prob {options.gt_prob} is no probability between 0 and 1")
    if options.iterations < 0:
        raise _UserError(f"--iterations {options.iterations} is below 0")
    image = np.asarray(_open(options.image).convert("RGB"))
    labels_file = _open(options.labels)
    if labels_file.mode not in MODES:
        raise _UserError(
            f"{options.labels} is a picture of mode {labels_file.mode}, not of labels; give a greyscale or palette "
            "picture whose values are the labels"
        )
    labels = np.asarray(labels_file).astype(np.int64)
    if labels.shape != image.shape[:2]:
        (h, w), (rows, columns) = image.shape[:2], labels.shape
        raise _UserError(
            f"{options.labels} is {columns} x {rows} and {options.image} is {w} x {h} (width x height); "
            "resize the labels with nearest neighbours"
        )
    values = np.unique(labels)
    values = values[values != options.ignore] if options.ignore is not None else values
    if len(values) < 2:
        raise _UserError(f"{options.labels} has {len(values)} labels; there is nothing to refine with less than 2")
    device = _device(options.device)
    energies = _energies(labels, values, options.gt_prob).to(device)
    try:
        crf = DenseCRF(
            image,
            gaussian=None if options.no_gaussian else tuple(options.gaussian),
            bilateral=None if options.no_bilateral else tuple(options.bilateral),
            normalization=options.normalization,
            device=device,
        )
    except ValueError as error:
        raise _UserError(str(error)) from error
    with torch.inference_mode():
        q = crf(energies=energies, iterations=0)
        steps = crf.iterate(energies=energies, iterations=options.iterations)
        for q in tqdm(steps, total=options.iterations, desc="mean field", unit="step", disable=options.quiet):  # noqa: B007
            pass
    refined = values[q.argmax(0).cpu().numpy()]
    result = Image.fromarray(refined.astype(np.uint8 if values.max() < 256 else np.uint16))
    if labels_file.mode == "P":
        result.putpalette(labels_file.getpalette())
    _save(result, options.output)
    changed = float((refined != labels).mean())
    print(f"{options.output}: {len(values)} labels, {100 * changed:.1f} % of the pixels changed")
    if options.picture:
        _save(_before_after(image, labels, refined, values), options.picture)
        print(f"{options.picture}: photograph, before, after")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m seglib.crf", description=__doc__.split("\n\n")[0])
    parser.add_argument("image", type=Path, help="the photograph")
    parser.add_argument("labels", type=Path, help="its labels: a greyscale or palette picture of the same size")
    parser.add_argument("-o", "--output", type=Path, required=True, help="the refined labels, a PNG")
    parser.add_argument("--picture", type=Path, help="also write photograph, before and after side by side")
    parser.add_argument("--iterations", type=int, default=10, help="updates (default: 10)")
    parser.add_argument("--gt-prob", type=float, default=0.9, help="how sure the labels are (default: 0.9)")
    parser.add_argument("--ignore", type=int, help="the value that means: not known")
    names = ("WEIGHT", "SIGMA"), ("WEIGHT", "SIGMA_XY", "SIGMA_RGB")
    parser.add_argument(
        "--gaussian", type=float, nargs=2, metavar=names[0], default=(3, 3), help="smoothness (default: 3 3)"
    )
    parser.add_argument(
        "--bilateral",
        type=float,
        nargs=3,
        metavar=names[1],
        default=(4, 49, 5),
        help="appearance (default: 4 49 5, as in DeepLab's script)",
    )
    parser.add_argument("--no-gaussian", action="store_true", help="leave the smoothness term out")
    parser.add_argument("--no-bilateral", action="store_true", help="leave the appearance term out")
    parser.add_argument("--normalization", choices=("symmetric", "after", "before", "none"), default="symmetric")
    parser.add_argument("--device", help="cpu, cuda, ... (default: a GPU if there is one)")
    parser.add_argument("--quiet", action="store_true", help="no progress bar")
    return parser


def _open(path: Path) -> Image.Image:
    if not path.is_file():
        raise _UserError(f"{path} {'is a folder' if path.is_dir() else 'does not exist'}; give a picture")
    try:
        with Image.open(path) as picture:
            picture.load()
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise _UserError(f"{path} cannot be read as a picture ({error}); is it complete?") from error
    return picture


def _device(name: str | None) -> torch.device:
    try:
        device = torch.device(name or ("cuda" if torch.cuda.is_available() else "cpu"))
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise _UserError(f"--device {name} cannot be used here ({reason}); leave it out, or say cpu") from error
    return device


def _energies(labels: np.ndarray, values: np.ndarray, gt_prob: float) -> torch.Tensor:
    """-log P, K H W: gt_prob for the label of a pixel, the rest spread over the others; uniform where not known."""
    k = len(values)
    right = labels[None] == values[:, None, None]
    probability = np.where(right, gt_prob, (1 - gt_prob) / (k - 1))
    probability[:, ~right.any(0)] = 1 / k
    return torch.from_numpy(-np.log(probability).astype(np.float32))


def _before_after(image: np.ndarray, before: np.ndarray, after: np.ndarray, values: np.ndarray) -> Image.Image:
    """Photograph, and both label pictures laid over it, outlined in white; label 0, most often background, is clear."""
    panels = [image]
    for labels in (before, after):
        panel = image.astype(float)
        for i, value in enumerate(values[values != 0]):
            inside = labels == value
            panel[inside] = 0.45 * panel[inside] + 0.55 * np.array(COLOURS[i % len(COLOURS)])
        panel[~np.isin(labels, values)] *= 0.4  # not known
        panel[find_boundaries(labels, mode="inner")] = 255
        panels.append(panel.astype(np.uint8))
    return Image.fromarray(np.concatenate(panels, axis=1))


def _check_output(path: Path | None) -> None:
    """Refuse before the work what could not be written after it."""
    if path is None:
        return
    if path.suffix.lower() not in Image.registered_extensions():
        raise _UserError(f"{path}: {path.suffix or 'no suffix'} is no kind of picture; name it .png")
    if not path.parent.is_dir():
        raise _UserError(f"{path}: the folder {path.parent} does not exist; make it first")


def _save(picture: Image.Image, path: Path) -> None:
    """Write the whole file or none."""
    handle, name = tempfile.mkstemp(dir=path.parent, suffix=path.suffix)
    try:
        with os.fdopen(handle, "wb") as file:
            picture.save(file, format=Image.registered_extensions()[path.suffix.lower()])
        mask = os.umask(0)
        os.umask(mask)
        Path(name).chmod(0o666 & ~mask)
        Path(name).replace(path)
    except BaseException as error:
        Path(name).unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise _UserError(f"{path} cannot be written ({error})") from error
        raise


if __name__ == "__main__":
    sys.exit(main())
