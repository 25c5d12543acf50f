"""Times and durations on the wire."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from local_azure.batch.wire import times


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        ("PT06M00S", "PT6M"),
        ("PT15M00S", "PT15M"),
        ("PT01H00M00S", "PT1H"),
        ("P3Y6M4DT12H30M5S", "P1279DT12H30M5S"),
        ("P7D", "P7D"),
        ("PT90M", "PT1H30M"),
        ("P1DT0H0M0S", "P1D"),
        ("PT0S", "PT0S"),
        ("PT7M9.497S", "PT7M9.497S"),
        ("PT0.5S", "PT0.5S"),
        (times.NO_LIMIT, times.NO_LIMIT),
    ],
)
def test_durations_take_the_services_one_form(sent: str, stored: str) -> None:
    assert times.normal_duration(sent) == stored


@pytest.mark.parametrize("text", ["", "P", "PT", "15M", "-PT5M", "P1W", "PT5", "P10675200D", "PT5M "])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"duration|longer"):
        times.normal_duration(text)


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        ("2026-11-22T15:00:00Z", "2026-11-22T15:00:00.0000000Z"),
        ("2026-11-22T15:00:00.12Z", "2026-11-22T15:00:00.1200000Z"),
        ("2026-11-22T15:00:00.123456789Z", "2026-11-22T15:00:00.1234567Z"),
        ("2026-11-22T16:00:00+01:00", "2026-11-22T15:00:00.0000000Z"),
        ("2026-11-22T15:00:00", "2026-11-22T15:00:00.0000000Z"),
    ],
)
def test_times_are_stored_at_one_width(sent: str, stored: str) -> None:
    assert times.stored_time(sent) == stored


@pytest.mark.parametrize(
    "text", ["", "yesterday", "2026-13-01T00:00:00Z", "2026-11-22", "2026-11-22T25:00:00Z"]
)
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        times.stored_time(text)


@pytest.mark.parametrize(
    ("stored", "shown"),
    [
        ("2023-10-01T10:00:43.4236110Z", "2023-10-01T10:00:43.423611Z"),
        ("2023-10-01T10:00:43.0000000Z", "2023-10-01T10:00:43Z"),
        ("2023-10-01T10:00:40.1234567Z", "2023-10-01T10:00:40.1234567Z"),
    ],
)
def test_zeros_at_the_end_are_not_shown(stored: str, shown: str) -> None:
    assert times.trimmed(stored) == shown


def test_http_dates_are_cut_to_seconds_and_read_back() -> None:
    text = times.http_date("2026-01-22T22:58:03.9054277Z")
    assert text == "Thu, 22 Jan 2026 22:58:03 GMT"
    assert times.from_http_date(text) == datetime(2026, 1, 22, 22, 58, 3, tzinfo=UTC)
    with pytest.raises(ValueError, match="HTTP date"):
        times.from_http_date("soon")


def test_any_zone_is_stored_as_utc() -> None:
    moment = datetime(2026, 1, 1, 1, 2, 3, 456789, tzinfo=timezone(timedelta(hours=2)))
    assert times.stored_from(moment) == "2025-12-31T23:02:03.4567890Z"
