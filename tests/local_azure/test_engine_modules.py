"""The engine's modules know each other in one direction only."""

import ast
import graphlib
from pathlib import Path

ENGINE = Path(__file__).parents[2] / "local_azure" / "batch" / "engine"
PREFIX = "local_azure.batch.engine."


def imported(file: Path) -> set[str]:
    """The modules of the engine that a file imports, also those for its types alone."""
    names = [
        node.module or ""
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.ImportFrom)
    ]
    return {name.removeprefix(PREFIX) for name in names if name.startswith(PREFIX)}


def test_no_two_modules_need_each_other():
    """The package itself, which all parts are handed for what they ask of each other, is not counted."""
    graph = {file.stem: imported(file) for file in ENGINE.glob("[!_]*.py")}
    assert "seats" in graph["nodes"]
    assert "documents" in graph["pools"]
    order = list(graphlib.TopologicalSorter(graph).static_order())
    assert set(order) == set(graph)
