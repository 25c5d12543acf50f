"""The two containers of the app, and the short-lived URLs by which browsers and nodes reach what is in them."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from urllib.parse import quote, urlsplit

from azure.core.exceptions import ResourceExistsError
from azure.storage.blob import CorsRule, generate_blob_sas, generate_container_sas

from batch_core.account import Account
from batch_core.errors import Conflict, translated

INPUTS = "video-inputs"
RESULTS = "video-results"
APP = "batch-video-dashboard"
MAX_CORS_RULES = 5  # Set Blob Service Properties refuses more
DELETED_AT_ONCE = 256  # one Blob Batch request takes no more


def ensure_containers(account: Account) -> None:
    """Makes the containers that are missing, private; does nothing on an account that is only looked at."""
    if account.look_only:
        return
    with translated("make the containers for videos"):
        for name in (INPUTS, RESULTS):
            try:
                account.blobs.create_container(name, metadata={"app": APP})
            except ResourceExistsError as error:
                if getattr(error, "error_code", "") != "ContainerAlreadyExists":
                    raise


def expiry(hours: float) -> datetime:
    """A time at least `hours` from now, on a full hour, so that a URL made again soon is the same one
    and a page that is drawn again does not load a playing video anew."""
    wanted = datetime.now(UTC) + timedelta(hours=hours)
    full = wanted.replace(minute=0, second=0, microsecond=0)
    return full + timedelta(hours=1)


def read_url(
    account: Account,
    container: str,
    blob: str,
    *,
    name: str | None = None,
    content_type: str | None = None,
    hours: float = 2,
) -> str:
    """A URL that reads this one blob for about `hours`; with `name` the browser saves it under that name."""
    end = account.storage_endpoint
    sas = generate_blob_sas(
        account_name=end.account,
        account_key=end.key,
        container_name=container,
        blob_name=blob,
        permission="r",
        expiry=expiry(hours),
        protocol=_protocol(account),
        content_disposition=attachment(name) if name else None,
        content_type=content_type,
    )
    return f"{end.url}/{container}/{quote(blob, safe='/~')}?{sas}"


def inputs_url(account: Account) -> str:
    """The URL of the container that videos are uploaded to, without leave to do anything in it."""
    return f"{account.storage_endpoint.url}/{INPUTS}"


def container_url(account: Account, container: str, permissions: str, hours: float) -> str:
    """A container's URL with a SAS of these permissions ("cw": make and write blobs) for about `hours`."""
    return f"{account.storage_endpoint.url}/{container}?{container_sas(account, container, permissions, expiry(hours))}"


def container_sas(account: Account, container: str, permissions: str, until: datetime) -> str:
    """The SAS alone, valid until the given time."""
    end = account.storage_endpoint
    return str(
        generate_container_sas(
            account_name=end.account,
            account_key=end.key,
            container_name=container,
            permission=permissions,
            expiry=until,
            protocol=_protocol(account),
        )
    )


def attachment(name: str) -> str:
    """A Content-Disposition that saves a download as `name` (RFC 6266: an ASCII form and the true one)."""
    plain = "".join(c if " " <= c <= "~" and c not in '"\\%;' else "_" for c in name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


def delete_blobs(
    account: Account, container: str, names: Sequence[str], progress: Callable[[int, int], None] | None = None
) -> None:
    """Deletes blobs with their snapshots, many at once; those that are gone already are fine.

    `progress` is called with how many are gone, and how many go. Raises Conflict when storage keeps some.
    """
    client = account.blobs.get_container_client(container)
    for start in range(0, len(names), DELETED_AT_ONCE):
        part = names[start : start + DELETED_AT_ONCE]
        answers = client.delete_blobs(*part, delete_snapshots="include", raise_on_any_failure=False)
        if kept := sum(answer.status_code not in (202, 404) for answer in answers):
            raise Conflict(
                f"{kept:,} {'blob' if kept == 1 else 'blobs'} could not be deleted.",
                "They may be leased or under a legal hold.",
            )
        if progress:
            progress(start + len(part), len(names))


def _protocol(account: Account) -> str:
    return "https" if urlsplit(account.storage_endpoint.url).scheme == "https" else "https,http"


def cors_allows(account: Account, origin: str) -> bool:
    """Whether the storage lets pages of `origin` (scheme://host:port) upload and read from a browser."""
    with translated("read the storage account's CORS rules"):
        rules = account.blobs.get_service_properties()["cors"] or []
    return any(_allows(rule, origin) for rule in rules)


def allow_browser(account: Account, origins: list[str]) -> bool:
    """Adds a CORS rule for these origins to the rules that are there; other rules stay as they are.

    True when every origin is allowed afterwards. False when the account has no room for one more rule
    (five at most, and setting them replaces them all): then uploads go through the app's own route.
    """
    with translated("read the storage account's CORS rules"):
        rules = list(account.blobs.get_service_properties()["cors"] or [])
    missing = [o for o in origins if not any(_allows(rule, o) for rule in rules)]
    if not missing:
        return True
    account.require_writable()
    if len(rules) >= MAX_CORS_RULES:
        return False
    rules.append(
        CorsRule(
            missing,
            ["GET", "HEAD", "PUT", "OPTIONS"],
            allowed_headers=["*"],
            exposed_headers=["*"],
            max_age_in_seconds=3600,
        )
    )
    with translated("let the browser reach the storage account"):
        account.blobs.set_service_properties(cors=rules)  # what is not named is kept
    return True


def _allows(rule: CorsRule, origin: str) -> bool:
    origins = _listed(rule.allowed_origins)
    methods = {method.upper() for method in _listed(rule.allowed_methods)}
    headers = {header.lower() for header in _listed(rule.allowed_headers)}
    wide_enough = {"GET", "PUT", "HEAD"} <= methods and bool(headers & {"*", "x-ms-*"})
    return wide_enough and bool({"*", origin} & set(origins))


def _listed(value: str | list[str] | None) -> list[str]:
    """The SDK joins lists with commas in one direction and hands back either form."""
    parts = value.split(",") if isinstance(value, str) else value or []
    return [part.strip() for part in parts if part.strip()]
