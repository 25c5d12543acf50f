"""Nodes: their records, what runs on them, how they leave."""

from __future__ import annotations

import asyncio
import secrets
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from local_azure.batch.engine.activity import Ending
from local_azure.batch.engine.documents import NODE, Doc, ordered
from local_azure.batch.engine.openings import Openings
from local_azure.batch.engine.seats import Seat
from local_azure.batch.engine.taskrun import TaskRun
from local_azure.batch.errors import BatchError
from local_azure.batch.runner.environment import Place
from local_azure.batch.store import Where

if TYPE_CHECKING:
    from local_azure.batch.engine import Engine

_RECENT = 10
_FIRST_ADDRESS = 4  # the first address in an Azure subnet that is free
_SSH_PORT, _FIRST_SSH_PORT = 22, 50000
AGENT_VERSION = "1.12.39"
_OPEN_STATES = ("idle", "running")
_SETTLED = (*_OPEN_STATES, "offline")
_ENDINGS = {"requeue": Ending.REQUEUED, "terminate": Ending.TERMINATED, "lost": Ending.LOST}


class Nodes:
    """The nodes of all pools."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._seats: dict[str, dict[str, Seat]] = {}
        self._openings: dict[str, Openings[Seat]] = {}
        self._leaving: dict[Seat, asyncio.Task[None]] = {}

    # What clients ask.

    def get(self, pool_id: str, node_id: str) -> Doc:
        """The node's document; BatchError PoolNotFound or NodeNotFound."""
        self._engine.pools.get(pool_id)
        doc = self._engine.store.get("nodes", pool_id, node_id)
        if doc is None:
            raise BatchError("NodeNotFound")
        return doc

    def page(
        self, pool_id: str, where: Where | None, after: str | None, limit: int
    ) -> tuple[list[Doc], str | None]:
        """A page of the pool's nodes, as `Store.page`; BatchError PoolNotFound."""
        self._engine.pools.get(pool_id)
        return self._engine.store.page("nodes", (pool_id,), where, after, limit)

    def directory(self, pool_id: str, node_id: str) -> Path:
        """The node's root directory; BatchError PoolNotFound or NodeNotFound."""
        seat = self.seated(pool_id, node_id)
        if seat.played is not None:
            self._engine.simulating.show_node(seat, self.get(pool_id, node_id))
        return seat.place.root

    # Coming.

    def create(self, pool: Doc, dedicated: bool, number: int) -> Seat:
        """Add a node in `creating` to a pool, its address made of a free number; its boot is up to `Boot`."""
        store, now = self._engine.store, self._engine.clock.now()
        node_id = f"tvmps_{secrets.token_hex(32)}_{'d' if dedicated else 'p'}"
        address = _FIRST_ADDRESS + number
        image = pool.get("virtualMachineConfiguration", {}).get("imageReference", {})
        doc = {
            "id": node_id,
            "state": "creating",
            "schedulingState": "enabled",
            "stateTransitionTime": now,
            "allocationTime": now,
            "ipAddress": f"10.{address >> 16}.{address >> 8 & 255}.{address & 255}",
            "affinityId": f"TVM:{node_id}",
            "vmSize": pool.get("vmSize"),
            "totalTasksRun": 0,
            "totalTasksSucceeded": 0,
            "runningTasksCount": 0,
            "runningTaskSlotsCount": 0,
            "startTask": pool.get("startTask"),
            "isDedicated": dedicated,
            "endpointConfiguration": {"inboundEndpoints": _endpoints(pool, number)},
            "virtualMachineInfo": {
                "imageReference": {**image, "exactVersion": image.get("version", "latest")}
            },
        }
        folder = secrets.token_hex(6)
        store.insert("nodes", ordered(doc, NODE), pool["id"], folder=folder, number=number)
        return self.take_seat(pool, doc, folder, number)

    def take_seat(self, pool: Doc, doc: Doc, folder: str, number: int) -> Seat:
        """Keep a node in mind: a new one, or one that an earlier life of the service left."""
        engine = self._engine
        place = Place(
            account_name=engine.account_name,
            account_url=engine.account_url,
            pool_id=pool["id"],
            node_id=doc["id"],
            dedicated=doc["isDedicated"],
            root=engine.nodes_dir / folder,
            tool_dir=engine.tool_dir,
        )
        key = pool["id"].lower()
        seat = Seat(place, key, pool.get("taskSlotsPerNode", 1), engine.runner, self.openings(key))
        engine.simulating.cast(pool, seat, number)
        seat.set_open(doc["state"] in _OPEN_STATES and doc["schedulingState"] == "enabled")
        seat.used = "startTaskInfo" in doc or "recentTasks" in doc
        self._seats.setdefault(seat.pool, {})[seat.node.lower()] = seat
        engine.store.if_undone(partial(self._forget, seat))
        return seat

    def _forget(self, seat: Seat) -> None:
        self._seats[seat.pool].pop(seat.node.lower(), None)
        seat.openings.note(seat, 0)

    def openings(self, pool: str) -> Openings[Seat]:
        """Where in a pool slots are free."""
        return self._openings.setdefault(pool.lower(), Openings())

    def seat(self, pool: str, node: str) -> Seat | None:
        """What is kept in mind of a node, if it exists."""
        return self._seats.get(pool.lower(), {}).get(node.lower())

    def seated(self, pool_id: str, node_id: str) -> Seat:
        """What is kept in mind of a node; BatchError PoolNotFound or NodeNotFound."""
        self.get(pool_id, node_id)
        seat = self.seat(pool_id, node_id)
        if seat is None:
            raise BatchError("NodeNotFound")
        return seat

    def seats(self, pool: str | None = None) -> list[Seat]:
        """The nodes of a pool, or all."""
        if pool is not None:
            return list(self._seats.get(pool.lower(), {}).values())
        return [seat for group in self._seats.values() for seat in group.values()]

    def set(self, seat: Seat, state: str | None = None, **fields: Any) -> Doc:
        """Change a node's record: a new state with its time, other fields; None takes a field away."""
        return self._write(seat, self.get(seat.pool, seat.node), state, fields)

    def _write(self, seat: Seat, doc: Doc, state: str | None, fields: Doc) -> Doc:
        doc.update(fields)
        if state is not None and state != doc["state"]:
            doc["state"] = state
            doc["stateTransitionTime"] = self._engine.clock.now()
        doc = ordered(doc, NODE)
        self._engine.store.update("nodes", doc, seat.pool)
        self._engine.store.if_undone(partial(seat.set_open, seat.open))
        seat.set_open(doc["state"] in _OPEN_STATES and doc["schedulingState"] == "enabled")
        return doc

    # Working.

    def task_began(self, run: TaskRun, task: Doc) -> None:
        """A task starts on the node: counts, state, recentTasks."""
        run.seat.take(run)
        self._engine.store.if_undone(partial(run.seat.give, run))
        run.seat.used = True
        self._note(run, task, (0, 0))

    def task_ended(self, run: TaskRun, task: Doc | None, succeeded: bool | None) -> None:
        """A run is over; `succeeded` is None when it doesn't count (the task waits again, or is gone)."""
        run.seat.give(run)
        self._engine.store.if_undone(partial(run.seat.take, run))
        self._note(run, task, (0, 0) if succeeded is None else (1, int(succeeded)))

    def _note(self, run: TaskRun, task: Doc | None, more: tuple[int, int]) -> None:
        """Write down what runs on a run's node; `more` tasks ran to their end there, and succeeded."""
        seat = run.seat
        doc = self._engine.store.get("nodes", seat.pool, seat.node)
        if doc is None:
            return
        doc["runningTasksCount"] = len(seat.runs)
        doc["runningTaskSlotsCount"] = seat.slots - seat.free
        doc["totalTasksRun"] += more[0]
        doc["totalTasksSucceeded"] += more[1]
        if task is not None:
            doc["recentTasks"] = self._recent(doc.get("recentTasks", []), run.job_id, task)
        self._settle(seat, doc)

    def _settle(self, seat: Seat, doc: Doc) -> None:
        """Write a node's record, in the state that suits what runs there if it is up."""
        state = None
        if doc["state"] in _SETTLED:
            state = "running" if seat.runs else resting(doc)
        self._write(seat, doc, state, {})

    def schedule(self, seat: Seat, state: str) -> None:
        """Let tasks start on a node (`enabled`) or not (`disabled`)."""
        doc = self.get(seat.pool, seat.node)
        doc["schedulingState"] = state
        self._settle(seat, doc)

    def end_runs(self, seat: Seat, option: str) -> None:
        """Do with what runs on a node as `option` says: requeue, terminate, lost; anything else lets it end by itself."""
        if (why := _ENDINGS.get(option)) is not None:
            for run in seat.runs:
                self._engine.store.after_commit(partial(run.end, why))

    def _recent(self, listed: list[Doc], job_id: str, task: Doc) -> list[Doc]:
        entry = {
            "taskUrl": f"{self._engine.account_url}/jobs/{job_id}/tasks/{task['id']}",
            "jobId": job_id,
            "taskId": task["id"],
            "taskState": task["state"],
            "executionInfo": task["executionInfo"],
        }
        return [*(other for other in listed if other["taskUrl"] != entry["taskUrl"]), entry][-_RECENT:]

    # Going.

    def retire(self, seat: Seat, option: str) -> None:
        """Take a node out of its pool. `option` (requeue, terminate, ...) says what becomes of what runs there."""
        self.set(seat, "leavingpool")
        self.end_runs(seat, option)
        self._engine.store.after_commit(partial(self._engine.boot.abandon, seat))
        self._engine.store.after_commit(partial(self._begin_leaving, seat))

    def _begin_leaving(self, seat: Seat) -> None:
        if seat not in self._leaving:
            work = partial(self._leave, seat)
            self._leaving[seat] = self._engine.agents.start(work, f"node {seat.node} leaves")

    def leaving(self, pool: str) -> list[asyncio.Task[None]]:
        """What is under way to take nodes out of the pool."""
        return [agent for seat, agent in self._leaving.items() if seat.pool == pool.lower()]

    async def emptied(self, seat: Seat) -> None:
        """Wait until nothing runs on a node any more."""
        while seat.runs:
            await asyncio.wait([run.agent for run in seat.runs])

    async def _leave(self, seat: Seat) -> None:
        engine = self._engine
        await engine.boot.ended(seat)
        await self.emptied(seat)
        await engine.pace.wait(engine.pace.times.leaving, spread=0.3)
        if seat.used:
            await seat.runner.end_orphans((), seat.place.root)
        if seat.played is not None:
            await seat.played.turn()
        seat.runner.discard(seat.place.root)
        with engine.store.transaction():
            engine.store.delete("nodes", seat.pool, seat.node)
            engine.pools.count_nodes(seat.pool)
        self._forget(seat)
        self._leaving.pop(seat, None)


def resting(doc: Doc) -> str:
    """The state of a node that is up and on which nothing runs."""
    return "idle" if doc["schedulingState"] == "enabled" else "offline"


def _endpoints(pool: Doc, number: int) -> list[Doc]:
    """The node's inbound endpoints: one for each NAT pool, or the SSH rule that every node has."""
    network = pool.get("networkConfiguration", {}).get("endpointConfiguration", {})
    rules = [
        (rule["name"], rule["protocol"], rule["frontendPortRangeStart"], rule["backendPort"])
        for rule in network.get("inboundNATPools", ())
    ] or [("SSHRule", "tcp", _FIRST_SSH_PORT, _SSH_PORT)]
    return [
        {
            "name": f"{name}.{number}",
            "protocol": protocol,
            "publicIPAddress": "127.0.0.1",
            "publicFQDN": "localhost",
            "frontendPort": first + number,
            "backendPort": port,
        }
        for name, protocol, first, port in rules
    ]
