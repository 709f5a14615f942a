"""Make the project's Python environment. Runs with any Python >= 3.11 and needs nothing installed.

`python -m tools.environment` makes `.venv` and installs `requirements.txt` into it. `TORCH=cpu` takes PyTorch's wheels
without CUDA: the same versions, and 5 GB less on Linux.
"""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

from tools import ROOT

CPU_WHEELS = "https://download.pytorch.org/whl/cpu"

# The dense CRF's oracle is compiled while it is installed. Everything but its tests does without it.
COMPILED = "pydensecrf2"


def python_of(folder: Path) -> Path:
    """The interpreter of a virtual environment."""
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def create(folder: Path) -> None:
    """Make a virtual environment with the Python that runs this, unless there is one.

    Raises:
        SystemExit: this Python is too old, or Debian's and Ubuntu's python3-venv is missing.
    """
    version = ".".join(map(str, sys.version_info[:2]))
    if python_of(folder).exists():
        return
    if sys.version_info < (3, 11):  # noqa: UP036 - this is what tells people
        raise SystemExit(f"Python {version} is too old, the book needs 3.11 or newer: make PYTHON=/path/to/python3.11")
    try:
        import ensurepip  # noqa: F401 - Debian and Ubuntu ship it apart
        import venv
    except ModuleNotFoundError as error:
        raise SystemExit(
            f"Python {version} cannot make virtual environments here ({error.name} is missing). On Debian and Ubuntu:\n"
            f"  sudo apt install python{version}-venv"
        ) from error
    print(f"Making {folder.name} with Python {version}", flush=True)
    venv.create(folder, with_pip=True)


def can_compile() -> bool:
    """Whether C++ extensions of Python can be compiled here."""
    compiler = os.environ.get("CXX") or next(filter(shutil.which, ("c++", "g++", "clang++")), None)
    return bool(compiler) and (Path(sysconfig.get_path("include")) / "Python.h").exists()


def pip(folder: Path, *arguments: str) -> None:
    """Run the environment's pip; stop when it fails."""
    command = [str(python_of(folder)), "-m", "pip", "install", "--disable-pip-version-check", *arguments]
    if status := subprocess.run(command, cwd=ROOT, check=False).returncode:
        raise SystemExit(f"pip ended with {status} (see above); nothing is wrong with the book's files. Try again.")


def torch_pins(requirements: Path) -> list[str]:
    """The lines that pin PyTorch and torchvision."""
    return re.findall(r"^torch(?:vision)?==\S+", requirements.read_text(encoding="utf-8"), re.MULTILINE)


def install(folder: Path, requirements: Path) -> None:
    """Install a requirements file.

    Raises:
        SystemExit: `TORCH` is set to something unknown, or pip fails.
    """
    wheels = os.environ.get("TORCH", "")
    if wheels not in ("", "cpu"):
        raise SystemExit(f"TORCH={wheels!r} is not known: TORCH=cpu takes PyTorch without CUDA, no TORCH takes PyPI's")
    if wheels == "cpu" and sys.platform == "linux":  # elsewhere PyPI's wheels are CPU-only anyway
        # A version's local part (+cpu) satisfies the same pin, so the next step leaves these alone.
        pip(folder, "--quiet", *torch_pins(requirements), "--index-url", CPU_WHEELS)
    text = requirements.read_text(encoding="utf-8")
    if COMPILED in text and sys.version_info < (3, 13) and not can_compile():
        print(
            f"No C++ compiler or no Python.h here: {COMPILED} is left out, and with it the dense CRF's comparison.\n"
            "To have it on Debian and Ubuntu: sudo apt install g++ python3-dev, then remove .venv"
        )
        lines = [line for line in text.splitlines() if not line.startswith(COMPILED)]
        requirements = folder / "requirements-without-compiler.txt"
        # pip reads -c relative to the file that says it
        requirements.write_text("\n".join(lines).replace("-c ", f"-c {ROOT.as_posix()}/") + "\n", encoding="utf-8")
    pip(folder, "--quiet", "-r", str(requirements))


def main() -> None:
    """Make `.venv`, then let its own Python install: which packages fit depends on that one."""
    folder = ROOT / ".venv"
    if sys.argv[1:] == ["install"]:
        print("Installing requirements.txt: PyTorch is large, this takes a few minutes the first time", flush=True)
        install(folder, ROOT / "requirements.txt")
        return
    create(folder)
    command = [str(python_of(folder)), "-m", "tools.environment", "install"]
    sys.exit(subprocess.run(command, cwd=ROOT, check=False).returncode)


if __name__ == "__main__":
    main()
