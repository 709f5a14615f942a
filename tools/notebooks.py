"""Keep committed notebooks small, stable and checkable.

A committed chapter holds its text, its code and the text outputs of those cells that nbval compares: the cells that
say `# NBVAL_CHECK_OUTPUT` (or have the tag `nbval-check-output`, which the reader does not see). It holds no images, no
widget state and no execution counts; the build makes them.

`python -m tools.notebooks refresh [FILE ...]` executes the chapters and stores just that.
`python -m tools.notebooks check [FILE ...]` says what is wrong with a committed chapter, without executing it.
"""

import argparse
import copy
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat import NotebookNode

from tools import ROOT, repository

KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
LANGUAGE = {"name": "python"}
KEPT_METADATA = ("cellView", "mystnb", "tags")  # cellView folds a cell in Colab
MARKER = "NBVAL_CHECK_OUTPUT"
SECONDS_PER_CELL = 120

CELLS = range(15, 51)
LINES = 15

# What only MyST understands. Colab and GitHub would show it as it is written.
MYST = {
    "a directive": re.compile(r"^ *(?:`{3,}|~{3,}|:{3,}) *\{", re.MULTILINE),
    "a colon fence": re.compile(r"^ *:{3,}", re.MULTILINE),
    "a role": re.compile(r"(?<![\\\w}])\{[A-Za-z][\w:.+-]*\}`"),
    "a target": re.compile(r"^ *\([\w.:-]+\)= *$", re.MULTILINE),
    "a block break": re.compile(r"^\+\+\+", re.MULTILINE),
    "a comment (%)": re.compile(r"^%", re.MULTILINE),
    "a substitution": re.compile(r"\{\{ *\w+ *\}\}"),
    "an attribute list": re.compile(r"^ *\{[.#][\w .#=\"-]*\} *$", re.MULTILINE),
}
CODE = re.compile(r"^(?P<fence>`{3,}|~{3,})[^{\n]*\n.*?^(?P=fence) *$|(?<![`}])`[^`\n]+`", re.MULTILINE | re.DOTALL)
MATH = re.compile(r"\$\$.*?\$\$|(?<!\$)\$[^$\n]+\$", re.DOTALL)


class BadChapterError(SystemExit):
    """A chapter cannot be stored as it is."""


def chapters() -> list[Path]:
    """The book's notebooks."""
    return sorted((ROOT / "book").glob("*.ipynb"))


def is_checked(cell: NotebookNode) -> bool:
    """Whether nbval compares this cell's output."""
    marked = f"# {MARKER}" in cell.source.splitlines() or MARKER.lower().replace("_", "-") in cell.metadata.get(
        "tags", []
    )
    return cell.cell_type == "code" and marked


def text_outputs(cell: NotebookNode) -> list[NotebookNode]:
    """The printed text and the text of the result, and nothing else."""
    kept = []
    printed = "".join(
        output.text for output in cell.outputs if output.output_type == "stream" and output.name == "stdout"
    )
    if printed:
        kept.append(nbformat.v4.new_output("stream", name="stdout", text=printed))
    kept += [
        nbformat.v4.new_output("execute_result", data={"text/plain": output.data["text/plain"]})
        for output in cell.outputs
        if output.output_type == "execute_result" and "text/plain" in output.data
    ]
    return kept


def canonical(notebook: NotebookNode) -> NotebookNode:
    """The notebook as it is committed: checked text outputs, and nothing that changes from run to run."""
    clean = copy.deepcopy(notebook)
    clean.metadata = nbformat.from_dict({"kernelspec": KERNEL, "language_info": LANGUAGE})
    clean.nbformat, clean.nbformat_minor = 4, 5  # cells have ids from 4.5 on
    for cell in clean.cells:
        cell.metadata = nbformat.from_dict({key: cell.metadata[key] for key in KEPT_METADATA if key in cell.metadata})
        cell.pop("attachments", None)
        if cell.cell_type == "code":
            cell.outputs = text_outputs(cell) if is_checked(cell) else []
            # nbval takes outputs without a count for a mistake: checked cells get one that never changes.
            cell.execution_count = 1 if cell.outputs else None
    return clean


def written(notebook: NotebookNode) -> str:
    """The notebook as the text of its file."""
    return nbformat.writes(notebook).rstrip("\n") + "\n"


