"""What the Makefile calls, besides the notebooks' and the address's own tests."""

import copy
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision
from nbformat.v4 import new_output

from tools import ROOT, book, chromium, colab, environment, node, repairs

FILES = ["requirements.txt", "constraints.txt", "package-lock.json", "package.json", "tests/colab.txt"]


def make_project(folder):
    """A project with one module and one bundle."""
    (folder / "seglib/static").mkdir(parents=True)
    (folder / "seglib/a.py").write_text("a = 1")
    (folder / "seglib/static/a.js").write_text("let a = 1")
    return folder


@pytest.mark.parametrize("name", ["seglib/a.py", "seglib/static/a.js", "seglib/weights/new.safetensors"])
def test_change_in_what_chapters_read_changes_the_fingerprint(tmp_path, name):
    project = make_project(tmp_path)
    before = book.fingerprint(project)
    path = project / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("a = 2")
    assert book.fingerprint(project) != before


def test_compiled_files_and_dates_do_not_change_the_fingerprint(tmp_path):
    project = make_project(tmp_path)
    before = book.fingerprint(project)
    (project / "seglib/__pycache__").mkdir()
    (project / "seglib/__pycache__/a.pyc").write_text("x")
    os.utime(project / "seglib/a.py", (1, 1))
    assert book.fingerprint(project) == before


def test_installed_packages_change_the_fingerprint(tmp_path, monkeypatch):
    project = make_project(tmp_path)
    before = book.fingerprint(project)
    monkeypatch.setattr("importlib.metadata.distributions", list)
    assert book.fingerprint(project) != before


def test_answers_are_dropped_when_the_fingerprint_changes_and_only_then(tmp_path):
    build = tmp_path / "_build"
    assert not book.drop_old_answers(build, "one"), "nothing was there"
    for folder in (".jupyter_cache", ".doctrees", "html"):
        (build / folder).mkdir()
    assert not book.drop_old_answers(build, "one")
    assert (build / ".jupyter_cache").exists()
    assert book.drop_old_answers(build, "two")
    assert sorted(path.name for path in build.iterdir()) == [".answers-made-with", "html"]


def test_lines_of_a_stream_that_came_in_chunks_stay_whole():
    texts = [
        ("stdout", "mean IoU  "),
        ("stderr", "a warn"),
        ("stdout", "0.78\nthe pl"),
        ("stderr", "ing\n"),
        ("stdout", "ace\n"),
    ]
    chunks = [new_output("stream", name=name, text=text) for name, text in texts]
    chunks.insert(2, new_output("display_data", {"text/plain": "a figure"}))
    before = copy.deepcopy(chunks)
    found = repairs.whole_lines(chunks)
    assert [(each.output_type, each.get("text")) for each in found] == [
        ("stream", "mean IoU  0.78\nthe place\n"),
        ("stream", "a warning\n"),
        ("display_data", None),
    ]
    assert chunks == before, "the kept outputs are left alone"


@pytest.mark.parametrize("name", FILES)
def test_lock_files_name_no_host(name):
    text = (ROOT / name).read_text(encoding="utf-8")
    assert "://" not in text.replace("https://github.com/", ""), "a lock file must not say where a package came from"


