"""Labels of pickers: Streamlit knows what was picked by its label, so two equal ones would pick the wrong thing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TypeVar

Key = TypeVar("Key")


def distinct(labels: Mapping[Key, str], marks: Mapping[Key, str]) -> dict[Key, str]:
    """The labels, and where several are the same, each with its mark (an id, which no two have in common)."""
    often = Counter(labels.values())
    marked = {key: f"{label} · {marks[key]}" if often[label] > 1 else label for key, label in labels.items()}
    if len(set(marked.values())) == len(marked):
        return marked
    return {key: f"{label} · {marks[key]}" for key, label in labels.items()}