def figures_without_alt(executed: NotebookNode) -> Iterator[NotebookNode]:
    """Cells that have drawn a picture and do not say in words what it shows."""
    for cell in executed.cells:
        if cell.cell_type == "code" and any("image/png" in output.get("data", {}) for output in cell.outputs):
            alt = cell.metadata.get("mystnb", {}).get("image", {}).get("alt", "")
            if not alt.strip():
                yield cell


def complaints_of_run(executed: NotebookNode) -> Iterator[str]:
    """What an executed chapter shows to be wrong."""
    for cell in figures_without_alt(executed):
        metadata = '{"mystnb": {"image": {"alt": "..."}}}'
        yield f"cell {cell.id} draws a figure without alt text: give it the metadata {metadata}"
    for cell in executed.cells:
        if not is_checked(cell):
            continue
        kinds = {kind for output in cell.outputs for kind in output.get("data", {})} - {"text/plain"}
        if kinds or any(output.get("name") == "stderr" for output in cell.outputs):
            what = ", ".join(sorted(kinds)) or "text on stderr"
            yield f"cell {cell.id} is marked {MARKER} but also shows {what}: check text in a cell of its own"
        elif not text_outputs(cell):
            yield f"cell {cell.id} is marked {MARKER} but shows nothing: print the checked number, or drop the mark"


def complaints(path: Path, where: repository.Address) -> Iterator[str]:
    """What is wrong with a committed chapter, seen without executing it."""
    text = path.read_text(encoding="utf-8")
    try:
        notebook = nbformat.reads(text, as_version=4)
        nbformat.validate(notebook)
    except Exception as error:  # nbformat raises many kinds, and each means the same
        yield f"it is not a valid notebook: {error}"
        return
    if text != written(canonical(notebook)):
        yield "it holds outputs, counts or metadata that are not committed: run `make refresh`"
    if len(notebook.cells) not in CELLS:
        yield f"it has {len(notebook.cells)} cells; a chapter has {CELLS.start} to {CELLS.stop - 1}"
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    if not code or code[0].source != repository.setup_cell(where):
        yield "its first code cell is not the setup cell: copy it from a finished chapter"
    for cell in code:
        if (lines := len(cell.source.splitlines())) > LINES:
            yield f"cell {cell.id} has {lines} lines, at most {LINES} are read: move the rest to seglib"
        if is_checked(cell) and not cell.outputs:
            yield f"cell {cell.id} is marked {MARKER} but no output is stored: run `make refresh`"
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            # Code and formulas may hold braces and colons; a role's own backticks are not code.
            prose = MATH.sub("", CODE.sub("", cell.source))
            for name, pattern in MYST.items():
                if match := pattern.search(prose):
                    yield f"cell {cell.id} has {name} of MyST, which Colab shows as text: {match[0].strip()!r}"


def refresh(path: Path) -> None:
    """Execute a chapter and store it with its checked text outputs."""
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    client = NotebookClient(
        notebook,
        timeout=SECONDS_PER_CELL,
        kernel_name=KERNEL["name"],
        resources={"metadata": {"path": str(path.parent)}},  # as the build does
    )
    try:
        client.execute()
    except CellExecutionError as error:
        raise BadChapterError(f"{path.name}: a cell failed, nothing was stored.\n{error}") from error
    wrong = list(complaints_of_run(notebook))
    if wrong:
        raise BadChapterError("\n".join(f"{path.name}: {complaint}" for complaint in wrong))
    path.write_text(written(canonical(notebook)), encoding="utf-8")


def main() -> None:
    """Refresh or check chapters."""
    parser = argparse.ArgumentParser(description="Keep committed notebooks small, stable and checkable.")
    parser.add_argument("action", choices=["refresh", "check"])
    parser.add_argument("files", nargs="*", type=Path, help="notebooks; all chapters when none is named")
    options = parser.parse_args()
    paths = options.files or chapters()
    if options.action == "refresh":
        for path in paths:
            print(f"{path.name} ...", flush=True)
            refresh(path)
        return
    wrong = [f"{path.name}: {text}" for path in paths for text in complaints(path, repository.address())]
    print("\n".join(wrong) or f"{len(paths)} chapters are as they should be")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
