"""Command lines, patterns, paths, times: what the engine reads and writes as text."""

import os
import re
from pathlib import Path

import pytest

from local_azure.batch.engine.clock import Clock, etag, moment, seconds
from local_azure.batch.runner import WorkFailedError
from local_azure.batch.runner.commandline import find_program, split
from local_azure.batch.runner.directories import inside
from local_azure.batch.runner.patterns import find


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("ffmpeg -i input.mp4 -q:a 2 output.mp3", ["ffmpeg", "-i", "input.mp4", "-q:a", "2", "output.mp3"]),
        ('"a b" c', ["a b", "c"]),
        ('x ""  y', ["x", "", "y"]),
    ],
)
def test_both_systems_split_plain_lines_alike(line: str, words: list[str]):
    assert split(line, windows=False) == split(line, windows=True) == words


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (r"c:\a\b.exe x", [r"c:\a\b.exe", "x"]),
        (r'"c:\a b\\" x', ["c:\\a b\\", "x"]),
        (r"a\"b", ['a"b']),
        (r"a\\\"b c\\", ['a\\"b', "c\\\\"]),
        ('"he said ""hi"""', ['he said "hi"']),
        ("'a b'", ["'a", "b'"]),
        ('cmd /c "echo hi"', ["cmd", "/c", "echo hi"]),
    ],
)
def test_windows_rules(line: str, words: list[str]):
    assert split(line, windows=True) == words


def test_posix_rules():
    assert split("""/bin/bash -c 'a "b" $c' d\\ e""", windows=False) == ["/bin/bash", "-c", 'a "b" $c', "d e"]
    for line in ("'open", "", "   "):
        with pytest.raises(WorkFailedError) as failed:
            split(line, windows=False)
        assert failed.value.failure.code == "CommandLaunchFailed"


def test_a_program_must_be_executable(tmp_path: Path):
    script = tmp_path / "run.sh"
    script.write_text("#!/bin/sh\n")
    script.chmod(0o644)
    with pytest.raises(WorkFailedError) as failed:
        find_program("./run.sh", tmp_path, "/bin")
    assert failed.value.failure.code == "CommandLaunchFailed"
    if os.name == "posix":
        script.chmod(0o755)
        assert Path(find_program("./run.sh", tmp_path, "/bin")).samefile(script)
        assert find_program("sh", tmp_path, "/bin") == "/bin/sh"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    names = (
        "a.txt",
        "b.txt",
        "b.log",
        ".h.txt",
        "[x].txt",
        "sub/c.txt",
        "sub/deep/d.txt",
        ".dot/e.txt",
        "A-1.txt",
    )
    for name in names:
        path = tmp_path / "wd" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (tmp_path / "stdout.txt").touch()
    return tmp_path / "wd"


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("a.txt", ["a.txt"]),
        ("none.txt", []),
        ("sub", []),
        ("*.txt", ["A-1.txt", "[x].txt", "a.txt", "b.txt"]),
        ("?.txt", ["a.txt", "b.txt"]),
        ("[ab].txt", ["a.txt", "b.txt"]),
        ("[b-z].*", ["b.log", "b.txt"]),
        ("[!a].txt", ["b.txt"]),
        (".*.txt", [".h.txt"]),
        ("[[]x].txt", ["[x].txt"]),
        ("**/*.txt", ["A-1.txt", "[x].txt", "a.txt", "b.txt", "sub/c.txt", "sub/deep/d.txt"]),
        ("sub/**/*.txt", ["c.txt", "deep/d.txt"]),
        ("s*/*.txt", ["sub/c.txt"]),
        ("**", ["A-1.txt", "[x].txt", "a.txt", "b.log", "b.txt", "sub/c.txt", "sub/deep/d.txt"]),
        ("../std*.txt", ["stdout.txt"]),
        ("../stdout.txt", ["stdout.txt"]),
        ("./sub/c.txt", ["c.txt"]),
    ],
)
def test_patterns(tree: Path, pattern: str, found: list[str]):
    assert [match.name for match in find(pattern, tree, {})] == found


def test_variables_in_patterns_mean_themselves(tree: Path):
    variable = "%{}%" if os.name == "nt" else "${}"
    odd = tree / "o[d]d"
    odd.mkdir()
    (odd / "f.txt").touch()
    environment = {"WHERE": str(odd), "KIND": "txt"}
    line = f"{variable.format('WHERE')}/*.{variable.format('KIND')}"
    assert [match.path for match in find(line, tree, environment)] == [odd / "f.txt"]
    assert find(f"{variable.format('UNKNOWN')}.txt", tree, {}) == []


def test_wild_patterns_say_so(tree: Path):
    assert [match.wild for match in find("a.txt", tree, {})] == [False]
    assert [match.wild for match in find("a.tx?", tree, {})] == [True]


@pytest.mark.parametrize("path", ["../x", "a/../../x", "/etc/passwd", ".", "", "a/.."])
def test_no_path_leads_out(tmp_path: Path, path: str):
    with pytest.raises(ValueError, match="not a path inside"):
        inside(tmp_path, path)


def test_paths_inside(tmp_path: Path):
    assert inside(tmp_path, "a/b c/../d") == tmp_path / "a" / "d"


def test_times_are_text_in_order():
    clock = Clock()
    times = [clock.now() for _ in range(1000)]
    assert times == sorted(set(times))
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}Z", time) for time in times)


def test_etags_are_the_recorded_ones():
    assert etag("2026-01-22T22:58:03.4323848Z") == "0x8DE5A09B2CF4988"
    assert etag("2023-08-11T22:53:09.8007593Z") == "0x8DB9ABDBC146829"
    assert moment("1970-01-01T00:00:01.5000000Z") == 1.5


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("PT15M", 900),
        ("P1DT2H3M4.5S", 93784.5),
        ("P3Y6M4DT12H30M5S", 110550605),
        ("P10675199DT2H48M5.4775807S", None),
        (None, None),
    ],
)
def test_durations(text: str | None, value: float | None):
    assert seconds(text) == value
