"""Execute the chapters and build the book into `_build/html`.

`python -m tools.book` builds what has changed; `--strict` reads every page again and takes warnings as errors.

Executed chapters are kept by jupyter-cache, which looks at a notebook's code only. A chapter shows what seglib and
PyTorch answer, so this module drops the kept answers when seglib's files or the installed packages have changed.
"""

import argparse
import hashlib
import importlib.metadata
import shutil
import subprocess
import sys
from pathlib import Path

from tools import ROOT, tested

BUILD = ROOT / "_build"
STAMP = BUILD / ".answers-made-with"

READ_BY_CHAPTERS = "seglib"  # code, bundles, weights, recorded results


def fingerprint(root: Path = ROOT) -> str:
    """A hash of everything that a chapter's answers depend on, besides the chapter itself."""
    digest = hashlib.sha256(sys.version.encode())
    for package in sorted(f"{item.name}=={item.version}" for item in importlib.metadata.distributions()):
        digest.update(package.encode())
    for path in sorted((root / READ_BY_CHAPTERS).rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            digest.update(path.relative_to(root).as_posix().encode() + b"\0")
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def drop_old_answers(build: Path, now: str) -> bool:
    """Throw away executed chapters that were made with other code; whether anything was thrown away.

    Sphinx keeps the answers too, inside the pages that it has read; both go.
    """
    stamp = build / STAMP.name
    before = stamp.read_text().strip() if stamp.exists() else None
    build.mkdir(exist_ok=True)
    stamp.write_text(now + "\n")
    if before == now:
        return False
    kept = [build / ".jupyter_cache", build / ".doctrees"]
    had = any(folder.exists() for folder in kept)
    for folder in kept:
        shutil.rmtree(folder, ignore_errors=True)
    return had


def jupyter_book(*options: str) -> int:
    """Run Jupyter Book's builder; its exit status."""
    # Not `python -m jupyter_book`: the package has no __main__.
    start = "import sys; from jupyter_book.cli.main import main; sys.exit(main())"
    command = [sys.executable, "-c", start, "build", str(ROOT), "--path-output", str(ROOT), *options]
    return subprocess.run(command, cwd=ROOT, check=False).returncode


def main() -> None:
    """Build the book and say where to open it."""
    parser = argparse.ArgumentParser(description="Execute the chapters and build the book.")
    parser.add_argument("--strict", action="store_true", help="read every page again; warnings are errors")
    options = parser.parse_args()
    if drop_old_answers(BUILD, fingerprint()):
        print("seglib or an installed package has changed: the chapters run anew.", flush=True)
    tested.write()
    status = jupyter_book(*(["--all", "-W", "-n", "--keep-going"] if options.strict else []))
    if status:
        # A chapter that failed half-way must not count as built.
        raise SystemExit(f"The book was not built (see above): jupyter-book ended with {status}.")
    print(f"\nThe book is built. Open {(BUILD / 'html/index.html').as_uri()}\nor run `make serve`.")


if __name__ == "__main__":
    main()
