"""Why a service refused a key: the key itself, the account's name, or the clock that every request is signed with."""

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from azure.core.exceptions import HttpResponseError

SKEW = timedelta(minutes=10)  # shared key signatures are refused beyond 15 minutes, both services


def reason(error: HttpResponseError) -> tuple[str, str]:
    """A sentence, and what to do about it."""
    behind = _clock_behind(error)
    if behind is not None and abs(behind) > SKEW:
        direction = "behind" if behind > timedelta(0) else "ahead"
        return (
            f"This computer's clock is {_about(abs(behind))} {direction}.",
            "Set the clock right in the system's settings, then try again: every request is signed with the time.",
        )
    if "claimed account" in _detail(error).lower():
        return (
            "The service does not know an account of this name.",
            "The name is the part of the URL before its first dot.",
        )
    return "The key does not fit the account.", "Copy the name and a key again from the account's Keys page."


def _clock_behind(error: HttpResponseError) -> timedelta | None:
    """How far the time that a request was signed with is behind the service's when it answered."""
    answered = _moment(getattr(error.response, "headers", None), "Date")
    if answered is None:
        return None
    sent = getattr(getattr(error.response, "request", None), "headers", None)
    signed = _moment(sent, "ocp-date") or _moment(sent, "x-ms-date") or datetime.now(UTC)
    return answered - signed


def _moment(headers: Any, name: str) -> datetime | None:
    try:
        found = parsedate_to_datetime((headers or {}).get(name) or "")
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _about(span: timedelta) -> str:
    minutes, hours, days = (round(span / timedelta(**{unit: 1})) for unit in ("minutes", "hours", "days"))
    if minutes < 50:
        return f"about {minutes} minutes"
    if minutes < 90:
        return "about an hour"
    return f"about {hours} hours" if hours < 36 else f"about {days} days"


def _detail(error: HttpResponseError) -> str:
    """What Batch adds to its refusal."""
    values = getattr(getattr(error, "model", None), "error_values", None) or ()
    return " ".join(str(item.value) for item in values if item.key == "AuthenticationErrorDetail")
