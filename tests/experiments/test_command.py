"""`python -m seglib.experiments`: what it writes, and what it refuses."""

import json

import pytest

from seglib import experiments
from seglib.experiments import EXPERIMENTS, FailedError, Result
from seglib.experiments import __main__ as command
from seglib.train import checkpoint
from tests.experiments.tiny import experiment, recipe

TINY = {"tiny": experiment()}


def run(folder, *arguments, known=TINY):
    places = ["--folder", str(folder / "runs"), "--output", str(folder / "results"), "--jobs", "1"]
    return command.main([*arguments, *places], known=known)


def test_writes_what_load_reads(tmp_path, capsys, monkeypatch):
    assert run(tmp_path, "tiny") == 0
    said = capsys.readouterr().out
    assert f"written: {tmp_path / 'results' / 'tiny.json'}" in said
    values = json.loads((tmp_path / "results" / "tiny.json").read_text())
    assert values["seeds"] == [0, 1, 2]
    assert values["control"] == "slow"
    for name in ("slow", "fast"):
        assert len(values["variants"][name]["per_seed"]["score"]) == 3
    assert set(values["recipes"]) == {"first", "slow", "fast"}
    assert all(len(each["sha256"]) == 64 for each in values["recipes"].values())
    monkeypatch.setitem(experiments.EXPERIMENTS, "tiny", TINY["tiny"])
    found = experiments.load("tiny", tmp_path / "results")
    assert str(found) == str(Result(values))
    assert str(found) in said


def test_more_seeds_may_be_given(tmp_path):
    assert run(tmp_path, "tiny", "--seeds", "3", "4", "5", "6") == 0
    assert json.loads((tmp_path / "results" / "tiny.json").read_text())["seeds"] == [3, 4, 5, 6]


def test_killed_while_it_writes_it_leaves_the_old_result(tmp_path, monkeypatch):
    assert run(tmp_path, "tiny") == 0
    before = (tmp_path / "results" / "tiny.json").read_bytes()

    def broken(handle):
        raise OSError("no space left")

    monkeypatch.setattr(checkpoint.os, "fsync", broken)
    with pytest.raises(OSError, match="no space left"):
        run(tmp_path, "tiny", "--seeds", "0", "1", "2")
    assert [file.name for file in (tmp_path / "results").iterdir()] == ["tiny.json"]
    assert (tmp_path / "results" / "tiny.json").read_bytes() == before


def test_failure_is_an_exit_code_and_the_others_go_on(tmp_path, capsys):
    broken = experiment(name="broken", variants={"slow": recipe("slow", class_weights=(1.0,))}, starts=())
    assert run(tmp_path, known={"broken": broken} | TINY) == 1
    said = capsys.readouterr()
    assert "slow, seed 0: failed: ValueError: recipe 'slow' has 1 class_weights" in said.err
    assert "failed: broken. The same command tries these again" in said.err
    assert [file.name for file in (tmp_path / "results").iterdir()] == ["tiny.json"]


def test_interrupted_it_says_how_to_go_on(tmp_path, monkeypatch, capsys):
    def interrupted(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(experiments, "run", interrupted)
    assert run(tmp_path, "tiny") == 130
    assert "the same command goes on from here" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["pooling_or_dilation", "upsampling"])
def test_quick_runs_from_one_end_to_the_other_and_writes_no_result(name, tmp_path, capsys):
    before = sorted(file.name for file in experiments.RESULTS.iterdir()) if experiments.RESULTS.is_dir() else []
    assert run(tmp_path, name, "--quick", known=EXPERIMENTS) == 0
    said = capsys.readouterr().out
    for variant in EXPERIMENTS[name].variants:
        assert f"\n{variant} " in said
    assert "quick: these numbers mean nothing, and nothing was written" in said
    assert not (tmp_path / "results").exists()
    after = sorted(file.name for file in experiments.RESULTS.iterdir()) if experiments.RESULTS.is_dir() else []
    assert after == before


def test_list_names_all_and_trains_none(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(experiments, "run", lambda *a, **k: pytest.fail("it trains"))
    assert run(tmp_path, "--list", known=EXPERIMENTS) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(EXPERIMENTS)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["skip"], "there is no experiment 'skip'; did you mean 'skips'? There are object_size"),
        (["tiny", "--seeds", "0", "1"], "--seeds 0 1: an experiment takes 3 or more"),
        (["tiny", "--seeds", "0", "1", "1"], "--seeds 0 1 1: they must differ"),
        (["tiny", "--seeds", "0", "1", "-1"], "--seeds 0 1 -1: they must differ, and be 0 or more"),
    ],
)
def test_wrong_arguments_are_named(arguments, message, tmp_path, capsys):
    with pytest.raises(SystemExit) as caught:
        run(tmp_path, *arguments)
    assert caught.value.code == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()


def test_jobs_are_one_or_more(capsys):
    with pytest.raises(SystemExit):
        command.main(["tiny", "--jobs", "0"], known=TINY)
    assert "--jobs 0 must be 1 or more" in capsys.readouterr().err


class TestLoad:
    def test_missing_result_names_the_command(self, tmp_path):
        with pytest.raises(FileNotFoundError, match=r"skips\.json is missing; `python -m seglib\.experiments skips`"):
            experiments.load("skips", tmp_path)

    def test_damaged_result_names_the_command(self, tmp_path):
        (tmp_path / "skips.json").write_text('{"experiment": ')
        with pytest.raises(RuntimeError, match=r"skips\.json is damaged.*`python -m seglib\.experiments skips`"):
            experiments.load("skips", tmp_path)

    def test_unknown_experiment_is_named(self):
        with pytest.raises(ValueError, match=r"no experiment 'skp'; did you mean 'skips'\?"):
            experiments.load("skp")


def test_failure_keeps_its_type():
    assert issubclass(FailedError, RuntimeError)
