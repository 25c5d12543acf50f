"""The Monitor's pickers beside its picture: they tell the same of the job that is shown."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from streamlit.testing.v1 import AppTest

from batch_core import monitor
from batch_core.account import Account
from batch_core.jobs import Run
from batch_core.monitor import JobChoice
from pages.parts import monitor_choice
from tests.waiting import until


def test_the_picker_tells_the_state_that_the_picture_has_though_the_list_is_newer(
    app: Callable[..., AppTest], finished_run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = monitor.list_job_ids

    def ahead(account: Account) -> list[JobChoice]:
        return [replace(job, state="disabled") for job in listed(account)]

    monkeypatch.setattr(monitor, "list_job_ids", ahead)
    monitor_choice.listed.clear()
    opened = app("pages/monitor.py", run=finished_run.id)
    until(lambda: opened.run().success, seconds=30, what="the picture")
    opened.run()
    monitor_choice.listed.clear()
    picker = opened.selectbox(key="monitor_job")
    shown = [label for label in picker.options if label.startswith("Two to MP3 · ended")]
    assert len(shown) == 1
    assert picker.value == finished_run.id
