"""How far files are that are being converted: in percent, and in words with speed and time left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from pages.charts.labels import duration

if TYPE_CHECKING:
    from batch_core.snapshot import Span, Steps

SOON = 2.0  # seconds left that are not worth a number


@dataclass(frozen=True)
class OnNode:
    """How far what runs on a node is: in percent, the mean over its tasks, and each task's words, in their order."""

    percent: int | None
    told: tuple[str, ...]


def percent(steps: Steps | None, expected: float | None) -> int | None:
    """How much of a result of `expected` seconds is made; None where that is not known."""
    if steps is None or not expected:
        return None
    if steps.uploading is not None:
        return 100
    if steps.converting is None or steps.out_seconds is None:
        return None
    return max(0, min(99, int(steps.out_seconds / expected * 100)))


def in_short(steps: Steps | None, expected: float | None) -> str:
    """As much as a bar or a tile has room for; nothing where nothing is known."""
    if steps is not None and steps.uploading is not None:
        return "uploading"
    made = percent(steps, expected)
    return "" if made is None else f"{made} %"


def told(steps: Steps | None, expected: float | None) -> str:
    """One attempt's phase in words; with the length that its result should have, percent and time left."""
    if steps is not None and steps.fetching:
        return "downloading"
    if steps is None or (steps.converting is None and steps.uploading is None):
        return "starting"
    if steps.uploading is not None:
        return "uploading"
    parts = ["converting"]
    made = steps.out_seconds or 0.0
    if made > 0 and (share := percent(steps, expected)) is not None:
        parts.append(f"{share} %")
    if steps.speed and made > 0:
        parts.append(f"{steps.speed:.1f}×" if steps.speed < 10 else f"{steps.speed:.0f}×")
        left = (expected - made) / steps.speed if expected else 0.0
        if left > SOON:
            parts.append(f"{duration(timedelta(seconds=left))} left")
    return ", ".join(parts)


def on_node(
    running: Sequence[Span], steps: Mapping[tuple[str, int], Steps], expected: Mapping[str, float]
) -> OnNode | None:
    """How far these attempts on one node are; None as long as nothing was read of any of them.

    One of which nothing is known yet, beside others, has not begun to write: it counts as 0.
    """
    known = [steps.get((span.task_id, span.attempt)) for span in running]
    if not any(known):
        return None
    lengths = [expected.get(span.task_id) for span in running]
    made = [percent(one, length) for one, length in zip(known, lengths, strict=True)]
    mean = None if all(one is None for one in made) else sum(one or 0 for one in made) // len(made)
    return OnNode(mean, tuple(told(one, length) for one, length in zip(known, lengths, strict=True)))
