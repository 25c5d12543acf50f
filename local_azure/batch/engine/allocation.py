"""How pools get and lose nodes."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Coroutine
from functools import partial
from typing import TYPE_CHECKING, Any

from local_azure.batch.engine.clock import seconds
from local_azure.batch.engine.documents import Doc
from local_azure.batch.quota import cores

if TYPE_CHECKING:
    from local_azure.batch.engine import Engine
    from local_azure.batch.engine.seats import Seat

_KINDS = {
    "dedicated": ("currentDedicatedNodes", "targetDedicatedNodes"),
    "low priority": ("currentLowPriorityNodes", "targetLowPriorityNodes"),
}

ALLOCATION = "local:allocation"
"""A pool's metadata of this name says how its allocations end: fail or timeout; anything else lets them succeed."""

_FAILURES = {
    "fail": ("AllocationFailed", "an allocation failure"),
    "timeout": ("AllocationTimedOut", "the allocation timing out"),
}
_QUOTA_ERRORS = {
    True: ("AccountCoreQuotaReached", "The specified account has reached core quota"),
    False: (
        "AccountLowPriorityCoreQuotaReached",
        "The specified account has reached low priority core quota",
    ),
}

_AT_ONCE = 100
"""Nodes that come or begin to leave in one step of the event loop."""


