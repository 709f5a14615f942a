"""Write what the last run of the tests found, for the page "How this book is tested".

Each part of `make test` leaves a record in `_build/records`, in JUnit's XML, which pytest and Node both write. This
module turns the records into `_build/tested.md`, which `book/tested.md` includes; `tools.book` calls it before it
builds. A part that has not run says so.
"""

import ast
import json
import os
import platform
import re
import xml.etree.ElementTree as ElementTree
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

from bs4 import BeautifulSoup

from tools import ROOT

PARTS = {
    "pytest": "`seglib` and the tools",
    "js": "the widgets' arithmetic, in Node",
    "notebooks": "the chapters, cell by cell",
    "site": "the built pages, in Chromium",
}
PACKAGES = ("torch", "torchvision", "jupyter-book", "ipywidgets", "anywidget")
NOT_RUN = "This copy of the book was built without its tests. After `make test` their figures stand here."


@dataclass
class Case:
    """One test: its file, its seconds, the day, whether it failed, why it was skipped, what it measured."""

    file: str
    seconds: float
    day: str = ""
    failed: bool = False
    skipped: str | None = None
    measured: list[tuple[str, float]] = field(default_factory=list)


def cases(record: Path, root: Path = ROOT) -> list[Case]:
    """The tests of a record; none where there is no record, or half of one."""
    try:
        tree = ElementTree.parse(record)
    except (FileNotFoundError, ElementTree.ParseError):
        return []
    return list(_cases(tree, root))


def _cases(tree: ElementTree.ElementTree, root: Path) -> Iterator[Case]:
    day = max((suite.get("timestamp", "")[:10] for suite in tree.iter("testsuite")), default="")
    for case in tree.iter("testcase"):
        skipped = case.find("skipped")
        measured = [(p.get("name"), float(p.get("value"))) for p in case.iter("property")]
        yield Case(
            file=_file(case, root),
            seconds=float(case.get("time", 0)),
            day=day,
            failed=case.find("failure") is not None or case.find("error") is not None,
            skipped=None if skipped is None else skipped.get("message", ""),
            measured=measured,
        )


def _file(case: ElementTree.Element, root: Path) -> str:
    """The file of a test, from the root on: Node gives its path, pytest the dotted name of its class or module."""
    if case.get("file"):
        return (root / case.get("file")).resolve().relative_to(root.resolve()).as_posix()
    parts = case.get("classname", "").split(".")
    if parts[-1] == "ipynb":
        return "/".join(parts[:-1]) + ".ipynb"
    for end in range(len(parts), 0, -1):
        path = "/".join(parts[:end]) + ".py"
        if (root / path).is_file():
            return path
    return case.get("classname", "")


def first_line(path: Path) -> str:
    """What a file of tests says of itself: the first line of its docstring, or of its first comment."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".py":
        return (ast.get_docstring(ast.parse(text)) or "").split("\n")[0]
    comment = re.match(r"//\s*(.*)", text)
    return comment.group(1) if comment else ""


def own_bytes(page: BeautifulSoup) -> int:
    """Bytes of a page's own scripts, styles and data: those of its widgets."""
    parts = {id(part): part for part in page.select(".seglib-widget, .seglib-widget script, .seglib-widget style")}
    # The script that mounts a widget follows its element.
    for widget in page.select(".seglib-widget"):
        follower = widget.find_next_sibling()
        if follower is not None and follower.name in ("script", "style"):
            parts[id(follower)] = follower
    code = sum(len((part.string or "").encode()) for part in parts.values() if part.name in ("script", "style"))
    data = sum(
        len(value.encode())
        for part in parts.values()
        for tag in (part, *part.find_all(True))
        for key, value in tag.attrs.items()
        if key.startswith("data-") and isinstance(value, str)
    )
    return code + data


def picture_bytes(page: BeautifulSoup, folder: Path) -> int:
    """Bytes of a page's own pictures: files beside it in `folder`, and those that the page holds in itself."""
    sources = [image.get("src", "") for image in page.select(".bd-article img")]
    return sum(len(source) if source.startswith("data:") else (folder / source).stat().st_size for source in sources)


def table(head: Sequence[str], rows: Sequence[Sequence[object]], numbers: int = 1) -> str:
    """A Markdown table; the columns from `numbers` on stand to the right."""
    ruler = ["---" if i < numbers else "---:" for i in range(len(head))]
    return "\n".join("| " + " | ".join(map(str, row)) + " |" for row in (head, ruler, *rows))


