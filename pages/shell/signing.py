"""Signed links to the app's own streaming routes, which have no session and no log-in of their own.

A link names the account by its handle; the account itself stays in this process, for as long as a link
to it is valid. The key is made when the process starts, so a restart ends every link.
"""

import hashlib
import hmac
import secrets
import threading
import time
from typing import Literal
from urllib.parse import urlencode

from starlette.requests import Request

from batch_core.account import Account

Kind = Literal["zip", "report", "blob", "file", "upload"]
PREFIX = "/stream"  # /media, /static and /component belong to Streamlit
LINK_SECONDS = 2 * 3600

_ACCOUNT, _EXPIRES, _SIGNATURE = "account", "expires", "signature"
_UNSIGNED = {"upload": {"comp", "blockid"}}  # what the browser adds to a link it was given
_key = secrets.token_bytes(32)
_lock = threading.Lock()
_accounts: dict[str, tuple[Account, float]] = {}  # by its handle: account, until when (epoch seconds)


class LinkRefused(Exception):
    """The link is not one of ours, was changed, or is too old; `str()` is the sentence for the person."""


def register(account: Account, seconds: float = LINK_SECONDS) -> None:
    """Keep the account for links that are valid for `seconds` from now on; forgets accounts without such links."""
    now = time.time()
    with _lock:
        for name in [known for known, (_, until) in _accounts.items() if until < now]:
            del _accounts[name]
        _, until = _accounts.get(account.handle, (account, 0.0))
        _accounts[account.handle] = (account, max(until, now + seconds))


def signed_url(kind: Kind, account: Account, *, seconds: float = LINK_SECONDS, **params: str) -> str:
    """A path and query on this app that may be used for about `seconds`, with these parameters and no others.

    The expiry is rounded up to a quarter of `seconds`, so that the pages of one spell get the same link.
    """
    register(account, seconds * 1.25)
    step = max(1, int(seconds / 4))
    expires = (int(time.time() + seconds) // step + 1) * step
    items = {**params, _ACCOUNT: account.handle, _EXPIRES: str(expires)}
    query = urlencode([*sorted(items.items()), (_SIGNATURE, _signature(kind, items))])
    return f"{PREFIX}/{kind}?{query}"


def verify(request: Request, kind: Kind) -> tuple[Account, dict[str, str]]:
    """The account and the signed parameters of a request. Raises LinkRefused with a sentence."""
    given = [item for item in request.query_params.multi_items() if item[0] not in _UNSIGNED.get(kind, ())]
    items = dict(given)
    signature = items.pop(_SIGNATURE, "")
    if len(items) != len(given) - 1 or not hmac.compare_digest(
        signature.encode(), _signature(kind, items).encode()
    ):
        raise LinkRefused("This link was not made by this app, or the app was restarted. Reload its page.")
    if int(items.pop(_EXPIRES)) < time.time():
        raise LinkRefused("This link is too old. Reload the page that it came from.")
    with _lock:
        known = _accounts.get(items.pop(_ACCOUNT))
    if known is None:
        raise LinkRefused("This link's account is no longer connected. Reload the page that it came from.")
    return known[0], items


def _signature(kind: Kind, items: dict[str, str]) -> str:
    message = f"{kind}\n{urlencode(sorted(items.items()))}"
    return hmac.new(_key, message.encode(), hashlib.sha256).hexdigest()
