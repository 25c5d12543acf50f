"""Whether the two services of an account answer: one cheap question each, and a plain verdict."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from azure.core.exceptions import AzureError, HttpResponseError
from azure.core.rest import HttpRequest

from batch_core.account import SHAPE, TITLE, Account, Endpoint, Service
from batch_core.errors import DashboardError, NotFound, Unreachable, translate
from batch_core.unanswered import NAME_UNKNOWN, REFUSED, SILENT

CHECK_SECONDS = 8.0  # a wrong region is a name that DNS may take long to refuse
_QUICK: dict[str, Any] = {"retry_total": 0, "connection_timeout": 4, "read_timeout": 6}


@dataclass(frozen=True)
class Verdict:
    """What `check()` found for one of the two services."""

    service: str
    ok: bool
    sentence: str
    hint: str


def check(account: Account) -> tuple[Verdict, Verdict]:
    """Asks Batch and Storage one cheap question each, side by side; never raises, at most a few seconds."""
    asked = (
        _Question("batch", account.batch_endpoint, lambda: _ask_batch(account)),
        _Question("storage", account.storage_endpoint, lambda: _ask_storage(account)),
    )
    deadline = time.monotonic() + CHECK_SECONDS
    for question in asked:
        question.start()
    batch, storage = (question.verdict(deadline) for question in asked)
    return batch, storage


class _Question(threading.Thread):
    """One service's check in a thread of its own, because a name that DNS is slow on has no timeout."""

    def __init__(self, service: Service, end: Endpoint, ask: Callable[[], bool]) -> None:
        super().__init__(name=f"check-{service}", daemon=True)
        self.service, self.end, self.ask = service, end, ask
        self.answer: Verdict | None = None

    def run(self) -> None:
        """Asks, and keeps the verdict."""
        title = TITLE[self.service]
        try:
            if self.ask():
                self.answer = Verdict(title, True, f"The {title} account answers.", "")
                return
            error: DashboardError = self.stranger()
        except HttpResponseError as refused:
            error = translate(refused) if _is_service(self.service, refused) else self.stranger()
        except AzureError as failed:
            error = self.unheard(translate(failed))
        if isinstance(error, NotFound):
            error = self.unheard(error)
        self.answer = Verdict(title, False, error.user_message, error.hint)

    def verdict(self, deadline: float) -> Verdict:
        """What was found until the deadline (a time of `time.monotonic`)."""
        self.join(max(0.0, deadline - time.monotonic()))
        silent = self.unheard(Unreachable("", code=SILENT))
        return self.answer or Verdict(TITLE[self.service], False, silent.user_message, silent.hint)

    def unheard(self, error: DashboardError) -> DashboardError:
        """The same error in the words of somebody who has just typed an address."""
        title, url, shape = TITLE[self.service], self.end.url, SHAPE[self.service]
        aside = "name and the region" if self.service == "batch" else "name"
        if error.code == NAME_UNKNOWN:
            hint = f"Check the {aside}, and that this computer is online. {shape}"
            return Unreachable(f"There is no {title} account at {url}: the address is not known.", hint)
        if error.code == REFUSED:
            return Unreachable(f"Nothing answers at {url}: it is no {title} account's address.", shape)
        if error.code == SILENT:
            hint = "The network is slow, a firewall is in between, or the address is another machine's."
            return Unreachable(f"No {title} account answered at {url} in time.", f"{hint} {shape}")
        if isinstance(error, NotFound):
            return Unreachable(f"No account answers at {url}: check the {aside}.", shape)
        return error

    def stranger(self) -> DashboardError:
        """For what answers like something else."""
        title = TITLE[self.service]
        return Unreachable(f"What answers at {self.end.url} is not a {title} account.", SHAPE[self.service])


def _is_service(service: Service, error: HttpResponseError) -> bool:
    headers = getattr(error.response, "headers", None) or {}
    if service == "batch":
        return bool(headers.get("request-id")) and not headers.get("x-ms-request-id")
    return bool(headers.get("x-ms-request-id"))


def _ask_batch(account: Account) -> bool:
    version = account.batch._config.api_version
    query = {"api-version": version, "maxresults": "1", "$select": "id"}
    answer = account.batch.send_request(HttpRequest("GET", "/pools", params=query), **_QUICK)
    answer.raise_for_status()
    if "json" not in answer.headers.get("Content-Type", ""):
        return False
    body = answer.json()
    return isinstance(body, dict) and isinstance(body.get("value"), list)


def _ask_storage(account: Account) -> bool:
    return bool(account.blobs.get_account_information(**_QUICK).get("sku_name"))
