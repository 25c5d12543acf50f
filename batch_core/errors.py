"""The error tree of the core, and the one seam where errors of the SDKs become part of it.

Nothing secret passes the seam: of what a service answers only its code, its sentence (with anything that
looks like a key or a signature taken out) and its request id are kept, and the SDK's exception is not chained.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import requests
from azure.core.exceptions import AzureError, HttpResponseError

from batch_core import refused_keys
from batch_core.pacing import retry_after
from batch_core.unanswered import unanswered


class DashboardError(Exception):
    """What a page shows: a sentence, what to do about it, and the service's request id where there is one.

    `code` is the service's own word for it (`JobExists`), or the cause of no answer (`Refused`), for decisions in
    code and never for the screen.
    """

    def __init__(
        self, user_message: str, hint: str = "", *, request_id: str | None = None, code: str = ""
    ) -> None:
        super().__init__(user_message)
        self.user_message = user_message
        self.hint = hint
        self.request_id = request_id
        self.code = code


class InvalidInput(DashboardError):
    """Something typed or chosen can't be used as it is."""


class CredentialError(DashboardError):
    """The account is there, but the name and key (or the clock that signs with them) do not fit."""


class Unreachable(DashboardError):
    """Nothing answers at the address."""


class NotFound(DashboardError):
    """The pool, job, task, container or file does not exist (any more)."""


class Conflict(DashboardError):
    """The thing exists already, or is in a state that does not allow this."""


class QuotaError(DashboardError):
    """The account's quota does not allow this."""


class Throttled(DashboardError):
    """The service asks for fewer requests; SDK retries are used up."""


class ServiceFailure(DashboardError):
    """The service failed, or answered something that makes no sense."""


_CREDENTIAL_CODES = {
    "AuthenticationFailed",
    "AuthorizationFailure",
    "AuthorizationPermissionMismatch",
    "InvalidAuthenticationInfo",
    "KeyBasedAuthenticationNotPermitted",
}
_SPOT = (
    "The account has as many Spot cores as it may have.",
    "Take fewer Spot nodes or dedicated ones, delete a pool, or ask Azure for a higher quota.",
)
_SENTENCES: dict[str, tuple[type[DashboardError], str, str]] = {
    "AccountIsDisabled": (CredentialError, "The account is disabled.", "Enable it in the Azure portal."),
    "InsufficientAccountPermissions": (
        CredentialError,
        "The account's key does not allow this.",
        "Use one of the account's full access keys.",
    ),
    "KeyBasedAuthenticationNotPermitted": (
        CredentialError,
        "The account does not accept keys.",
        "Allow shared key access for the account in the Azure portal.",
    ),
    "PoolQuotaReached": (
        QuotaError,
        "The account has as many pools as it may have.",
        "Delete a pool that you no longer need, or ask Azure for a higher quota.",
    ),
    "ActiveJobAndScheduleQuotaReached": (
        QuotaError,
        "The account has as many active jobs as it may have.",
        "Stop or delete a job that you no longer need, or ask Azure for a higher quota.",
    ),
    "AccountCoreQuotaReached": (
        QuotaError,
        "The account has as many dedicated cores as it may have.",
        "Take fewer nodes, delete a pool that you no longer need, or ask Azure for a higher quota.",
    ),
    "AccountLowPriorityCoreQuotaReached": (QuotaError, *_SPOT),
    "AccountSpotCoreQuotaReached": (QuotaError, *_SPOT),
    "JobBeingDeleted": (Conflict, "The job is being deleted.", "Try again when it is gone."),
    "PoolBeingDeleted": (Conflict, "The pool is being deleted.", "Try again when it is gone."),
    "PoolBeingResized": (
        Conflict,
        "The pool is being resized.",
        "Try again when its nodes are there, or stop the resize first.",
    ),
    "NodeBeingCreated": (Conflict, "The node is starting.", "Try again when it is up."),
    "NodeBeingStarted": (Conflict, "The node is starting.", "Try again when it is up."),
    "NodeBeingRebooted": (Conflict, "The node is restarting.", "Try again when it is up."),
    "NodeStateUnusable": (
        Conflict,
        "The node is out of order.",
        "Remove it, and resize the pool to get another.",
    ),
    "ContainerBeingDeleted": (
        Conflict,
        "The container is being deleted.",
        "Try again in about a minute.",
    ),
    "ContainerNotFound": (
        NotFound,
        "The container was deleted.",
        "It is made anew when files are added or converted.",
    ),
    "InvalidBlockList": (
        InvalidInput,
        "Storage no longer has all parts of the file.",
        "Add the file once more from its beginning.",
    ),
    "InvalidUri": (InvalidInput, "The address is not one that the service knows.", "Check the URL."),
}
_BY_STATUS: dict[int, tuple[type[DashboardError], str]] = {
    400: (InvalidInput, ""),
    401: (CredentialError, ""),
    403: (CredentialError, ""),
    404: (NotFound, "It may have been deleted meanwhile."),
    409: (Conflict, ""),
    412: (Conflict, "Someone changed it meanwhile. Look at it again, then repeat."),
    413: (InvalidInput, ""),
}
_SECRET = re.compile(
    r"(?i)\b(sig|se|sp|sv|skoid)=[^&\s\"']+|SharedKey\s+\S+|Bearer\s+\S+|[A-Za-z0-9+/]{40,}={0,2}|\?[^\s\"']*sig=\S+"
)


