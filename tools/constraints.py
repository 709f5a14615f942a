"""Pin everything that requirements.txt brings along, in `constraints.txt`, for Python 3.11 and newer on every system.

`python -m tools.constraints` keeps the versions already pinned where they still fit; `--upgrade` takes the newest.
"""

import subprocess
import sys

from tools import ROOT

HEADER = """\
# What the packages of requirements.txt need in turn, pinned exactly. Written by `make constraints`; do not edit.
"""


def main() -> None:
    """Write constraints.txt anew."""
    path = ROOT / "constraints.txt"
    wanted = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    # Without its own result, or nothing could ever change.
    wanted = "\n".join(line for line in wanted.splitlines() if not line.startswith("-c "))
    command = [sys.executable, "-m", "uv", "pip", "compile", "--universal", "--python-version", "3.11", "--no-annotate"]
    command += ["--no-header", "--quiet", "--no-emit-package", "seglib", "--output-file", str(path)]
    command += [option for option in sys.argv[1:] if option == "--upgrade"] + ["-"]
    if status := subprocess.run(command, input=wanted, text=True, cwd=ROOT, check=False).returncode:
        raise SystemExit(f"uv ended with {status} (see above); constraints.txt may be half-written: git restore it")
    pins = path.read_text(encoding="utf-8")
    if strange := [line for line in pins.splitlines() if "://" in line or line.startswith("-")]:
        raise SystemExit(f"constraints.txt may hold pins only, but has {strange}: is a private package index set?")
    path.write_text(HEADER + pins, encoding="utf-8")
    print(f"{len(pins.splitlines())} packages are pinned in constraints.txt")


if __name__ == "__main__":
    main()
