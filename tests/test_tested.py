"""The page "How this book is tested": its figures are those of the records, whole, broken or missing."""

import json

import pytest
from bs4 import BeautifulSoup

from tools import tested

PYTEST = """<testsuites><testsuite timestamp="2026-11-23T05:37:44" tests="4">
<testcase classname="tests.crf.test_sums.TestSums" name="a" time="1.5">
  <properties><property name="ours against theirs" value="2e-05" /></properties></testcase>
<testcase classname="tests.crf.test_sums.TestSums" name="b" time="0.5">
  <properties><property name="ours against theirs" value="3e-06" /></properties></testcase>
<testcase classname="tests.crf.test_sums" name="c" time="60"><skipped message="no GPU here" /></testcase>
</testsuite></testsuites>"""
NBVAL = """<testsuites><testsuite timestamp="2026-11-24T05:37:44" tests="2">
<testcase classname="book.one.ipynb" name="Cell 0" time="1" />
<testcase classname="book.one.ipynb" name="Cell 1" time="90" />
</testsuite></testsuites>"""
PAGE = """<div class="seglib-widget" data-state="{}"></div><script>1234</script><script>not ours</script>
<article class="bd-article"><img src="../dots.png"><img src="data:,dots"></article><img src="logo.png">"""


@pytest.fixture
def root(tmp_path):
    """A repository with one file of tests in Python, one in JavaScript, one chapter, and its built page."""
    for folder in ("_build/records", "_build/html/book", "tests/crf", "tests/js", "book"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "tests/crf/test_sums.py").write_text('"""Sums against sums.\n\nMore."""\n')
    (tmp_path / "tests/js/sums.test.mjs").write_text("// Sums in the page.\nimport x;\n")
    cells = [
        {"cell_type": "markdown", "metadata": {}, "source": ["# Chapter one\n", "\n", "*Why?*"]},
        {"cell_type": "code", "metadata": {"tags": ["nbval-check-output"]}, "source": []},
        {"cell_type": "code", "metadata": {}, "source": []},
    ]
    (tmp_path / "book/one.ipynb").write_text(json.dumps({"cells": cells}))
    (tmp_path / "_build/html/book/one.html").write_text(PAGE)
    (tmp_path / "_build/html/dots.png").write_bytes(bytes(2000))
    return tmp_path


def record(root, part, text):
    (root / f"_build/records/{part}.xml").write_text(text)


def test_book_built_without_its_tests_says_so(root):
    assert tested.page(root) == tested.NOT_RUN + "\n"


def test_figures_are_those_of_the_records(root):
    record(root, "pytest", PYTEST)
    record(root, "notebooks", NBVAL)
    case = f'<testcase name="d" time="0.01" classname="test" file="{root}/tests/js/sums.test.mjs"/>'
    record(root, "js", f"<testsuites>{case}</testsuites>")
    page = tested.page(root).replace("\N{NO-BREAK SPACE}", " ")
    assert "Run on 2026-11-24" in page  # the later one
    assert "| `make pytest` | `seglib` and the tools | 2 | 1 | 1 min 2 s |" in page
    assert "| `make js` | the widgets' arithmetic, in Node | 1 | 0 | 0.0 s |" in page
    assert "| `make site` | the built pages, in Chromium | not run | 0 | 0.0 s |" in page
    assert "Skipped, and why: 1 × no GPU here." in page
    assert "| ours against theirs | 2 | 2.0e-05 |" in page
    assert "| [Chapter one](one.ipynb) | 2 | 1 | 1 min 31 s | 0 kB | 2 kB |" in page
    assert "| `tests/crf/test_sums.py` | Sums against sums. | 3 |" in page
    assert "| `tests/js/sums.test.mjs` | Sums in the page. | 1 |" in page


def test_failures_do_not_count_as_passed(root):
    record(root, "pytest", PYTEST.replace('<skipped message="no GPU here" />', "<failure>no</failure>"))
    assert "| `make pytest` | `seglib` and the tools | 2 (1 failed) | 0 |" in tested.page(root)


def test_half_a_record_counts_as_none(root):
    record(root, "pytest", PYTEST[:200])
    assert tested.page(root) == tested.NOT_RUN + "\n"
    record(root, "notebooks", NBVAL)
    assert "| `make pytest` | `seglib` and the tools | not run |" in tested.page(root)


def test_page_is_written_only_when_a_figure_has_changed(root):
    tested.write(root)
    target = root / "_build/tested.md"
    before = target.stat().st_mtime_ns
    tested.write(root)
    assert target.stat().st_mtime_ns == before
    record(root, "notebooks", NBVAL)
    tested.write(root)
    assert "Chapter one" in target.read_text()


def test_own_bytes_are_those_of_widgets_and_of_what_mounts_them():
    assert tested.own_bytes(BeautifulSoup(PAGE, "html.parser")) == len("{}") + len("1234")


def test_makefile_records_what_the_page_reads():
    text = (tested.ROOT / "Makefile").read_text()
    assert all(f"$(RECORDS)/{part}.xml" in text for part in tested.PARTS)


def test_every_file_of_tests_says_what_it_is():
    files = [*tested.ROOT.glob("tests/**/test_*.py"), *tested.ROOT.glob("tests/js/*.test.mjs")]
    assert [path.name for path in files if not tested.first_line(path)] == []


def test_pictures_are_those_of_the_text_in_files_and_in_the_page(tmp_path):
    (tmp_path / "dots.png").write_bytes(bytes(2000))
    (tmp_path / "book").mkdir()
    assert tested.picture_bytes(BeautifulSoup(PAGE, "html.parser"), tmp_path / "book") == 2000 + len("data:,dots")
