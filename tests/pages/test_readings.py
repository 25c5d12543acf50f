"""What panels ask the services for: no refresh waits for it, what was read stays, and a failure is tried again."""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest
from azure.batch import models
from streamlit.testing.v1 import AppTest

from batch_core import pools
from batch_core.account import Account
from batch_core.errors import Throttled
from pages.components.live_chart import Click
from pages.shell import readings, session
from pages.shell.readings import Readings
from tests.core.commands import python
from tests.core.proxy import Call, Fault, door_to
from tests.waiting import until

PATIENCE = 0.05
Open = Callable[..., AppTest]


@pytest.fixture
def kept() -> Iterator[Readings]:
    made = Readings()
    yield made
    made.close()


@dataclass
class Service:
    """Says how often it was asked, when the test lets it."""

    may_answer: threading.Event = field(default_factory=threading.Event)
    asked: int = 0
    error: Throttled | None = None

    def ask(self) -> int:
        self.asked += 1
        self.may_answer.wait(20)
        if self.error:
            raise self.error
        return self.asked


def test_a_look_does_not_wait_for_a_service_that_hangs_and_asks_it_once(kept: Readings) -> None:
    service = Service()
    began = time.monotonic()
    for _ in range(5):
        assert not kept.look("k", None, service.ask, PATIENCE).known
    assert time.monotonic() - began < 5
    assert service.asked == 1
    service.may_answer.set()
    until(lambda: kept.look("k", None, service.ask, PATIENCE).value == 1, what="the answer")
    assert kept.look("k", None, service.ask, PATIENCE).value == 1, "what does not change is not read again"


def test_what_was_read_last_stays_while_it_is_read_again(kept: Readings) -> None:
    service = Service()
    service.may_answer.set()
    assert kept.look("k", 0, service.ask, 5).value == 1
    service.may_answer.clear()
    until(lambda: kept.look("k", 0, service.ask, PATIENCE) and service.asked > 1, what="another request")
    asked = service.asked
    assert kept.look("k", 0, service.ask, PATIENCE).value == asked - 1
    service.may_answer.set()
    until(lambda: kept.look("k", 0, service.ask, PATIENCE).value >= asked, what="the newer answer")


def test_a_failure_is_told_beside_what_was_read_and_is_not_tried_at_each_look(
    kept: Readings, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = Service(error=Throttled("Could not look at the node: Batch is busy."))
    service.may_answer.set()
    for _ in range(5):
        reading = kept.look("k", None, service.ask, 5)
        assert reading.error is service.error
        assert not reading.known
    assert service.asked == 1
    monkeypatch.setattr(readings, "AGAIN_SECONDS", 0)
    service.error = None
    reading._due = 0
    until(lambda: kept.look("k", None, service.ask, PATIENCE).known, what="the answer")
    assert reading.error is None


@pytest.fixture
def failed_job(account: Account) -> Iterator[str]:
    """A job of another program with one task, which has failed."""
    pools.ensure_local_pool(account)
    job_id = f"slow-{time.monotonic_ns()}"
    on = models.BatchPoolInfo(pool_id=pools.LOCAL_POOL)
    account.batch.create_job(models.BatchJobCreateOptions(id=job_id, pool_info=on))
    fails = python("import sys; sys.stderr.write('no sound'); sys.exit(3)")
    account.batch.create_task(job_id, models.BatchTaskCreateOptions(id="bad", command_line=fails))
    until(lambda: account.batch.get_task(job_id, "bad").state.value == "completed", what="the failure")
    yield job_id
    account.batch.begin_delete_job(job_id, polling_interval=0.1).wait(30)


def test_while_batch_throttles_the_page_goes_on_and_what_was_asked_for_comes_when_it_answers(
    app: Open, account: Account, cloud: dict, failed_job: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = threading.Event()

    def throttled(call: Call) -> Fault | None:
        """What panels ask for: a task and its files, a node and its files."""
        about = (f"/jobs/{failed_job}/tasks/", f"/pools/{pools.LOCAL_POOL}/nodes/")
        hidden = not answers.is_set() and any(part in call.path for part in about)
        return Fault("status", 503, retry_after="1") if hidden else None

    with door_to(cloud, throttled) as (behind, _):
        monkeypatch.setattr(session, "account", lambda: behind)
        opened = app("pages/monitor.py", job=failed_job)
        until(lambda: "Needs attention (1)" in [one.value for one in opened.run().subheader], seconds=30)
        node_id = next(iter(account.batch.list_nodes(pools.LOCAL_POOL))).id
        for shown in (Click("node", node_id), Click("task", "bad")):
            opened.session_state["monitor_shown"] = shown
            opened.run()
            assert not opened.exception
            captions = " ".join(caption.value for caption in opened.caption)
            assert "Reading…" in captions
            assert "updated " in captions
        answers.set()
        for told in ("no sound", "sys.exit(3)"):  # the end of its log, its command
            until(
                lambda told=told: any(told in code.value for code in opened.run().code),
                seconds=30,
                what=told,
            )