def without_secrets(text: str) -> str:
    """`text` with signatures, authorization values and anything that could be a key taken out."""
    return _SECRET.sub("…", text)


def translate(error: Exception, doing: str = "") -> DashboardError:
    """The DashboardError for an SDK's (or requests') error; `doing` completes "Could not …"."""
    kind, reason, hint, code, request_id = _understood(error)
    message = f"Could not {doing}: {_lower_first(reason)}" if doing else reason
    return kind(message, hint, request_id=request_id, code=code)


@contextmanager
def translated(doing: str) -> Iterator[None]:
    """Turns errors of azure.core and requests inside the block into the tree above.

    `doing` completes "Could not …", as in `with translated("list the pools"):`. Also works as a decorator.
    """
    try:
        yield
    except (AzureError, requests.RequestException) as error:
        raise translate(error, doing) from None


def _understood(error: Exception) -> tuple[type[DashboardError], str, str, str, str | None]:
    if isinstance(error, HttpResponseError) and error.response is not None:
        request_id = _header(error, "request-id") or _header(error, "x-ms-request-id")
        return *_answered(error), _code(error), request_id
    silence = unanswered(error)
    if silence:
        return Unreachable, silence.sentence, silence.hint, silence.cause, None
    return ServiceFailure, "The service's answer could not be read.", "Try again in a minute.", "", None


def _answered(error: HttpResponseError) -> tuple[type[DashboardError], str, str]:
    code, status = _code(error), error.status_code or 0
    if code in _SENTENCES:
        return _SENTENCES[code]
    if code in _CREDENTIAL_CODES or status == 401 or (status == 403 and not code):
        return CredentialError, *refused_keys.reason(error)
    if "Quota" in code:
        return QuotaError, _service_sentence(error), "Free something, or ask Azure for a higher quota."
    if status in (429, 503):
        return Throttled, *_too_busy(error)
    kind, hint = _BY_STATUS.get(status, (ServiceFailure, "Try again in a minute."))
    return kind, _service_sentence(error), hint


def _too_busy(error: HttpResponseError) -> tuple[str, str]:
    asked = round(retry_after(getattr(error.response, "headers", None)) or 0)
    wait = (
        f"{asked} seconds"
        if 1 < asked < 90
        else "a minute"
        if asked <= 90
        else f"{round(asked / 60)} minutes"
    )
    return "The service has too much to do.", f"Wait {wait}, then try again."


def _code(error: HttpResponseError) -> str:
    model = getattr(error, "model", None)
    candidates = (
        getattr(model, "code", None),
        getattr(error, "error_code", None),
        _header(error, "x-ms-error-code"),
    )
    for code in candidates:
        if code:
            return str(getattr(code, "value", code))
    return ""


def _service_sentence(error: HttpResponseError) -> str:
    model = getattr(error, "model", None)
    text = getattr(getattr(model, "message", None), "value", None) or error.message or ""
    lines = text.strip().splitlines()
    sentence = without_secrets(lines[0]).strip() if lines else ""
    if not sentence or sentence.startswith("Operation returned an invalid status"):
        sentence = f"The service answered with status {error.status_code}."
    details = {item.key: item.value for item in getattr(model, "error_values", None) or () if item.key}
    about = details.get("PropertyName") or details.get("QueryParameterName")
    reason = details.get("Reason")
    if about:
        sentence = f"{sentence.rstrip('.')} ({about})."
    if reason:
        sentence = f"{sentence} {without_secrets(reason)}"
    return sentence if sentence.endswith((".", "!", "?")) else f"{sentence}."


def _header(error: HttpResponseError, name: str) -> str | None:
    headers = getattr(error.response, "headers", None)
    value = headers.get(name) if headers is not None else None
    return str(value) if value else None


def _lower_first(sentence: str) -> str:
    if len(sentence) > 1 and sentence[0].isupper() and sentence[1].islower():
        return sentence[0].lower() + sentence[1:]
    return sentence
