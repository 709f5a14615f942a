"""The repository's address. It has one home, `repository: url:` in `_config.yml`; everything else is made from it.

`python -m tools.repository` prints it. `python -m tools.repository URL` moves the book to another address: it rewrites
the configuration, the package's metadata, the links in the texts and the setup cell of every notebook. A fork's
publishing workflow does that with the fork's own address, so that a fork works unedited.
"""

import re
import sys
from dataclasses import dataclass
from pathlib import Path

from tools import ROOT

COLAB = "https://colab.research.google.com/github"

# The first code cell of every chapter.
SETUP_CELL = """\
# In Colab this installs seglib and nothing else; elsewhere seglib is there already.
import importlib.util

if importlib.util.find_spec("seglib") is None:
    %pip install --quiet git+{address}"""

CONFIGURED = re.compile(r"^repository:\n(?:[ #].*\n)*? +url: *(\S+) *$", re.MULTILINE)


class BadAddressError(ValueError):
    """The address is not one of a GitHub repository."""


@dataclass(frozen=True)
class Address:
    """A repository on GitHub.

    Attributes:
        owner: the user or organisation.
        name: the repository's name.
    """

    owner: str
    name: str

    @classmethod
    def parse(cls, text: str) -> "Address":
        """Read an address such as https://github.com/OWNER/NAME; a final slash or `.git` is dropped.

        Raises:
            BadAddressError: it is anything else. Colab opens notebooks from GitHub only, and the online book's address
                follows GitHub Pages' rule, so no other host will do.
        """
        match = re.fullmatch(r"https://github\.com/([A-Za-z0-9][A-Za-z0-9-]{0,38})/([\w.-]{1,100}?)(?:\.git)?/?", text)
        if not match or set(match[2]) == {"."}:
            raise BadAddressError(f"URL={text!r} is not a repository's address: write https://github.com/OWNER/NAME")
        return cls(*match.groups())

    def __str__(self) -> str:
        return f"https://github.com/{self.owner}/{self.name}"

    @property
    def book(self) -> str:
        """Where GitHub Pages publishes the book."""
        host = f"{self.owner.lower()}.github.io"
        return f"https://{host}/" if self.name.lower() == host else f"https://{host}/{self.name}/"

    @property
    def colab(self) -> str:
        """What Colab's links to the notebooks start with; `/blob/BRANCH/PATH` follows."""
        return f"{COLAB}/{self.owner}/{self.name}"


def address(root: Path = ROOT) -> Address:
    """The address in `_config.yml`."""
    match = CONFIGURED.search((root / "_config.yml").read_text(encoding="utf-8"))
    if not match:
        raise SystemExit(
            "_config.yml has no `repository:` with a `url:` in it: add `url: https://github.com/OWNER/NAME`"
        )
    return Address.parse(match[1])


def setup_cell(where: Address) -> str:
    """The source of every chapter's first code cell."""
    return SETUP_CELL.format(address=where)


def files(root: Path = ROOT) -> list[Path]:
    """Every file that may name the address."""
    single = [root / name for name in ("_config.yml", "pyproject.toml", "CITATION.cff")]
    found = [path for path in single if path.exists()]
    for pattern in ("*.md", "book/*.md", "book/*.ipynb"):
        found += sorted(root.glob(pattern))
    return found


def replaced(text: str, old: Address, new: Address) -> str:
    """`text` with every link to the old repository, its Colab links and its online book led to the new one."""
    # Where a longer name goes on, another repository is meant.
    for before, after in [(str(old), str(new)), (old.colab, new.colab)]:
        text = re.sub(re.escape(before) + r"(?=\.git\b|\.?(?:[^\w.-]|$))", after, text, flags=re.MULTILINE)
    return re.sub(re.escape(old.book.rstrip("/")) + r"(?:/|(?![\w.-]))", lambda _: new.book, text)


def move(new: Address, root: Path = ROOT) -> list[Path]:
    """Lead everything to `new`; the files that changed."""
    old = address(root)
    changed = []
    for path in files(root):
        before = path.read_text(encoding="utf-8")
        after = replaced(before, old, new)
        if after != before:
            path.write_text(after, encoding="utf-8")
            changed.append(path)
    return changed


def main() -> None:
    """Print the address, or change it."""
    if len(sys.argv) == 1:
        print(address())
        return
    try:
        new = Address.parse(sys.argv[1])
    except BadAddressError as error:
        raise SystemExit(str(error)) from error
    changed = move(new)
    print(f"The repository is {new}, the book {new.book}")
    print("\n".join(f"  {path.relative_to(ROOT)}" for path in changed) or "  (nothing had to change)")


if __name__ == "__main__":
    main()
