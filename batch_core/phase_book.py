"""The times in which nodes were at something else than work, kept up to date from one state after the other."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from batch_core.history import State
from batch_core.rows import Ledger, Rows
from batch_core.snapshot import NodePhase


class PhaseBook:
    """Begins with what the history knows. States in `quiet` are no phases, but end one."""

    def __init__(self, phases: Iterable[NodePhase], quiet: Sequence[str]) -> None:
        self._quiet = frozenset(quiet)
        self._ledger: Ledger[tuple[str, datetime, str], NodePhase] = Ledger()
        self._open: dict[str, NodePhase] = {}
        self._taken: dict[str, list[datetime]] = {}
        for phase in phases:
            self._put(phase)

    def update(self, states: Iterable[State]) -> None:
        """Takes the states that were seen next; one that is known already changes nothing."""
        for state in states:
            last = self._open.get(state.id)
            if last and (state.since < last.start or (last.state, last.start) == (state.state, state.since)):
                continue
            if last:
                self._put(replace(last, end=state.since))
            if state.state not in self._quiet and (state.id, state.since, state.state) not in self._ledger:
                self._put(NodePhase(state.id, state.state, state.since, None))

    def _put(self, phase: NodePhase) -> None:
        key = (phase.node_id, phase.start, phase.state)
        if phase.state == "preempted" and key not in self._ledger:
            self._taken.setdefault(phase.node_id, []).append(phase.start)
        self._ledger.put(key, phase)
        if phase.end is None:
            self._open[phase.node_id] = phase
        else:
            self._open.pop(phase.node_id, None)

    def picture(self) -> Rows[NodePhase]:
        """All phases, oldest first."""
        return self._ledger.picture()

    def taken_back(self, node_id: str) -> Sequence[datetime]:
        """When Azure took this node back."""
        return self._taken.get(node_id, ())
