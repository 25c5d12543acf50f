"""The README's commands: the same for every shell, and those that are run elsewhere."""

import re
from pathlib import Path

PROJECT = Path(__file__).parents[1]
README = (PROJECT / "README.md").read_text(encoding="utf-8")


def lines(shell: str) -> list[str]:
    """The README's command lines for a shell: to start the app, and to test it."""
    blocks = re.findall(rf"```{shell}\n(.*?)```", README, re.DOTALL)
    found = [block.strip() for block in blocks if " -m venv " in block]
    assert len(found) == 2
    assert not any("\n" in line for line in found)
    return found


def test_the_test_line_is_the_one_that_ci_runs() -> None:
    assert lines("sh")[1] in (PROJECT / ".ci" / "run").read_text(encoding="utf-8").splitlines()


def test_powershell_does_the_same_in_the_same_places() -> None:
    """Without `&&`, which the PowerShell that comes with Windows does not know."""
    for posix, power in zip(lines("sh"), lines("powershell"), strict=True):
        assert "&&" not in power
        steps = [step for step in re.split(r"; if \(\$\?\) \{ |[ }]*$", power) if step]
        same = [step.replace("py -m venv", "python3 -m venv").replace("\\", "/") for step in steps]
        assert [step.replace("/Scripts/", "/bin/") for step in same] == posix.split(" && ")


def test_every_file_that_the_readme_shows_is_there() -> None:
    for path in re.findall(r"\]\((?!https?:)([^)#]+)\)", README):
        assert (PROJECT / path).is_file(), path


def test_every_test_that_the_table_of_promises_names_is_there() -> None:
    table = (PROJECT / "tests" / "README.md").read_text(encoding="utf-8")
    named = re.findall(r"`([\w/]+\.py)(?:::(test_\w+))?`", table)
    assert len(named) > 50
    for path, test in named:
        source = (PROJECT / "tests" / path).read_text(encoding="utf-8")
        assert not test or f"def {test}(" in source, f"{path}::{test}"
