"""The two charts of the Monitor side by side."""

from __future__ import annotations

import streamlit as st

from batch_core.monitor import Snapshot
from pages.parts.monitor_choice import Watched
from pages.parts.monitor_nodes import nodes_part
from pages.parts.monitor_timeline import time_part


def charts(fingerprint: str, watched: Watched, snapshot: Snapshot) -> None:
    """Nodes on the left, time on the right, each as a chart or as a table; what is clicked is kept for the details."""
    left, right = st.columns([2, 3])
    with left:
        nodes_part(fingerprint, watched, snapshot)
    with right:
        time_part(fingerprint, watched, snapshot)
