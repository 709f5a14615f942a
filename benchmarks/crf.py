"""Dense CRF in torch and in pydensecrf's C++, side by side: seconds by stage, their ratio, and whether they agree.

Each total is one run with everything in it: building the lattices, turning the unary into a first Q, ten updates, and
the answer back in the form it came in. The two take turns, and the best of the runs counts, since other programs only
ever make one slower. pydensecrf uses one thread; torch uses what `--threads` says. Waiting threads of torch do not
sleep: where other programs keep a core busy, `--threads 1` is faster than 2.

    python -m benchmarks.crf
    python -m benchmarks.crf --device cuda
    python -m benchmarks.crf --megapixels      (4000 x 3000, 2 labels, ours only)
"""

import argparse
import os
import platform
import resource
import subprocess
import sys
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
import skimage.data
import torch

from seglib.crf import DenseCRF

try:
    import pydensecrf.densecrf as dcrf
except ImportError:
    dcrf = None

PARAMETERS = {  # gaussian, bilateral
    "README 3/3, 10/80/13": ((3, 3), (10, 80, 13)),
    "DeepLab 3/3, 4/49/5": ((3, 3), (4, 49, 5)),
    "sigma_rgb=3 3/3, 5/50/3": ((3, 3), (5, 50, 3)),
    "DeepLab v2 3/1, 4/67/3": ((3, 1), (4, 67, 3)),
    "Gaussian only 3/3": ((3, 3), None),
}
PROBLEMS = (((375, 500), 21), ((240, 320), 2))  # (h, w), labels
ITERATIONS = 10
ROW = "{:25} {:>8} {:>8} {:>8} {:>8} | {:>8} {:>8} {:>8} {:>8} | {:>7} {:>9}"


