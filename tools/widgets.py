"""Bundle the widgets' JavaScript: each `seglib/widgets/js/NAME.js` becomes one file, `seglib/widgets/static/NAME.js`.

`python -m tools.widgets` writes the bundles, which are committed so that a Colab install needs no Node.
`tests/test_bundles.py` fails when one is stale.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

from tools import ROOT, node

SOURCES = ROOT / "seglib/widgets/js"
BUNDLES = ROOT / "seglib/widgets/static"

# A widget is an ES module. host.js is written into the page beside its call, so it is a plain script with one name.
FORMATS = {"host": ["--format=iife", "--global-name=host"]}


def bundle(folder: Path) -> list[Path]:
    """Bundle every widget into `folder` and return the files written."""
    esbuild = ROOT / "node_modules/esbuild/bin/esbuild"
    if not esbuild.exists():
        raise SystemExit(f"{esbuild.relative_to(ROOT)} is missing: run `make widgets`, which installs it")
    written = []
    for source in sorted(SOURCES.glob("*.js")):
        target = folder / source.name
        result = node.run(
            [
                str(esbuild),
                str(source),
                "--bundle",
                "--minify",
                *FORMATS.get(source.stem, ["--format=esm"]),
                "--target=es2022",
                "--charset=utf8",
                "--loader:.css=text",
                "--log-level=warning",
                f"--outfile={target}",
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        if result.returncode or result.stdout.strip():
            raise SystemExit(f"esbuild on {source.relative_to(ROOT)}:\n{result.stdout}")
        written.append(target)
    return written


def stale() -> list[str]:
    """What is wrong with the committed bundles, in words; an empty list when they are fresh."""
    with tempfile.TemporaryDirectory() as folder:
        fresh = {path.name: path.read_bytes() for path in bundle(Path(folder))}
    committed = {path.name: path.read_bytes() for path in BUNDLES.glob("*.js")}
    complaints = [f"{name} has no source in seglib/widgets/js" for name in sorted(committed.keys() - fresh.keys())]
    complaints += [
        f"{name} is {'missing' if name not in committed else 'older than its source'}"
        for name in sorted(fresh)
        if committed.get(name) != fresh[name]
    ]
    return complaints


if __name__ == "__main__":
    for path in bundle(BUNDLES):
        print(f"{path.relative_to(ROOT)}: {path.stat().st_size / 1000:.1f} kB")
    sys.exit(0)