def time(seconds: float) -> str:
    """Seconds, or minutes and seconds."""
    minutes, rest = divmod(round(seconds), 60)
    # no-break spaces: a table on a phone would part a number from its unit
    return (
        f"{minutes}\N{NO-BREAK SPACE}min\N{NO-BREAK SPACE}{rest}\N{NO-BREAK SPACE}s"
        if minutes
        else f"{seconds:.1f}\N{NO-BREAK SPACE}s"
    )


def machine(day: str) -> str:
    """When the tests ran, on what, with which versions."""
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return (
        f"Run on {day}: {platform.system()} on {platform.machine()}, "
        f"{os.cpu_count()} cores, Python {platform.python_version()}, {packages}."
    )


def chapters(found: Sequence[Case], site: Path, root: Path) -> str:
    """A row for each chapter: cells, compared outputs, seconds, and what its page's widgets and pictures weigh."""
    rows = []
    for name in dict.fromkeys(case.file for case in found):
        notebook = json.loads((root / name).read_text(encoding="utf-8"))
        title = "".join(notebook["cells"][0]["source"]).split("\n")[0].lstrip("# ")
        compared = sum("nbval-check-output" in cell["metadata"].get("tags", []) for cell in notebook["cells"])
        own = [case for case in found if case.file == name]
        page = site / name.replace(".ipynb", ".html")
        weights = ["-", "-"]
        if page.is_file():
            parsed = BeautifulSoup(page.read_text(encoding="utf-8"), "html.parser")
            weights = [f"{n / 1000:.0f} kB" for n in (own_bytes(parsed), picture_bytes(parsed, page.parent))]
        rows.append([f"[{title}]({Path(name).name})", len(own), compared, time(sum(c.seconds for c in own)), *weights])
    return table(["Chapter", "Cells run", "Outputs compared", "Time", "Widgets", "Pictures"], rows)


def agreement(found: Sequence[Case]) -> str:
    """Measured agreement with something independent: the largest difference of all tests that measured it."""
    values = defaultdict(list)
    for case in found:
        for name, value in case.measured:
            values[name].append(value)
    rows = [[name, len(each), f"{max(each):.1e}" if max(each) else "0"] for name, each in sorted(values.items())]
    return table(["What against what", "Cases", "Largest difference"], rows)


def page(root: Path = ROOT) -> str:
    """The figures as Markdown."""
    records = root / "_build/records"
    found = {part: cases(records / f"{part}.xml", root) for part in PARTS}
    if not any(found.values()):
        return NOT_RUN + "\n"
    rows = []
    for part, words in PARTS.items():
        own = found[part]
        skipped = sum(case.skipped is not None for case in own)
        failed = sum(case.failed for case in own)
        passed = f"{len(own) - skipped - failed:,}" + (f" ({failed} failed)" if failed else "")
        count = passed if own else "not run"
        rows.append([f"`make {part}`", words, count, skipped, time(sum(case.seconds for case in own))])
    every = [case for own in found.values() for case in own]
    head = ["Command", "What is tested", "Passed", "Skipped", "Time"]
    blocks = [machine(max(case.day for case in every)), table(head, rows, 2)]
    reasons = Counter(case.skipped for case in every if case.skipped is not None)
    if reasons:
        blocks.append("Skipped, and why: " + "; ".join(f"{n} × {why}" for why, n in sorted(reasons.items())) + ".")
    if any(case.measured for case in every):
        blocks += ["## Agreement", agreement(every)]
    if found["notebooks"]:
        blocks += ["## Chapters", chapters(found["notebooks"], root / "_build/html", root)]
    files = Counter(case.file for case in every if not case.file.endswith(".ipynb"))
    lines = [[f"`{file}`", first_line(root / file), n] for file, n in sorted(files.items()) if (root / file).is_file()]
    listing = table(["File", "What it says of itself", "Tests"], lines, 2)
    blocks += ["## Every file of tests", f":::{{dropdown}} {len(lines)} files\n{listing}\n:::"]
    return "\n\n".join(blocks) + "\n"


def write(root: Path = ROOT) -> None:
    """Write `_build/tested.md`, if anything in it has changed."""
    target, text = root / "_build/tested.md", page(root)
    target.parent.mkdir(exist_ok=True)
    if not target.is_file() or target.read_text(encoding="utf-8") != text:
        target.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write()
