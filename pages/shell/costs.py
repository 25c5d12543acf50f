"""What of an account costs money: nothing on this computer, nodes and storage on Azure."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

from batch_core.account import Account, AccountKind, is_loopback
from batch_core.pools import PoolInfo
from pages.shell import words


def free(account: Account) -> bool:
    """Whether nothing in the account can cost money: its Batch service runs on this computer."""
    host = urlsplit(account.batch_endpoint.url).hostname or ""
    return account.kind is AccountKind.LOCAL or is_loopback(host)


def charge(pools: Sequence[PoolInfo]) -> str:
    """What Azure charges for in these pools, also for nodes that are still on their way."""
    nodes = [max(p.dedicated + p.spot, p.target_dedicated + p.target_spot) for p in pools]
    if not any(nodes):
        return "No nodes: Azure charges for storage only"
    where = f" in {words.count(sum(map(bool, nodes)), 'pool')}" if sum(map(bool, nodes)) > 1 else ""
    return f"Azure charges for {words.count(sum(nodes), 'node')}{where} and for storage"


def mark(account: Account) -> str:
    """A badge for what costs money, or would on Azure."""
    if free(account):
        return ":gray-badge[would cost money on Azure]"
    return ":orange-badge[:material/payments: costs money]"
