"""The last lines of a start task beside the sentence that tells of it."""

from __future__ import annotations

from datetime import datetime

import streamlit as st

from batch_core.account import Account
from batch_core.failures import STDERR, start_task_log
from batch_core.monitor import NodeRow, Snapshot
from pages.charts.labels import node_name
from pages.shell import readings, words
from pages.shell.readings import Reading

LINES = 3
FRESH_SECONDS = 5
RUNS = "waitingforstarttask"  # the state of a node whose start task runs
HEIGHT = 96  # room for the lines from the start on: what is below does not move when they come


def last_lines(account: Account, pool_id: str, node: NodeRow, snapshot: Snapshot) -> None:
    """What a node's start task wrote last to stderr."""
    reading = start_log(account, pool_id, node, node.since)
    said = "Reading its last lines"
    if reading.known:
        said = "\n".join((reading.value or "").splitlines()[-LINES:]) or "Nothing has been written to stderr."
    elif reading.error:
        said = reading.error.user_message
    st.code(said, language=None, height=HEIGHT)
    st.caption(f"The end of stderr.txt of {words.plain(node_name(node.id, node.order))}")


def start_log(
    account: Account, pool_id: str, node: NodeRow, began: datetime, name: str = STDERR
) -> Reading[str]:
    """The end of what a start task that `began` then wrote, again and again while it runs."""
    key = ("start log", account.fingerprint, pool_id, node.id, began, name, node.state == RUNS)
    every = FRESH_SECONDS if node.state == RUNS else None
    return readings.look(key, lambda: start_task_log(account, pool_id, node.id, name), every)