def problem(size: tuple[int, int], labels: int) -> tuple[np.ndarray, np.ndarray]:
    """A photograph H W 3, uint8, and random energies K H W, smooth as those of a network."""
    h, w = size
    astronaut = skimage.data.astronaut()
    image = np.ascontiguousarray(np.tile(astronaut, (h // 512 + 1, w // 512 + 1, 1))[:h, :w])
    coarse = torch.randn(1, labels, max(2, h // 25), max(2, w // 25), generator=torch.Generator().manual_seed(0))
    energies = torch.nn.functional.interpolate(coarse, size=size, mode="bilinear")[0]
    return image, (2 * energies).contiguous().numpy()


def ours(image, energies, gaussian, bilateral, device: torch.device) -> tuple[list[float], np.ndarray]:
    """Seconds of build, start, updates and all; Q."""

    def now() -> float:
        if device.type == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter()

    with torch.inference_mode():
        times = [now()]
        crf = DenseCRF(image, gaussian=gaussian, bilateral=bilateral, device=device)
        times.append(now())
        crf(energies=energies, iterations=0)
        times.append(now())
        q = crf(energies=energies, iterations=ITERATIONS).cpu().numpy()
        times.append(now())
    build, start, rest = np.diff(times)
    return [build, start, rest - start, build + rest], q  # start is part of the last call too


def theirs(image, energies, gaussian, bilateral) -> tuple[list[float], np.ndarray]:
    """The same of pydensecrf."""
    k, h, w = energies.shape
    times = [time.perf_counter()]
    crf = dcrf.DenseCRF2D(w, h, k)
    crf.setUnaryEnergy(energies.reshape(k, -1))
    if gaussian:
        crf.addPairwiseGaussian(sxy=gaussian[1], compat=gaussian[0])
    if bilateral:
        crf.addPairwiseBilateral(sxy=bilateral[1], srgb=bilateral[2], rgbim=image, compat=bilateral[0])
    times.append(time.perf_counter())
    np.array(crf.inference(0))
    times.append(time.perf_counter())
    q = np.array(crf.inference(ITERATIONS)).reshape(k, h, w)
    times.append(time.perf_counter())
    build, start, rest = np.diff(times)
    return [build, start, rest - start, build + rest], q


def best(runs: list[list[float]]) -> list[float]:
    """The run with the least total."""
    return min(runs, key=lambda run: run[-1])


def compare(size: tuple[int, int], labels: int, repeats: int, device: torch.device) -> None:
    print(f"\n{size[1]} x {size[0]}, {labels} labels, {ITERATIONS} updates; milliseconds, a step is one update")
    names = ("build", "start", "step", "total")
    print(ROW.format("parameters", *names, *(f"C++ {name}" for name in names), "ratio", "max |dQ|"))
    image, energies = problem(size, labels)
    for name, (gaussian, bilateral) in PARAMETERS.items():
        mine, peer, q, expected = [], [], None, None
        for _ in range(repeats):
            seconds, q = ours(image, energies, gaussian, bilateral, device)
            mine.append(seconds)
            if dcrf:
                seconds, expected = theirs(image, energies, gaussian, bilateral)
                peer.append(seconds)
        rows = [[1000 * x for x in best(runs)] if runs else None for runs in (mine, peer)]
        cells = []
        for row in rows:
            cells += (
                [f"{row[0]:.1f}", f"{row[1]:.1f}", f"{row[2] / ITERATIONS:.1f}", f"{row[3]:.0f}"] if row else ["-"] * 4
            )
        ratio, difference = "-", "-"
        if dcrf:
            ratio, difference = f"{rows[1][3] / rows[0][3]:.2f}x", f"{np.abs(q - expected).max():.1e}"
        print(ROW.format(name, *cells, ratio, difference), flush=True)


def memory(argument: str) -> str:
    """Peak memory of a process of its own."""
    command = [sys.executable, "-m", "benchmarks.crf", "--memory", argument]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def measure_memory(name: str) -> None:
    """Print what a run takes at its peak, and what torch and the imports take of it."""
    given = problem(*PROBLEMS[0])
    before = peak()
    ours(*given, *PARAMETERS[name], torch.device("cpu"))
    print(f"{peak():.0f} MiB, {before:.0f} MiB before")


def peak() -> float:
    """Largest resident memory so far, in MiB; getrusage would say that of the parent process too."""
    status = Path("/proc/self/status")
    if status.exists():
        return next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmHWM")) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20  # macOS counts bytes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--megapixels", action="store_true")
    parser.add_argument("--memory", choices=PARAMETERS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if options.memory:
        measure_memory(options.memory)
        return
    device = torch.device(options.device)
    try:
        peer = f"pydensecrf2 {version('pydensecrf2')}"
    except PackageNotFoundError:
        peer = "no pydensecrf"
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.machine()
    print(
        f"torch {torch.__version__}, numpy {np.__version__}, {peer}, Python {platform.python_version()}, "
        f"{torch.get_num_threads()} threads of {os.cpu_count()} cores, {device.type} {name}, "
        f"load {os.getloadavg()[0]:.1f} before"
    )
    if options.megapixels:
        image, energies = problem((3000, 4000), 2)
        seconds, _ = ours(image, energies, *PARAMETERS["README 3/3, 10/80/13"], device)
        print(f"4000 x 3000, 2 labels, README: build {seconds[0]:.1f} s, total {seconds[-1]:.1f} s")
        print(f"peak memory {peak() / 1024:.1f} GiB")
        return
    ours(*problem((30, 40), 2), (3, 3), (10, 80, 13), device)  # the first call loads libraries
    for size, labels in PROBLEMS:
        compare(size, labels, options.repeats, device)
    if device.type == "cpu":
        print(f"\npeak memory, {PROBLEMS[0][0][1]} x {PROBLEMS[0][0][0]}, {PROBLEMS[0][1]} labels")
        for parameters in PARAMETERS:
            print(f"{parameters:25} {memory(parameters)}")
    print(f"load {os.getloadavg()[0]:.1f} after")


if __name__ == "__main__":
    main()
