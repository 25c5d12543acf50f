"""Pools whose nodes and tasks are only played: what a pool's metadata asks for, and what chance then deals out.

Everything is drawn from the pool's seed and from names (of jobs and tasks) and numbers (of nodes and tries), so
that the same fleet goes the same way each time.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

SIMULATE = "local:simulate"
"""A pool's metadata of this name asks for a simulation; its value is a JSON object."""

_LONGEST = 30 * 86_400.0
"""Seconds: the most a simulated task may run and a simulated node may take to start."""


@dataclass(frozen=True)
class Play:
    """How one try of a task goes: seconds it runs, its exit code.

    `taken_at`: after what share of that time its node is taken back, if it is a Spot node; None: never.
    """

    seconds: float
    exit_code: int
    taken_at: float | None


@dataclass(frozen=True)
class Start:
    """How one start of a node goes: seconds until it is up, and whether its start task fails."""

    seconds: float
    fails: bool


@dataclass(frozen=True)
class Simulation:
    """What a pool's metadata asks for.

    `seconds`: range of a task's run; `failures`: share of tries that exit with code 1; `preemptions`: share of the
    tries on Spot nodes during which the node is taken back; `boot`: range of seconds of a node's start;
    `start_task_failures`: share of node starts whose start task fails.
    """

    seed: int = 1
    seconds: tuple[float, float] = (20.0, 60.0)
    failures: float = 0.0
    preemptions: float = 0.0
    boot: tuple[float, float] = (0.0, 0.0)
    start_task_failures: float = 0.0

    @classmethod
    def of(cls, pool: Mapping[str, Any]) -> Self | None:
        """What a pool's document asks for; None when its nodes are real. ValueError as for `read`."""
        values = {item["name"]: item.get("value", "") for item in pool.get("metadata") or ()}
        return cls.read(values[SIMULATE]) if SIMULATE in values else None

    @classmethod
    def read(cls, text: str) -> Self:
        """The metadata's value; ValueError, with a sentence that says what is wrong, when it is malformed."""
        try:
            given = json.loads(text)
        except ValueError as error:
            raise ValueError(f"{SIMULATE} must be a JSON object") from error
        if not isinstance(given, dict):
            raise ValueError(f"{SIMULATE} must be a JSON object")
        known = {field.name: field.type for field in fields(cls)}
        if unknown := sorted(given.keys() - known):
            raise ValueError(f"{SIMULATE} has no {unknown[0]}; it has {', '.join(known)}")
        return cls(**{name: _READERS[name](name, value) for name, value in given.items()})

    def play(self, job_id: str, task_id: str, tried: int) -> Play:
        """How a task goes that has been tried so many times before."""
        chance = self._chance("task", job_id.lower(), task_id.lower(), tried)
        seconds, failed = chance.uniform(*self.seconds), chance.random() < self.failures
        taken, when = chance.random() < self.preemptions, chance.random()
        return Play(seconds, int(failed), when if taken else None)

    def start(self, number: int, started: int) -> Start:
        """How the node of this number starts, having been started so many times before."""
        chance = self._chance("node", number, started)
        return Start(chance.uniform(*self.boot), chance.random() < self.start_task_failures)

    def away(self, number: int, taken: int) -> float:
        """Seconds until a node that was taken back so many times before comes again: as long as a task runs."""
        return self._chance("away", number, taken).uniform(*self.seconds)

    def _chance(self, *names: object) -> random.Random:
        return random.Random("/".join(map(str, (self.seed, *names))))


def _whole(name: str, value: Any) -> int:
    if type(value) is not int:
        raise ValueError(f"{name} of {SIMULATE} must be a whole number")
    return value


def _share(name: str, value: Any) -> float:
    if type(value) not in (int, float) or not 0 <= value <= 1:
        raise ValueError(f"{name} of {SIMULATE} must be a number from 0 to 1")
    return float(value)


def _range(name: str, value: Any) -> tuple[float, float]:
    numbers = isinstance(value, list) and all(type(end) in (int, float) for end in value)
    if not numbers or len(value) != 2 or not 0 <= value[0] <= value[1] <= _LONGEST:
        raise ValueError(f"{name} of {SIMULATE} must be two numbers of seconds, the smaller first")
    return float(value[0]), float(value[1])


_READERS: dict[str, Callable[[str, Any], Any]] = {
    "seed": _whole,
    "seconds": _range,
    "failures": _share,
    "preemptions": _share,
    "boot": _range,
    "start_task_failures": _share,
}