def test_constraints_pin_what_requirements_ask_for():
    pins = {line.split(" ;")[0] for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()}
    asked = [
        line.split(";")[0].strip() for line in (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    ]
    assert {line.lower() for line in asked if "==" in line} <= pins, "run `make constraints`"


def test_npm_packages_are_locked_at_the_versions_asked_for():
    asked = json.loads((ROOT / "package.json").read_text(encoding="utf-8"))["devDependencies"]
    locked = json.loads((ROOT / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    assert {name: locked[f"node_modules/{name}"]["version"] for name in asked} == asked


def test_node_is_the_pip_packages_own():
    answer = node.run(["--print", "1 + 1"], capture_output=True, text=True)
    assert answer.stdout == "2\n"
    assert node.run(["npm", "--version"], capture_output=True, text=True).returncode == 0


def test_named_chromium_that_does_not_start_is_an_error(monkeypatch):
    monkeypatch.setenv("CHROMIUM", sys.executable)
    with pytest.raises(chromium.NoChromiumError, match=r"CHROMIUM='.*' is not a Chromium that starts"):
        chromium.find()


def test_named_chromium_is_taken(monkeypatch, tmp_path):
    fake = tmp_path / "chrome"
    fake.write_text("#!/bin/sh\necho Chromium 1.0\n")
    fake.chmod(0o755)
    monkeypatch.setenv("CHROMIUM", str(fake))
    assert chromium.ensure() == str(fake)


def test_no_chromium_at_all_is_said_plainly(monkeypatch):
    monkeypatch.delenv("CHROMIUM", raising=False)
    monkeypatch.setattr(chromium, "candidates", lambda: iter([]))
    tried = []
    monkeypatch.setattr(chromium, "say_and_run", lambda *command: tried.append(command))
    monkeypatch.setattr(os, "geteuid", lambda: 1000, raising=False)
    with pytest.raises(chromium.NoChromiumError, match="Install Chromium or Chrome with your"):
        chromium.ensure()
    assert len(tried) == 1, "who is not root has only Playwright's download to try"


def test_root_tries_apt_after_playwright(monkeypatch):
    monkeypatch.delenv("CHROMIUM", raising=False)
    monkeypatch.setattr(chromium, "candidates", lambda: iter([]))
    tried = []
    monkeypatch.setattr(chromium, "say_and_run", lambda *command: tried.append(command) or command[0] == "apt-get")
    monkeypatch.setattr(os, "geteuid", lambda: 0, raising=False)
    monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}")
    with pytest.raises(chromium.NoChromiumError):
        chromium.ensure()
    assert [command[:2] for command in tried][1:] == [("apt-get", "update"), ("apt-get", "install")]


def test_cpu_wheels_are_the_versions_that_requirements_pin():
    assert [pin.split("==")[0] for pin in environment.torch_pins(ROOT / "requirements.txt")] == ["torch", "torchvision"]
    assert environment.torch_pins(ROOT / "tests/colab.txt") == ["torch==2.11.0", "torchvision==0.26.0"]


@pytest.fixture
def installed(monkeypatch, tmp_path):
    """What `environment.install` hands to pip, while it installs nothing."""
    calls = []
    monkeypatch.setattr(environment, "pip", lambda folder, *arguments: calls.append(arguments))
    monkeypatch.setattr(environment.sys, "platform", "linux")
    monkeypatch.delenv("TORCH", raising=False)
    return calls


def test_torch_cpu_installs_cpu_wheels_first(installed, monkeypatch, tmp_path):
    monkeypatch.setenv("TORCH", "cpu")
    environment.install(tmp_path, ROOT / "tests/colab.txt")
    assert installed[0][1:] == ("torch==2.11.0", "torchvision==0.26.0", "--index-url", environment.CPU_WHEELS)
    assert len(installed) == 2


def test_unknown_torch_is_an_error(installed, monkeypatch, tmp_path):
    monkeypatch.setenv("TORCH", "cuda")
    with pytest.raises(SystemExit, match="TORCH='cuda' is not known: TORCH=cpu"):
        environment.install(tmp_path, ROOT / "requirements.txt")


def test_without_a_compiler_the_oracle_is_left_out(installed, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(environment, "can_compile", lambda: False)
    monkeypatch.setattr(environment.sys, "version_info", (3, 12, 1))
    environment.install(tmp_path, ROOT / "requirements.txt")
    left = Path(installed[-1][-1]).read_text(encoding="utf-8")
    assert "pydensecrf2" not in left
    assert f"-c {ROOT.as_posix()}/constraints.txt" in left
    assert "sudo apt install g++ python3-dev" in capsys.readouterr().out


def test_missing_venv_module_is_said_with_the_package_to_install(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "ensurepip", None)
    with pytest.raises(SystemExit, match=rf"sudo apt install python3\.{sys.version_info[1]}-venv"):
        environment.create(tmp_path / "venv")


def test_no_python_of_colabs_version_is_said_plainly(monkeypatch):
    monkeypatch.setattr(colab, "candidates", lambda: iter([sys.executable, "no-such-python"]))
    monkeypatch.setattr(colab, "VERSION", "3.99")
    with pytest.raises(SystemExit, match=r"Colab runs Python 3\.99, and none is here"):
        colab.find_python()


def test_makefile_help_names_every_target():
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    phony = next(line for line in text.splitlines() if line.startswith(".PHONY")).split()[1:]
    shown = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert set(phony) <= set(shown.split())


def test_examples_of_the_readme_do_what_they_say(capsys, monkeypatch):
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    fields, networks, trained, crf = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    exec(compile(fields, "README.md", "exec"), {})
    said = re.search(r"print\(field\.size.*# (.*)", fields)[1]
    assert capsys.readouterr().out.splitlines()[0] == said

    monkeypatch.setattr("seglib.models._vgg.vgg16_state", lambda: torchvision.models.vgg16(weights=None).state_dict())
    names = {}
    exec(compile(networks, "README.md", "exec"), names)
    assert "conv1_1" in capsys.readouterr().out
    assert names["small"](torch.rand(1, 3, 45, 61)).shape == (1, 3, 45, 61)

    names = {}
    exec(compile(trained, "README.md", "exec"), names)
    assert names["labels"].shape == (1, 128, 128)
    assert "mean IoU" in capsys.readouterr().out

    names = {"image": np.zeros((20, 30, 3), np.uint8), "logits": torch.randn(4, 20, 30)}
    exec(compile(crf, "README.md", "exec"), names)
    assert names["probabilities"].shape == (4, 20, 30)


def test_readme_names_the_pinned_torch():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert " ".join(environment.torch_pins(ROOT / "requirements.txt")) in text
