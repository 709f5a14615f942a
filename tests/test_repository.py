"""The repository's address is the same wherever it is named, and moves everywhere at once."""

import json
import re
import shutil
import subprocess
import tomllib

import pytest
import yaml

from tools import ROOT
from tools.repository import COLAB, Address, BadAddressError, address, files, move, replaced, setup_cell

FORK = Address("some-Body", "my.fork")


def copied(folder):
    """The files that name the address, copied to `folder`."""
    for path in files():
        target = folder / path.relative_to(ROOT)
        target.parent.mkdir(exist_ok=True)
        shutil.copy(path, target)
    return folder


def test_address_is_the_one_jupyter_book_reads():
    config = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
    assert config["repository"]["url"] == str(address())
    assert config["html"]["baseurl"] == address().book


def test_package_and_citation_name_the_address():
    package = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert package["project"]["urls"]["Repository"] == str(address())
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["repository-code"] == str(address())
    assert citation["url"] == address().book


@pytest.mark.parametrize("path", files(), ids=lambda path: path.name)
def test_links_lead_to_the_address(path):
    text = path.read_text(encoding="utf-8")
    colab = re.findall(re.escape(COLAB) + r"/([^/\s]+/[^/\s]+)/blob", text)
    installs = re.findall(r"git\+(https://[\w./-]*[\w-])", text)
    assert set(colab) <= {f"{address().owner}/{address().name}"}
    assert {link.removesuffix(".git") for link in installs} <= {str(address())}


@pytest.mark.parametrize("path", sorted((ROOT / "book").glob("*.ipynb")), ids=lambda path: path.name)
def test_setup_cell_installs_from_the_address(path):
    notebook = json.loads(path.read_text(encoding="utf-8"))
    first = next(cell for cell in notebook["cells"] if cell["cell_type"] == "code")
    assert "".join(first["source"]) == setup_cell(address())


def test_no_other_file_names_the_address():
    where = address()
    command = ["git", "grep", "-l", "-i", "-F", "-e", f"{where.owner}/{where.name}", "-e", where.book]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if found.returncode == 128:
        pytest.skip("not a git checkout")
    known = {path.relative_to(ROOT).as_posix() for path in files()}
    assert set(found.stdout.split()) <= known


def test_moving_leaves_nothing_of_the_old_address_and_back_changes_nothing(tmp_path):
    folder = copied(tmp_path)
    old = address()
    before = {path: path.read_bytes() for path in files(folder)}
    changed = move(FORK, folder)
    assert {"_config.yml", "pyproject.toml", "README.md", "CITATION.cff"} <= {path.name for path in changed}
    assert set(folder.glob("book/*.ipynb")) <= set(changed)
    assert address(folder) == FORK
    for path in files(folder):
        text = path.read_text(encoding="utf-8")
        assert f"{old.owner}/{old.name}" not in text
        assert f"{old.owner.lower()}.github.io" not in text
    move(old, folder)
    assert {path: path.read_bytes() for path in files(folder)} == before


def test_moving_to_the_same_address_changes_nothing(tmp_path):
    assert move(address(), copied(tmp_path)) == []


def test_every_kind_of_link_is_led_on_and_longer_names_are_left_alone():
    old, new = Address("one", "book"), Address("Two", "Copy")
    text = (
        "https://github.com/one/book https://github.com/one/book.git https://github.com/one/book/issues. "
        "See https://github.com/one/book. git+https://github.com/one/book\n"
        f"{COLAB}/one/book/blob/main/x.ipynb https://one.github.io/book/ https://one.github.io/book/a.html "
        "https://github.com/one/book-club https://github.com/one/book.js https://one.github.io/bookshop/"
    )
    assert replaced(text, old, new) == (
        "https://github.com/Two/Copy https://github.com/Two/Copy.git https://github.com/Two/Copy/issues. "
        "See https://github.com/Two/Copy. git+https://github.com/Two/Copy\n"
        f"{COLAB}/Two/Copy/blob/main/x.ipynb https://two.github.io/Copy/ https://two.github.io/Copy/a.html "
        "https://github.com/one/book-club https://github.com/one/book.js https://one.github.io/bookshop/"
    )


@pytest.mark.parametrize("text", ["https://github.com/a/b", "https://github.com/a/b/", "https://github.com/a/b.git"])
def test_address_is_read_in_its_usual_spellings(text):
    assert Address.parse(text) == Address("a", "b")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "github.com/a/b",
        "http://github.com/a/b",
        "https://github.com/a",
        "https://github.com/a/b/c",
        "https://github.com/a/..",
        "https://github.com/a b/c",
        "https://gitlab.com/a/b",
        "git@github.com:a/b.git",
        "https://github.com/a/b?x",
    ],
)
def test_bad_address_is_named_with_the_form_it_must_have(text):
    with pytest.raises(BadAddressError, match=re.escape(f"URL={text!r} is not") + ".*https://github.com/OWNER/NAME"):
        Address.parse(text)


def test_book_of_a_users_own_page_has_no_folder():
    assert Address("Ann", "ann.github.io").book == "https://ann.github.io/"
    assert Address("Ann", "Book").book == "https://ann.github.io/Book/"
