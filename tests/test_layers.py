"""The arrows of the architecture: pages -> batch_core -> (HTTP) -> local_azure, never another way."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[1]
FORBIDDEN = {
    "batch_core": {"streamlit", "plotly", "pages", "local_azure"},
    "local_azure": {"streamlit", "plotly", "pages", "batch_core"},
    "pages": {"azure", "local_azure"},
}


def imports(file: Path) -> set[str]:
    """Top-level packages that a file imports anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.add((node.module or "").split(".")[0])
    return found


@pytest.mark.parametrize("package", FORBIDDEN)
def test_a_room_imports_nothing_of_the_rooms_it_must_not_know(package: str) -> None:
    files = sorted((PROJECT / package).rglob("*.py"))
    assert files
    for file in files:
        assert not imports(file) & FORBIDDEN[package], file


def test_only_the_entry_and_the_pages_know_streamlit() -> None:
    for file in sorted((PROJECT / "pages" / "charts").glob("*.py")):
        assert "streamlit" not in imports(file), file


def test_the_core_works_where_streamlit_and_plotly_are_not_installed() -> None:
    modules = sorted(f"batch_core.{file.stem}" for file in (PROJECT / "batch_core").glob("[!_]*.py"))
    blocked = "import sys\nfor name in ('streamlit', 'plotly', 'local_azure'): sys.modules[name] = None\n"
    code = blocked + "".join(f"import {module}\n" for module in modules)
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
