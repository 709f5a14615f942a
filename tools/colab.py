"""Run the chapters and the tests with Colab's versions, and write down how it went.

`python -m tools.colab` finds a Python 3.13, makes `.venv-colab` with `tests/colab.txt`, shows that installing seglib
there would change nothing that is there, runs the chapters (nbval) and the tests, and writes `benchmarks/colab.txt`.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from tools import ROOT
from tools.environment import install, python_of

FOLDER = ROOT / ".venv-colab"
REQUIREMENTS = ROOT / "tests/colab.txt"
STAMP = FOLDER / "requirements.txt"
RECORD = ROOT / "benchmarks/colab.txt"
VERSION = "3.13"
NAMED = [
    "torch",
    "torchvision",
    "numpy",
    "matplotlib",
    "scikit-image",
    "ipywidgets",
    "anywidget",
    "ipykernel",
    "ipython",
]

# Colab's ipykernel and jupyter-client are older than Python 3.13 and warn of it. Here warnings are not ours to mend.
PYTEST = ["pytest", "-o", "filterwarnings=default", "--disable-warnings", "-p", "no:cacheprovider"]
TESTS = [f"tests/{folder}" for folder in ("widgets", "receptive_field", "models", "crf", "data", "metrics", "train")]

# What seglib needs and Colab has not: pure Python, and satisfied with what is there.
ADDED = {"torchmetrics", "lightning-utilities"}


def candidates() -> Iterator[str]:
    """Files that may be a Python 3.13, best first."""
    if named := os.environ.get("COLAB_PYTHON"):
        yield named
    yield f"python{VERSION}"
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    yield from map(str, sorted(pyenv.glob(f"{VERSION}.*/bin/python"), reverse=True))
    yield "python3"


def find_python() -> str:
    """A Python 3.13.

    Raises:
        SystemExit: there is none.
    """
    ask = "import sys; print('%d.%d' % sys.version_info[:2])"
    for python in candidates():
        if path := shutil.which(python):
            answer = subprocess.run([path, "-c", ask], capture_output=True, text=True, check=False)
            if answer.returncode == 0 and answer.stdout.strip() == VERSION:
                return path
    raise SystemExit(
        f"Colab runs Python {VERSION}, and none is here. Install one (pyenv install {VERSION}), "
        f"or name one: make colab COLAB_PYTHON=/path/to/python{VERSION}"
    )


def prepare() -> None:
    """Make `.venv-colab` with Colab's versions and seglib, unless it is there."""
    python = python_of(FOLDER)
    wanted = REQUIREMENTS.read_text(encoding="utf-8")
    if not (STAMP.exists() and STAMP.read_text(encoding="utf-8") == wanted):
        subprocess.run([find_python(), "-m", "venv", str(FOLDER)], check=True)
        print("Installing Colab's versions: PyTorch is large, this takes a few minutes the first time", flush=True)
        install(FOLDER, REQUIREMENTS)
    command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-e", "."]
    subprocess.run(command, cwd=ROOT, check=True)
    STAMP.write_text(wanted, encoding="utf-8")


def installed_by_seglib() -> tuple[list[str], list[str]]:
    """What `pip install` of seglib has changed among Colab's versions, and what it has added to them."""
    command = [str(python_of(FOLDER)), "-m", "pip", "list", "--format=json", "--disable-pip-version-check"]
    report = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    there = {canonical(item["name"]): item["version"] for item in report}
    lines = (line.split("#")[0].strip() for line in REQUIREMENTS.read_text(encoding="utf-8").splitlines())
    colabs = {canonical(name): version for name, _, version in (line.partition("==") for line in lines if line)}
    changed = [
        f"{name} {version} -> {there.get(name)}" for name, version in colabs.items() if there.get(name) != version
    ]
    added = [f"{name} {there[name]}" for name in sorted(ADDED & there.keys())]
    return changed, added


def canonical(name: str) -> str:
    """A distribution's name as PyPI compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def run(arguments: list[str]) -> tuple[int, str]:
    """Run a command of the environment, showing what it prints; its exit status and its closing line."""
    print("$", " ".join(arguments), flush=True)
    command = [str(python_of(FOLDER)), "-m", *arguments]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    last = ""
    for line in process.stdout or ():
        print(line, end="", flush=True)
        last = line.strip() or last
    return process.wait(), re.sub(r"\x1b\[[0-9;]*m", "", last).strip("= ")


def versions() -> str:
    """Python and the packages that matter, one a line."""
    script = (
        "import platform, sys; from importlib.metadata import version\n"
        "print('python', platform.python_version())\n"
        "for name in sys.argv[1:]: print(name, version(name))"
    )
    command = [str(python_of(FOLDER)), "-c", script, *NAMED]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def main() -> None:
    """Make the environment, check seglib's bounds, run everything, write it down."""
    prepare()
    changed, added = installed_by_seglib()
    if changed:
        raise SystemExit(f"Installing seglib in Colab would also change {', '.join(changed)}: lower its bounds")
    what = f"installing seglib changes nothing that is there, and adds {', '.join(added)}"
    print(what)
    notebooks = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "book").glob("*.ipynb"))
    nbval = ["--nbval-lax", "--nbval-current-env", "--nbval-cell-timeout=300"]
    results = {}
    for name in notebooks:
        results[name] = run([*PYTEST, *nbval, name])
    results[" ".join(TESTS)] = run([*PYTEST, *TESTS])
    lines = [
        "Colab's versions. Written by `make colab`.",
        f"run on {datetime.now(UTC):%Y-%m-%d}, without a GPU" if not shutil.which("nvidia-smi") else "run with a GPU",
        "",
        versions().rstrip(),
        "",
        what,
        *(f"{name}: {line}" for name, (_, line) in results.items()),
    ]
    RECORD.parent.mkdir(exist_ok=True)
    RECORD.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"\n{RECORD.read_text(encoding='utf-8')}\nWritten to {RECORD.relative_to(ROOT)}")
    sys.exit(any(status for status, _ in results.values()))


if __name__ == "__main__":
    main()
