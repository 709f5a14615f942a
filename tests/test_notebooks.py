"""Committed chapters hold what they should and nothing else; and the tool that sees to it does."""

import re

import nbformat
import pytest
import yaml
from nbformat import v4

from tools import ROOT, repository
from tools.notebooks import CELLS, BadChapterError, canonical, chapters, complaints, complaints_of_run, refresh, written

WHERE = repository.address()


def chapter(*cells, count=16):
    """A legal chapter with `cells` after its setup cell."""
    cells = [v4.new_code_cell(repository.setup_cell(WHERE), id="setup"), *cells]
    cells += [v4.new_markdown_cell(f"Text {i}.", id=f"text{i}") for i in range(count - len(cells))]
    return canonical(v4.new_notebook(cells=cells))


def found(tmp_path, notebook):
    """The complaints about a notebook, as one text."""
    path = tmp_path / "chapter.ipynb"
    path.write_text(written(notebook), encoding="utf-8")
    return "\n".join(complaints(path, WHERE))


@pytest.mark.parametrize("path", chapters(), ids=lambda path: path.name)
def test_committed_chapter_is_as_it_should_be(path):
    wrong = list(complaints(path, WHERE))
    assert not wrong, "\n".join(wrong)


def test_every_page_is_in_the_table_of_contents_and_there():
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    listed = [toc["root"]] + [page["file"] for part in toc["parts"] for page in part["chapters"]]
    there = [f"book/{path.stem}" for path in (ROOT / "book").iterdir() if path.suffix in (".md", ".ipynb")]
    assert sorted(listed) == sorted(there)


def test_good_chapter_is_not_complained_about(tmp_path):
    text = (
        "# Title\n\n$\\frac{a}{b}$ and $${x}`$$ and `{code}`, a [link](notation.md), a dict `{'a': 1}`.\n\n"
        "```python\n{role}`in code`\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n"
        '<div class="admonition myth"><p class="admonition-title">Myth check</p></div>\n\n1. 50% of it\n\n(a) and (b).'
    )
    assert found(tmp_path, chapter(v4.new_markdown_cell(text, id="good"))) == ""


@pytest.mark.parametrize(
    ("markdown", "name"),
    [
        ("```{note}\nx\n```", "a directive"),
        ("~~~{figure} a.png\n~~~", "a directive"),
        (":::{note}\nx\n:::", "a directive"),
        (":::note\nx\n:::", "a colon fence"),
        ("see {ref}`here`", "a role"),
        ("{cite:p}`long2015`", "a role"),
        ("{math}`x`", "a role"),
        ("(here)=\n# Title", "a target"),
        ("a\n\n+++\n\nb", "a block break"),
        ("% hidden", "a comment"),
        ("{{ name }}", "a substitution"),
        ("{.class}\n# Title", "an attribute list"),
    ],
)
def test_myst_is_found(tmp_path, markdown, name):
    assert name in found(tmp_path, chapter(v4.new_markdown_cell(markdown, id="bad")))


def test_long_cell_is_found(tmp_path):
    source = "\n".join("x = 1" for _ in range(16))
    assert "has 16 lines, at most 15" in found(tmp_path, chapter(v4.new_code_cell(source, id="long")))


@pytest.mark.parametrize("count", [CELLS.start - 1, CELLS.stop])
def test_chapter_of_wrong_length_is_found(tmp_path, count):
    assert f"has {count} cells; a chapter has {CELLS.start} to {CELLS.stop - 1}" in found(
        tmp_path, chapter(count=count)
    )


def test_other_setup_cell_is_found(tmp_path):
    notebook = chapter()
    notebook.cells[0].source = notebook.cells[0].source.replace("--quiet", "-q")
    assert "not the setup cell" in found(tmp_path, notebook)


def test_marked_cell_without_output_is_found(tmp_path):
    notebook = chapter(v4.new_code_cell("# NBVAL_CHECK_OUTPUT\nprint(1)", id="one"))
    assert "no output is stored" in found(tmp_path, notebook)


@pytest.mark.parametrize(
    "change",
    [
        lambda notebook: notebook.metadata.update(widgets={"state": {}}),
        lambda notebook: notebook.metadata["language_info"].update(version="3.11.7"),
        lambda notebook: notebook.cells[0].update(execution_count=3),
        lambda notebook: notebook.cells[0].outputs.append(v4.new_output("stream", text="1")),
        lambda notebook: notebook.cells[0].metadata.update(execution={"iopub.status.busy": "now"}),
    ],
)
def test_what_changes_from_run_to_run_is_found(tmp_path, change):
    notebook = chapter()
    change(notebook)
    assert "run `make refresh`" in found(tmp_path, notebook)


def test_file_that_is_no_notebook_is_found(tmp_path):
    path = tmp_path / "chapter.ipynb"
    path.write_text("{}", encoding="utf-8")
    assert "not a valid notebook" in "\n".join(complaints(path, WHERE))


def test_refresh_stores_checked_text_and_nothing_else(tmp_path):
    path = tmp_path / "chapter.ipynb"
    cells = [
        v4.new_code_cell('# NBVAL_CHECK_OUTPUT\nprint("a")\nprint("b")\n1 + 1', id="marked"),
        v4.new_code_cell('print("hidden mark")', id="tagged", metadata={"tags": ["nbval-check-output"]}),
        v4.new_code_cell('print("not checked")', id="free"),
    ]
    path.write_text(written(chapter(*cells)), encoding="utf-8")
    refresh(path)
    assert "\n".join(complaints(path, WHERE)) == ""
    stored = nbformat.read(path, as_version=4)
    by_id = {cell.id: cell for cell in stored.cells}
    assert [output.get("text", output.get("data")) for output in by_id["marked"].outputs] == [
        "a\nb\n",
        {"text/plain": "2"},
    ]
    assert by_id["tagged"].outputs[0].text == "hidden mark\n"
    assert by_id["free"].outputs == []
    first = path.read_bytes()
    refresh(path)
    assert path.read_bytes() == first, "a second run must change nothing"


def test_failing_cell_stores_nothing(tmp_path):
    path = tmp_path / "chapter.ipynb"
    path.write_text(written(chapter(v4.new_code_cell("1 / 0", id="bad"))), encoding="utf-8")
    before = path.read_bytes()
    with pytest.raises(
        BadChapterError, match=re.compile(r"chapter.ipynb: a cell failed.*ZeroDivisionError", re.DOTALL)
    ):
        refresh(path)
    assert path.read_bytes() == before


def test_figure_needs_words():
    picture = v4.new_output("display_data", data={"image/png": "", "text/plain": "<Figure>"})
    cell = v4.new_code_cell("plt.show()", id="figure", outputs=[picture])
    assert "draws a figure without alt text" in "\n".join(complaints_of_run(v4.new_notebook(cells=[cell])))
    cell.metadata["mystnb"] = {"image": {"alt": "A diagonal."}}
    assert not list(complaints_of_run(v4.new_notebook(cells=[cell])))


def test_marked_cell_may_only_print():
    table = v4.new_output("execute_result", data={"text/html": "<table>", "text/plain": "a"})
    cell = v4.new_code_cell("# NBVAL_CHECK_OUTPUT\ntable", id="table", outputs=[table])
    assert "also shows text/html" in "\n".join(complaints_of_run(v4.new_notebook(cells=[cell])))
    cell.outputs = []
    assert "shows nothing" in "\n".join(complaints_of_run(v4.new_notebook(cells=[cell])))
