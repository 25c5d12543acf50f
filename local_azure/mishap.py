"""`--lose`, `--preempt`, `--fail-start`, `--restore`: asks the running Batch service for what only the cloud does by itself."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from local_azure import settings
from local_azure.failures import StartFailure
from local_azure.status import StatusFile

if TYPE_CHECKING:
    from azure.batch import BatchClient
    from azure.core.exceptions import HttpResponseError

_VERSION = "2025-06-01"


def ask(data: Path, mishap: str, node: str) -> str:
    """Let a mishap befall a node (POOL or POOL/NODE); returns what became of it in a sentence.

    StartFailure when no local cloud runs or the service refuses.
    """
    from azure.core.exceptions import HttpResponseError
    from azure.core.rest import HttpRequest

    pool, _, node_id = node.partition("/")
    request = HttpRequest(
        "POST",
        f"/local/pools/{quote(pool, safe='')}/{mishap}",
        params={"api-version": _VERSION, **({"nodeId": node_id} if node_id else {})},
    )
    with account_client(data) as client:
        try:
            answer = client.send_request(request)
            answer.raise_for_status()
        except HttpResponseError as error:
            raise StartFailure(refused(error)) from error
    found = answer.json()
    return f"Node {found['id']} of pool {pool} is {found['state']}."


@contextmanager
def account_client(data: Path) -> "Iterator[BatchClient]":
    """The SDK's client on the running account of a folder; StartFailure when none runs or none answers."""
    from azure.batch import BatchClient
    from azure.core.credentials import AzureNamedKeyCredential
    from azure.core.exceptions import AzureError

    status, endpoints = StatusFile(data).read(), settings.load(data)
    if status is None or endpoints is None or status.process.running() is None:
        raise StartFailure(f"No local cloud runs in {data}.")
    account = endpoints.batch
    with BatchClient(endpoints.batch_url, AzureNamedKeyCredential(account.account, account.key)) as client:
        try:
            yield client
        except AzureError as error:
            raise StartFailure(f"The Batch service at {endpoints.batch_url} does not answer.") from error


def refused(error: "HttpResponseError") -> str:
    """Why the service refuses, as a sentence: the reason it names, else its error's text."""
    refusal = json.loads(error.response.text() if error.response is not None else "{}")
    reasons = [str(value["value"]) for value in refusal.get("values", ()) if value["key"] == "Reason"]
    text: str = reasons[0] if reasons else refusal["message"]["value"].partition("\n")[0]
    return f"{text.rstrip('.')}."
