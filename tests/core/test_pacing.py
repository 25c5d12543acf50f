"""Waits after refusals: doubling, reset by success, and never shorter than the service asks for."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from types import SimpleNamespace

import pytest
from azure.core.exceptions import HttpResponseError

from batch_core.pacing import Backoff


def refused(backoff: Backoff, retry_after: str | None = None) -> float:
    error = HttpResponseError("no")
    error.response = SimpleNamespace(headers={"Retry-After": retry_after} if retry_after else {})  # type: ignore[assignment]
    with pytest.raises(HttpResponseError), backoff.listening():
        raise error
    return backoff.seconds()


def test_each_wait_is_twice_the_last_up_to_the_longest_and_success_begins_anew() -> None:
    backoff = Backoff(1, 5)
    assert [refused(backoff) for _ in range(5)] == [1, 2, 4, 5, 5]
    with backoff.listening():
        pass
    assert refused(backoff) == 1


def test_the_service_is_not_asked_before_it_wishes() -> None:
    backoff = Backoff(1, 60)
    assert refused(backoff, "17") == 17
    assert refused(backoff) == 2, "its wish is for once"
    at = datetime.now(UTC) + timedelta(seconds=30)
    assert 25 < refused(backoff, format_datetime(at, usegmt=True)) <= 30
    assert refused(backoff, "soon") == 8