class Allocation:
    """One agent a pool, resizing, stopping or deleting it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._agents: dict[str, asyncio.Task[None]] = {}

    def resize(self, pool_id: str) -> None:
        """Bring the pool to its targets."""
        self._begin(pool_id, self._resize)

    def stop(self, pool_id: str) -> None:
        """Let a resize be; nodes that are leaving still leave."""
        self._begin(pool_id, self._stop)

    def delete(self, pool_id: str) -> None:
        """Remove the pool's nodes, then the pool."""
        self._begin(pool_id, self._delete)

    def _begin(self, pool_id: str, work: Callable[[str], Coroutine[Any, Any, None]]) -> None:
        key = pool_id.lower()
        if key in self._agents:
            self._agents[key].cancel()
        self._agents[key] = self._engine.agents.start(partial(work, pool_id), f"pool {pool_id} is sized")

    async def _resize(self, pool_id: str) -> None:
        engine = self._engine
        try:
            async with asyncio.timeout(seconds(engine.pools.get(pool_id).get("resizeTimeout"))):
                await self._shrink(pool_id)
                wanted = self._missing(pool_id)
                times = engine.pace.times
                await engine.pace.wait(
                    times.allocating if any(wanted.values()) else times.settling, spread=0.1
                )
        except TimeoutError:
            engine.pools.steady(pool_id, self._errors(pool_id, *_FAILURES["timeout"]))
        else:
            grown = self._grow(pool_id)
            while not grown:
                await asyncio.sleep(0)
                grown = self._grow(pool_id)

    async def _shrink(self, pool_id: str) -> None:
        engine = self._engine
        doc = engine.pools.get(pool_id)
        option: str = engine.store.column("pools", "option", pool_id)
        await self._retire(self._surplus(doc), option)
        if agents := engine.nodes.leaving(pool_id):
            await asyncio.wait(agents)

    async def _retire(self, seats: list[Seat], option: str) -> None:
        """Take nodes out, some in each step of the event loop."""
        engine = self._engine
        for first in range(0, len(seats), _AT_ONCE):
            with engine.store.transaction():
                for seat in seats[first : first + _AT_ONCE]:
                    if engine.nodes.seat(seat.pool, seat.node) is seat:
                        engine.nodes.retire(seat, option)
            await asyncio.sleep(0)

    def _surplus(self, pool: Doc) -> list[Seat]:
        """The nodes to give up: idle ones first, of those the youngest."""
        found: list[Seat] = []
        for dedicated, name in ((True, "targetDedicatedNodes"), (False, "targetLowPriorityNodes")):
            seats = [seat for seat in self.staying(pool["id"]) if seat.place.dedicated is dedicated]
            seats.sort(key=lambda seat: len(seat.runs))
            found += seats[: max(0, len(seats) - pool[name])]
        return found

    def staying(self, pool_id: str) -> list[Seat]:
        """The pool's nodes that are not leaving it, the youngest first."""
        engine = self._engine
        leaving = engine.store.node_ids(pool_id, "leavingpool")
        return [seat for seat in reversed(engine.nodes.seats(pool_id)) if seat.node not in leaving]

    def _missing(self, pool_id: str) -> dict[bool, int]:
        """How many nodes are still to be had, by whether they are dedicated."""
        doc = self._engine.pools.get(pool_id)
        return {
            kind == "dedicated": max(0, doc[target] - doc[current])
            for kind, (current, target) in _KINDS.items()
        }

    def _granted(self, pool_id: str) -> tuple[dict[bool, int], list[Doc]]:
        """How many nodes the account gets, by whether they are dedicated, and why not all that are missing."""
        wanted = self._missing(pool_id)
        pool = self._engine.pools.get(pool_id)
        asked = {item["name"]: item.get("value") for item in pool.get("metadata") or ()}.get(ALLOCATION)
        if asked in _FAILURES and any(wanted.values()):
            return dict.fromkeys(wanted, 0), self._errors(pool_id, *_FAILURES[asked])
        errors = []
        for dedicated, (code, message) in _QUOTA_ERRORS.items():
            room = self._room(dedicated) // cores(pool["vmSize"])
            if wanted[dedicated] > room:
                wanted[dedicated] = max(0, int(room))
                errors.append({"code": code, "message": message})
        return wanted, errors

    def _room(self, dedicated: bool) -> float:
        """How many more cores of a kind the account's quota allows."""
        engine = self._engine
        limit = engine.quota.limits.cores if dedicated else engine.quota.limits.spotCores
        if limit is None:
            return math.inf
        used = 0
        for pool in engine.store.all("pools"):  # all nodes of a pool have its size
            groups = engine.store.node_groups(pool["id"])
            count = sum(group.count for group in groups if group.dedicated is dedicated)
            used += count * cores(pool["vmSize"])
        return limit - used

    def _grow(self, pool_id: str) -> bool:
        """Add nodes, as many as one step of the event loop bears; whether the pool is steady now."""
        engine = self._engine
        wanted, errors = self._granted(pool_id)
        kinds = [dedicated for dedicated, count in wanted.items() for _ in range(count)]
        pool = engine.pools.get(pool_id)
        with engine.store.transaction():
            numbers = engine.store.free_numbers(min(len(kinds), _AT_ONCE))
            for dedicated, number in zip(kinds, numbers, strict=False):
                engine.boot.begin(engine.nodes.create(pool, dedicated, number))
            engine.pools.count_nodes(pool_id)
            if whole := len(kinds) <= _AT_ONCE:
                engine.pools.steady(pool_id, errors)
        return whole

    async def _stop(self, pool_id: str) -> None:
        engine = self._engine
        if agents := engine.nodes.leaving(pool_id):
            await asyncio.wait(agents)
        await engine.pace.wait(engine.pace.times.settling)
        engine.pools.steady(pool_id, self._errors(pool_id, "ResizeStopped", "a stop resize operation"))

    def _errors(self, pool_id: str, code: str, cause: str) -> list[Doc]:
        doc = self._engine.pools.get(pool_id)
        return [
            {"code": code, "message": f"Desired number of {kind} nodes could not be allocated due to {cause}"}
            for kind, (current, target) in _KINDS.items()
            if doc[current] != doc[target]
        ]

    async def _delete(self, pool_id: str) -> None:
        engine = self._engine
        await self._retire(engine.nodes.seats(pool_id), "requeue")
        if agents := engine.nodes.leaving(pool_id):
            await asyncio.wait(agents)
        await engine.pace.wait(engine.pace.times.deleting)
        engine.store.delete("pools", pool_id)
        self._agents.pop(pool_id.lower(), None)
